"""Canonical frames: every object at one apparent size, and discs face-on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from equiclust.preprocessing.background import is_on_sky, light_above_border
from equiclust.preprocessing.ellipse import Ellipses
from equiclust.preprocessing.resize import positions
from equiclust.typing import Array, BoolArray, Float64Array

__all__ = [
    "CANONICAL_RADIUS",
    "LARGEST_STRETCH",
    "Frames",
    "canonical_zooms",
    "deprojected_frames",
]


CANONICAL_RADIUS = 0.28
"""Radius of gyration per axis after scaling, in half sides: a uniform disc then has radius 0.56."""

LARGEST_STRETCH = 4.0
"""Largest factor by which a minor axis is stretched, that of an inclination of 75.5 degrees."""

# Beyond this many radii there is no object any more, only rare noise with a long lever.
_REACH = 3.5
_ROUNDS = 6
_LARGEST_ZOOM = 2.5


class Frames(NamedTuple):
    """Which part of each image is shown, and through which linear map.

    Attributes
    ----------
    offsets : ndarray (n, 2), float64
        New centre (y, x) in pixels from the old one.
    matrices : ndarray (n, 2, 2), float64
        From positions (y, x) in the new frame to positions in the old one, both in half sides.
    changed : ndarray (n,), bool
        `False` where the whole image is shown as it is.
    """

    offsets: Float64Array
    matrices: Float64Array
    changed: BoolArray


def deprojected_frames(ellipses: Ellipses, shape: tuple[int, ...], *, to_scale: bool) -> Frames:
    r"""Frames in which every object is seen face-on, its major axis where it was.

    With the unit vectors `u` and `v` along the axes `a` and `b` of its ellipse, the old frame is

    .. math::

        S = z \left(u u^T + \frac{b}{a}\, v v^T\right),

    a symmetric matrix that rotates with the image: what remains undetermined is a rotation and a
    reflection. An object that was not measured is left as it is.

    Parameters
    ----------
    ellipses : Ellipses
        From `measure_ellipses`.
    shape : tuple of two ints
        Height and width of the images in pixels.
    to_scale : bool
        Whether the apparent size is undone too: `z` is `a` over its canonical value then, else 1.

    Returns
    -------
    Frames
    """
    half = max(shape) / 2
    values, axes = np.linalg.eigh(ellipses.moments)
    minor, major = np.sqrt(values.T)
    scales = np.stack([np.maximum(minor / major, 1.0 / LARGEST_STRETCH), np.ones(len(major))], 1)
    matrices = np.einsum("nij,nj,nkj->nik", axes, scales, axes)
    if to_scale:
        matrices = matrices * _zooms(major, half)[:, None, None]
    known = ellipses.measured & ellipses.resolved
    return Frames(
        np.where(known[:, None], ellipses.centres, 0.0),
        np.where(known[:, None, None], matrices, np.eye(2)),
        known,
    )


def _zooms(radius: Float64Array, half: float) -> Float64Array:
    return np.clip(radius / (CANONICAL_RADIUS * half), 1 / _LARGEST_ZOOM, _LARGEST_ZOOM)


def canonical_zooms(
    pixels: Array, mask: BoolArray, ring: BoolArray, offsets: Float64Array | None
) -> Float64Array:
    r"""Side of the part of every image to be shown, in sides of the image.

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
        The channels are summed.
    mask : ndarray (h, w), bool
        `True` = ignore.
    ring : ndarray (h, w), bool
        `True` on the border.
    offsets : ndarray (n, 2), optional
        Centre (y, x) of every object, in pixels from the centre of the image; by default 0.

    Returns
    -------
    ndarray (n,), float64
        From 0.4 to 2.5; 1 where nothing rises above the border.
    """
    light = light_above_border(pixels, mask, ring)
    light /= np.maximum(light.max(axis=(1, 2), keepdims=True), np.finfo(float).tiny)
    square = _square_radii(mask.shape, len(light), offsets)
    half = max(mask.shape) / 2
    radius = np.full(len(light), half)
    for _ in range(_ROUNDS):
        radius = _gyration(light, square, radius)
    measured = (light.sum(axis=(1, 2)) > 0) & is_on_sky(pixels, mask, ring)
    return np.where(measured, _zooms(radius, half), 1.0)


def _square_radii(shape: tuple[int, ...], n: int, offsets: Float64Array | None) -> Float64Array:
    """Squared distance `(n, h, w)` of every pixel from the object's centre."""
    dy, dx = np.zeros((2, n)) if offsets is None else offsets.T
    y = positions(shape[0]) - dy[:, None]
    x = positions(shape[1]) - dx[:, None]
    return np.asarray(y[:, :, None] ** 2 + x[:, None, :] ** 2)


def _gyration(light: Float64Array, square: Float64Array, radius: Float64Array) -> Float64Array:
    reach = np.maximum(_REACH * radius, 1.0)[:, None, None]
    # To the power of four, by squares: pow takes ten times as long.
    weight = square / reach**2
    weight *= weight
    weight *= weight
    weight += 1.0
    np.divide(light, weight, out=weight)
    total = np.maximum(weight.sum(axis=(1, 2)), np.finfo(float).tiny)
    weight *= square
    return np.asarray(np.sqrt(weight.sum(axis=(1, 2)) / (2.0 * total)))
