"""The background of an image: its level, its noise, and the limits of brightness above it."""

from __future__ import annotations

import numpy as np
from scipy.stats import median_abs_deviation

from equiclust.preprocessing.resize import positions
from equiclust.typing import Array, BoolArray, Float64Array

__all__ = [
    "border",
    "border_level",
    "is_on_sky",
    "light_above_border",
    "limits",
    "noise",
]

# The outer part of the valid pixels that counts as border.
BORDER_FRACTION = 0.1
# An image that rises less than this many times as far above its border as it falls below is not an
# object on a sky.
RISE_OVER_FALL = 3.0
# What rises less than this many standard deviations of the border above it is not the object.
SIGNIFICANCE = 3.0
# float32 holds 7 digits: a contrast below the last of them is no contrast.
FLATNESS = 1e-6
TIE = 1e-9


def border(mask: BoolArray) -> BoolArray:
    """Outer tenth of the valid pixels.

    Parameters
    ----------
    mask : ndarray (h, w), bool
        `True` = ignore. Where the edge of the frame is masked, the border lies further in.

    Returns
    -------
    ndarray (h, w), bool
        `True` on the border.
    """
    height, width = mask.shape
    y = np.abs(positions(height)) / height
    x = np.abs(positions(width)) / width
    distance = np.maximum(y[:, None], x[None, :])
    valid = distance[~mask]
    if valid.size == 0:
        return np.zeros_like(mask)
    inner = np.quantile(valid, 1 - BORDER_FRACTION, method="lower")
    outer: BoolArray = (distance >= inner) & ~mask
    return outer


def border_level(pixels: Array, ring: BoolArray) -> Float64Array:
    """Median of the border of every image, over its channels together.

    Parameters
    ----------
    pixels : ndarray (n, c, h, w)
    ring : ndarray (h, w), bool
        `True` on the border.

    Returns
    -------
    ndarray (n,), float64
        In the unit of the pixels.
    """
    return np.asarray(np.median(_border_values(pixels, ring), axis=1))


def noise(pixels: Array, ring: BoolArray) -> Float64Array:
    """Standard deviation of the border of every image, from its median absolute deviation.

    Parameters
    ----------
    pixels : ndarray (n, c, h, w)
    ring : ndarray (h, w), bool
        `True` on the border.

    Returns
    -------
    ndarray (n,), float64
        In the unit of the pixels.
    """
    return np.asarray(median_abs_deviation(_border_values(pixels, ring), axis=1, scale="normal"))


def _border_values(pixels: Array, ring: BoolArray) -> Float64Array:
    return pixels[:, :, ring].astype(np.float64).reshape(len(pixels), -1)


def light_above_border(pixels: Array, mask: BoolArray, ring: BoolArray) -> Float64Array:
    """Excess over the border where it is three standard deviations or more, and 0 elsewhere.

    Noise all over the frame would pull every moment of the light towards that of the frame.

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
    ndarray (n, h, w), float64
        In the unit of the pixels.
    """
    total = pixels.sum(axis=1, keepdims=True, dtype=float)
    excess = (total - border_level(total, ring)[:, None, None, None])[:, 0]
    floor = SIGNIFICANCE * noise(total, ring)[:, None, None]
    return np.where((excess > floor) & ~mask, excess, 0.0)


def limits(
    values: Float64Array, background: Float64Array | None, *, percentiles: tuple[float, float]
) -> Float64Array:
    """Lower and upper limit of the display of every image.

    Parameters
    ----------
    values : ndarray (n, k), float64
        Valid values of every image.
    background : ndarray (n,), float64, or None
        Level that becomes black. It is taken where the image rises at least three times as far
        above it as it falls below, as an object on a sky does; a texture or a dark object keeps the
        lower percentile.
    percentiles : tuple of two floats
        Where both limits coincide although the image varies, its extremes are taken.

    Returns
    -------
    ndarray (n, 2), float64
        Equal to each other where the image is constant.
    """
    ends = np.percentile(values, [0.0, *percentiles, 100.0], axis=1)
    least, lower, upper, most = ends
    if background is not None:
        sky = _rises(lower, upper, background)
        lower = np.where(sky, np.maximum(lower, background), lower)
    narrow = _flat(lower, upper)
    lower, upper = np.where(narrow, least, lower), np.where(narrow, most, upper)
    return np.stack([lower, np.where(_flat(lower, upper), lower, upper)], axis=1)


def is_on_sky(pixels: Array, mask: BoolArray, ring: BoolArray) -> BoolArray:
    """Whether each image shows an object on a sky, and not a texture or something dark.

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
    ndarray (n,), bool
    """
    total = pixels.sum(axis=1, keepdims=True, dtype=float)
    lower, upper = np.percentile(total[:, 0, ~mask], [1.0, 99.9], axis=1)
    return _rises(lower, upper, border_level(total, ring))


def _rises(lower: Float64Array, upper: Float64Array, background: Float64Array) -> BoolArray:
    rise, fall = upper - background, background - lower
    # A tie must not be decided by rounding.
    sky: BoolArray = (rise > 0) & (rise - RISE_OVER_FALL * fall >= -TIE * (upper - lower))
    return sky


def _flat(lower: Float64Array, upper: Float64Array) -> BoolArray:
    flat: BoolArray = upper - lower <= FLATNESS * np.maximum(np.abs(lower), np.abs(upper))
    return flat
