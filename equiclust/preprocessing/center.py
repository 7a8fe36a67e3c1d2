"""Where the object lies in its frame, measured from the middle of the frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from equiclust.preprocessing.levels import light_above_border
from equiclust.preprocessing.resize import positions

__all__ = ["centroid_offsets", "peak_offsets"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def centroid_offsets(pixels: npt.NDArray[Any], mask: Mask, ring: Mask) -> Array:
    """Centre of light (y, x) of every image, in pixels from the middle of the frame.

    Parameters
    ----------
    pixels : ndarray (n, c, h, w)
        The channels are added up.
    mask, ring : ndarray (h, w), bool
        What to ignore, and what is border; see `light_above_border`.

    Returns
    -------
    ndarray (n, 2), float64
        0 where nothing rises above the border.
    """
    return _mean_position(light_above_border(pixels, mask, ring))


def peak_offsets(pixels: npt.NDArray[Any], mask: Mask) -> Array:
    """Brightest pixel (y, x) of every image, in pixels from the middle of the frame.

    Parameters
    ----------
    pixels : ndarray (n, c, h, w)
        The channels are added up.
    mask : ndarray (h, w), bool
        What to ignore.

    Returns
    -------
    ndarray (n, 2), float64
        The mean position where several pixels are equally bright.
    """
    total = np.where(mask, -np.inf, pixels.sum(axis=1, dtype=float))
    brightest = total.max(axis=(1, 2), keepdims=True)
    return _mean_position((total == brightest).astype(float))


def _mean_position(weights: Array) -> Array:
    height, width = weights.shape[-2:]
    # Weights of 1e38 are legal, and so are their sums, but not those of sums times positions.
    weights = weights / np.maximum(weights.max(axis=(1, 2), keepdims=True), np.finfo(float).tiny)
    total = np.maximum(weights.sum(axis=(1, 2)), 1.0)
    y = weights.sum(axis=2) @ positions(height)
    x = weights.sum(axis=1) @ positions(width)
    return np.stack([y / total, x / total], axis=1)
