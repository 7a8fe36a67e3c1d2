"""Position of an object in its image, measured from the centre of the image."""

from __future__ import annotations

import numpy as np

from equiclust.preprocessing.background import light_above_border
from equiclust.preprocessing.resize import positions
from equiclust.typing import Array, BoolArray, Float64Array

__all__ = ["centroid_offsets", "peak_offsets"]


def centroid_offsets(pixels: Array, mask: BoolArray, ring: BoolArray) -> Float64Array:
    """Centre of light of every image.

    Parameters
    ----------
    pixels : ndarray (n, c, h, w)
        The channels are summed.
    mask : ndarray (h, w), bool
        `True` = ignore.
    ring : ndarray (h, w), bool
        `True` on the border.

    Returns
    -------
    ndarray (n, 2), float64
        Position (y, x) in pixels from the centre of the image; 0 where nothing rises above the
        border, see `light_above_border`.
    """
    return _mean_position(light_above_border(pixels, mask, ring))


def peak_offsets(pixels: Array, mask: BoolArray) -> Float64Array:
    """Brightest pixel of every image.

    Parameters
    ----------
    pixels : ndarray (n, c, h, w)
        The channels are summed.
    mask : ndarray (h, w), bool
        `True` = ignore.

    Returns
    -------
    ndarray (n, 2), float64
        Position (y, x) in pixels from the centre of the image; the mean position where several
        pixels are equally bright.
    """
    total = np.where(mask, -np.inf, pixels.sum(axis=1, dtype=float))
    brightest = total.max(axis=(1, 2), keepdims=True)
    return _mean_position((total == brightest).astype(float))


def _mean_position(weights: Float64Array) -> Float64Array:
    height, width = weights.shape[-2:]
    # Weights of 1e38 are legal, and so are their sums, but not those of sums times positions.
    weights = weights / np.maximum(weights.max(axis=(1, 2), keepdims=True), np.finfo(float).tiny)
    total = np.maximum(weights.sum(axis=(1, 2)), 1.0)
    y = weights.sum(axis=2) @ positions(height)
    x = weights.sum(axis=1) @ positions(width)
    return np.stack([y / total, x / total], axis=1)
