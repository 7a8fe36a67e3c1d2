"""Resampling through any linear map, so that it commutes with quarter turns and reflections."""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import map_coordinates

from equiclust.preprocessing.resize import TOLERANCE, positions
from equiclust.typing import Array, BoolArray, Float64Array

__all__ = ["warp"]


def warp(
    pixels: Array, mask: BoolArray, *, size: int, centres: Float64Array, matrices: Float64Array
) -> tuple[Float64Array, BoolArray]:
    """Resample images of one shape to squares, each through a linear map of its own.

    A new pixel is the mean over a grid of points in it, no further apart than old pixels are, and
    a point is interpolated linearly between pixel centres. It is the mean of the valid points, and
    masked when they are less than half of its weight. All positions are measured from the centre,
    so that a map that rotates with the image gives the rotated image.

    Parameters
    ----------
    pixels : ndarray (n, c, h, w)
    mask : ndarray (h, w), bool
        `True` = ignore, in all images.
    size : int
        Side of the new images in pixels.
    centres : ndarray (n, 2), float64
        New centre (y, x) of every image, in old pixels from the old centre.
    matrices : ndarray (n, 2, 2), float64
        From new pixels (y, x) from the new centre to old pixels from `centres`.

    Returns
    -------
    pixels : ndarray (n, c, size, size), float64
        0 under the mask.
    mask : ndarray (n, size, size), bool
        `True` = ignore.
    """
    valid = (~mask).astype(np.float64)
    light = np.where(mask, 0.0, pixels.astype(np.float64))
    shown = np.empty((*pixels.shape[:2], size, size))
    hidden = np.empty((len(pixels), size, size), dtype=bool)
    for i, (centre, matrix) in enumerate(zip(centres, matrices, strict=True)):
        at = _points(size, centre, matrix, mask.shape)
        weight = _mean_at(valid, at, size)
        hidden[i] = weight < 0.5 - TOLERANCE
        total = np.stack([_mean_at(channel, at, size) for channel in light[i]])
        shown[i] = np.where(hidden[i], 0.0, total / np.where(hidden[i], 1.0, weight))
    return shown, hidden


def _points(
    size: int, centre: Float64Array, matrix: Float64Array, shape: tuple[int, ...]
) -> Float64Array:
    """Old indices `(2, s, s)` of the points at which the new pixels are sampled."""
    finer = max(1, math.ceil(np.linalg.norm(matrix, ord=2) - TOLERANCE))
    new = positions(size * finer) / finer
    (yy, yx), (xy, xx) = matrix
    y = centre[0] + (yy * new[:, None] + yx * new)
    x = centre[1] + (xy * new[:, None] + xx * new)
    return np.stack([y + (shape[0] - 1) / 2, x + (shape[1] - 1) / 2])


def _mean_at(image: Float64Array, at: Float64Array, size: int) -> Float64Array:
    found = map_coordinates(image, at, order=1, mode="grid-constant", prefilter=False)
    finer = at.shape[1] // size
    return np.asarray(found.reshape(size, finer, size, finer).mean(axis=(1, 3)))
