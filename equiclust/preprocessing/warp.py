"""Resampling through any linear map, so that it commutes with every quarter turn and mirror."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import map_coordinates

from equiclust.preprocessing.resize import TOLERANCE, positions

__all__ = ["warp"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def warp(
    pixels: npt.NDArray[Any], mask: Mask, *, size: int, centres: Array, matrices: Array
) -> tuple[Array, Mask]:
    """Square images of side `size`, each through a linear map of its own.

    A new pixel is the mean over a grid of points in it, no further apart than old pixels are, and
    a point is interpolated linearly between pixel centres. All positions are measured from the
    middle, so that a map that turns with the image gives the image turned.

    Parameters
    ----------
    pixels : ndarray (n, c, h, w)
    mask : ndarray (h, w), bool
        `True` = ignore, in all of them. A new pixel is the mean of the valid points in it, and
        masked when they are less than half of its weight.
    size : int
        Side of the new images.
    centres : ndarray (n, 2)
        New middle (y, x) of every image, in old pixels from the old middle.
    matrices : ndarray (n, 2, 2)
        From new pixels (y, x) from the new middle to old ones from `centres`.

    Returns
    -------
    pixels : ndarray (n, c, size, size), float64
        0 under the mask.
    mask : ndarray (n, size, size), bool
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


def _points(size: int, centre: Array, matrix: Array, shape: tuple[int, ...]) -> Array:
    """Indices `(2, s, s)` of the old pixels at which the new ones are looked at."""
    finer = max(1, math.ceil(np.linalg.norm(matrix, ord=2) - TOLERANCE))
    new = positions(size * finer) / finer
    (yy, yx), (xy, xx) = matrix
    y = centre[0] + (yy * new[:, None] + yx * new)
    x = centre[1] + (xy * new[:, None] + xx * new)
    return np.stack([y + (shape[0] - 1) / 2, x + (shape[1] - 1) / 2])


def _mean_at(image: Array, at: Array, size: int) -> Array:
    found = map_coordinates(image, at, order=1, mode="grid-constant", prefilter=False)
    finer = at.shape[1] // size
    return np.asarray(found.reshape(size, finer, size, finer).mean(axis=(1, 3)))
