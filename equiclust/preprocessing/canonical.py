"""How large the object appears, so that all can be brought to one size before they are compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from equiclust.preprocessing.levels import border_level, is_on_sky, noise
from equiclust.preprocessing.resize import positions

__all__ = ["CANONICAL_RADIUS", "canonical_zooms"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

CANONICAL_RADIUS = 0.28
"""Radius of gyration per axis after scaling, in half sides: a uniform disc then reaches 0.56."""

# What rises less than this many standard deviations of the border above it is not the object.
_SIGNIFICANCE = 3.0
# Beyond this many radii there is no object any more, only rare noise with a long lever.
_REACH = 3.5
_STEEPNESS = 8
_ROUNDS = 6
_LARGEST_ZOOM = 2.5


def canonical_zooms(
    pixels: npt.NDArray[Any], mask: Mask, ring: Mask, offsets: Array | None
) -> Array:
    r"""Side of the part of the frame to be shown, in sides of the frame, for every image.

    The object's size is its radius of gyration per axis, from the adaptive second moments of what
    rises three standard deviations above the border, in the manner of Bernstein & Jarvis (2002):

    .. math::

        R^2 = \frac{\sum w\,f\,r^2}{2 \sum w\,f}, \qquad
        w = \left(1 + \left(\frac{r}{3.5 R}\right)^8\right)^{-1}

    solved by iteration from the whole frame. A texture, or something dark, has no such size: it is
    left as it is.

    Parameters
    ----------
    pixels : ndarray (n, c, h, w)
        The channels are added up.
    mask, ring : ndarray (h, w), bool
        What to ignore, and what is border.
    offsets : ndarray (n, 2), optional
        Centre (y, x) of every object, in pixels from the middle of the frame.

    Returns
    -------
    ndarray (n,), float64
        From 0.4 to 2.5; 1 where nothing rises above the border.
    """
    total = pixels.sum(axis=1, keepdims=True, dtype=float)
    level = border_level(total, ring)
    excess = total - level[:, None, None, None]
    floor = _SIGNIFICANCE * noise(total, ring)[:, None, None, None]
    light = np.where((excess > floor) & ~mask, excess, 0.0)[:, 0]
    light /= np.maximum(light.max(axis=(1, 2), keepdims=True), np.finfo(float).tiny)
    square = _square_radii(mask.shape, len(total), offsets)
    half = max(mask.shape) / 2
    radius = np.full(len(total), half)
    for _ in range(_ROUNDS):
        radius = _gyration(light, square, radius)
    zooms = np.clip(radius / (CANONICAL_RADIUS * half), 1 / _LARGEST_ZOOM, _LARGEST_ZOOM)
    measured = (light.sum(axis=(1, 2)) > 0) & is_on_sky(total[:, 0][:, ~mask], level)
    return np.where(measured, zooms, 1.0)


def _square_radii(shape: tuple[int, ...], n: int, offsets: Array | None) -> Array:
    """Squared distance `(n, h, w)` of every pixel from the object's centre."""
    dy, dx = np.zeros((2, n)) if offsets is None else offsets.T
    y = positions(shape[0]) - dy[:, None]
    x = positions(shape[1]) - dx[:, None]
    return np.asarray(y[:, :, None] ** 2 + x[:, None, :] ** 2)


def _gyration(light: Array, square: Array, radius: Array) -> Array:
    reach = np.maximum(_REACH * radius, 1.0)[:, None, None]
    weight = light / (1.0 + (square / reach**2) ** (_STEEPNESS // 2))
    total = np.maximum(weight.sum(axis=(1, 2)), np.finfo(float).tiny)
    return np.asarray(np.sqrt((weight * square).sum(axis=(1, 2)) / (2.0 * total)))
