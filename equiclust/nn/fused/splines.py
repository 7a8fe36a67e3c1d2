"""Images rotated by cubic splines on the CPU, as `SplineRotation` does it."""

from __future__ import annotations

import numpy as np

from equiclust.nn.fused.vectors import PANEL, PIXELS, compiled, matrix_tile
from equiclust.typing import Float32Array, IntArray

__all__ = ["MARGIN", "prefilter_splines", "rotate_splines"]

MARGIN = 4
"""Zeros around the coefficients of an image."""


@compiled
def prefilter_splines(
    images: Float32Array, prefilter: Float32Array, packed: Float32Array, out: Float32Array
) -> None:
    """Coefficients of the splines through the pixels.

    Parameters
    ----------
    images : ndarray (n, c, s, s)
    prefilter : ndarray (s, s)
        From the values on an axis to the coefficients.
    packed : ndarray (s / PANEL, s, PANEL)
        Its transpose.
    out : ndarray (n, c, s + 2 MARGIN, s + 2 MARGIN)
        Filled but for the margin.
    """
    n, channels, size, _ = images.shape
    stride = size + 2 * MARGIN
    panels = size // PANEL
    rows, weights = prefilter.reshape(-1), packed.reshape(-1)
    along = np.empty(size * size, np.float32)
    places = np.arange(size)
    for index in range(n):
        for channel in range(channels):
            image = images[index, channel].reshape(-1)
            made = out[index, channel].reshape(-1)
            for first in range(0, size, PIXELS):
                for panel in range(panels):
                    at = panel * size * PANEL
                    to = at + first * PANEL
                    matrix_tile(image, first * size, size, places, weights, at, along, to, PANEL)
            for first in range(0, size, PIXELS):
                for panel in range(panels):
                    at = panel * size * PANEL
                    to = (first + MARGIN) * stride + MARGIN + panel * PANEL
                    matrix_tile(rows, first * size, size, places, along, at, made, to, stride)


@compiled
def rotate_splines(
    coefficients: Float32Array,
    starts: IntArray,
    row_weights: Float32Array,
    column_weights: Float32Array,
    out: Float32Array,
) -> None:
    """Sample the splines at the places that the rotation brings to the pixels.

    Parameters
    ----------
    coefficients : ndarray (n, c, s + 2 MARGIN, s + 2 MARGIN)
        With zeros around.
    starts : ndarray (s, s)
        Which coefficient of a plane is the first of the 4 x 4 that a pixel is made of.
    row_weights, column_weights : ndarray (s, s, 4)
        What each of them counts, as a product.
    out : ndarray (n, c, s + 6, s + 6)
        Filled but for the three pixels around.
    """
    n, channels, stride, _ = coefficients.shape
    size = len(starts)
    for index in range(n):
        for channel in range(channels):
            plane = coefficients[index, channel].reshape(-1)
            for y in range(size):
                for x in range(size):
                    weights, total = column_weights[y, x], np.float32(0.0)
                    for i in range(4):
                        first = starts[y, x] + i * stride
                        line = plane[first : first + 4]
                        near = weights[1] * line[1] + weights[2] * line[2]
                        far = weights[0] * line[0] + weights[3] * line[3]
                        total += row_weights[y, x, i] * (near + far)
                    out[index, channel, y + 3, x + 3] = total
