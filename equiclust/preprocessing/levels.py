"""Levels of brightness: the background, the limits of the display, and the curve between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from equiclust.preprocessing.resize import positions

__all__ = [
    "STRETCHES",
    "Stretch",
    "border",
    "border_level",
    "is_on_sky",
    "light_above_border",
    "limits",
    "noise",
]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Curve = Callable[[Array], Array]

# Where the asinh and log curves turn from linear to logarithmic, as fractions of the full range.
SOFTENING = 0.1
LOG_FLOOR = 1e-3
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


class Stretch(NamedTuple):
    """A monotone curve of [0, 1] onto itself and its inverse."""

    forward: Curve
    inverse: Curve


STRETCHES: dict[str, Stretch] = {
    "linear": Stretch(lambda t: t, lambda y: y),
    "sqrt": Stretch(np.sqrt, np.square),
    "asinh": Stretch(
        lambda t: np.arcsinh(t / SOFTENING) / np.arcsinh(1 / SOFTENING),
        lambda y: SOFTENING * np.sinh(y * np.arcsinh(1 / SOFTENING)),
    ),
    "log": Stretch(
        lambda t: np.log1p(t / LOG_FLOOR) / np.log1p(1 / LOG_FLOOR),
        lambda y: LOG_FLOOR * np.expm1(y * np.log1p(1 / LOG_FLOOR)),
    ),
}


def border(mask: Mask) -> Mask:
    """The outer tenth of the valid pixels, as a boolean map.

    Parameters
    ----------
    mask : ndarray (h, w), bool
        `True` = ignore. Where the frame's edge is masked, the border lies further in.
    """
    height, width = mask.shape
    y = np.abs(positions(height)) / height
    x = np.abs(positions(width)) / width
    distance = np.maximum(y[:, None], x[None, :])
    valid = distance[~mask]
    if valid.size == 0:
        return np.zeros_like(mask)
    inner = np.quantile(valid, 1 - BORDER_FRACTION, method="lower")
    outer: Mask = (distance >= inner) & ~mask
    return outer


def border_level(pixels: npt.NDArray[Any], ring: Mask) -> Array:
    """Median of the border of every image `(n, c, h, w)`, over its channels together: `(n,)`."""
    values = pixels[:, :, ring].astype(float)
    level: Array = np.median(values.reshape(len(pixels), -1), axis=1)
    return level


def noise(pixels: npt.NDArray[Any], ring: Mask) -> Array:
    """Standard deviation of the border `(n,)`, from the median absolute deviation."""
    level = border_level(pixels, ring)
    distance = np.abs(pixels[:, :, ring].astype(float) - level[:, None, None])
    spread: Array = 1.4826 * np.median(distance.reshape(len(pixels), -1), axis=1)
    return spread


def light_above_border(pixels: npt.NDArray[Any], mask: Mask, ring: Mask) -> Array:
    """What rises three standard deviations above the border, and 0 elsewhere: `(n, h, w)`.

    Noise all over the frame would pull every moment of the light towards that of the frame.

    Parameters
    ----------
    pixels : ndarray (n, c, h, w)
        The channels are added up.
    mask, ring : ndarray (h, w), bool
        What to ignore, and what is border.
    """
    total = pixels.sum(axis=1, keepdims=True, dtype=float)
    excess = (total - border_level(total, ring)[:, None, None, None])[:, 0]
    floor = SIGNIFICANCE * noise(total, ring)[:, None, None]
    return np.where((excess > floor) & ~mask, excess, 0.0)


def limits(values: Array, background: Array | None, *, percentiles: tuple[float, float]) -> Array:
    """Lower and upper limit of every image, `(n, 2)`.

    Parameters
    ----------
    values : ndarray (n, k)
        The valid values of every image.
    background : ndarray (n,), optional
        Level that is to be black. It is taken where the image rises at least three times as far
        above it as it falls below, as an object on a sky does; a texture or a dark object keeps the
        lower percentile.
    percentiles : pair of float
        Where the limits coincide though the image varies, its extremes are taken.

    Returns
    -------
    ndarray (n, 2)
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


def is_on_sky(pixels: npt.NDArray[Any], mask: Mask, ring: Mask) -> Mask:
    """Whether each image `(n, c, h, w)` shows an object on a sky: `(n,)`.

    Parameters
    ----------
    pixels : ndarray (n, c, h, w)
        The channels are added up.
    mask, ring : ndarray (h, w), bool
        What to ignore, and what is border.
    """
    total = pixels.sum(axis=1, keepdims=True, dtype=float)
    lower, upper = np.percentile(total[:, 0, ~mask], [1.0, 99.9], axis=1)
    return _rises(lower, upper, border_level(total, ring))


def _rises(lower: Array, upper: Array, background: Array) -> Mask:
    rise, fall = upper - background, background - lower
    # A tie must not be decided by rounding.
    sky: Mask = (rise > 0) & (rise - RISE_OVER_FALL * fall >= -TIE * (upper - lower))
    return sky


def _flat(lower: Array, upper: Array) -> Mask:
    flat: Mask = upper - lower <= FLATNESS * np.maximum(np.abs(lower), np.abs(upper))
    return flat
