"""Gradient of the filters of a convolution of every channel by its own, in compiled loops."""

from __future__ import annotations

import numpy as np

from equiclust.compiled import compiled
from equiclust.typing import Array, Float32Array

__all__ = ["depthwise_gradient"]


def depthwise_gradient(x: Float32Array, gradient: Float32Array, side: int) -> Float32Array:
    """Sum of the products of every input with the gradients of the outputs that it enters.

    Parameters
    ----------
    x, gradient : ndarray (n, h, w, c), float32
        Input, and gradient of the output of the same size.
    side : int
        Of the filters, odd.

    Returns
    -------
    ndarray (side, side, c), float32
    """
    n, _, _, channels = x.shape
    # Image by image, so that no sum grows long.
    sums = np.zeros((n, side, side, channels), dtype=np.float32)
    _add_products(x, gradient, sums)
    total: Float32Array = sums.sum(axis=0)
    return total


@compiled
def _add_products(x: Array, gradient: Array, sums: Array) -> None:
    n, height, width, channels = x.shape
    side = sums.shape[1]
    reach = side // 2
    for image in range(n):
        for row in range(height):
            for down in range(max(0, reach - row), min(side, height + reach - row)):
                line = x[image, row + down - reach]
                for column in range(width):
                    here = gradient[image, row, column]
                    for right in range(max(0, reach - column), min(side, width + reach - column)):
                        there = line[column + right - reach]
                        total = sums[image, down, right]
                        for channel in range(channels):
                            total[channel] += there[channel] * here[channel]
