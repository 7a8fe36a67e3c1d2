"""How large and how inclined an object appears, so that all can be compared as seen alike."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from equiclust.preprocessing.ellipse import Ellipses
from equiclust.preprocessing.levels import is_on_sky, light_above_border
from equiclust.preprocessing.resize import positions

__all__ = [
    "CANONICAL_RADIUS",
    "LARGEST_STRETCH",
    "Frames",
    "canonical_zooms",
    "deprojected_frames",
]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

CANONICAL_RADIUS = 0.28
"""Radius of gyration per axis after scaling, in half sides: a uniform disc then reaches 0.56."""

LARGEST_STRETCH = 4.0
"""Of the minor axis, at an inclination of 75.5 degrees: of what is more inclined little is seen."""

# Beyond this many radii there is no object any more, only rare noise with a long lever.
_REACH = 3.5
_STEEPNESS = 8
_ROUNDS = 6
_LARGEST_ZOOM = 2.5


class Frames(NamedTuple):
    """What part of each image is shown, and how.

    Attributes
    ----------
    offsets : ndarray (n, 2)
        New middle (y, x) in pixels from the old one.
    matrices : ndarray (n, 2, 2)
        From positions (y, x) in the new frame to positions in the old one, both in half sides.
    changed : ndarray (n,), bool
        Where they are not those of the whole frame.
    """

    offsets: Array
    matrices: Array
    changed: Mask


def deprojected_frames(ellipses: Ellipses, shape: tuple[int, ...], *, to_scale: bool) -> Frames:
    r"""Frames in which every object is seen face-on, its major axis where it was.

    With the unit vectors `u` and `v` along the axes `a` and `b` of its ellipse, the old frame is

    .. math::

        S = z \left(u u^T + \frac{b}{a}\, v v^T\right),

    a symmetric matrix that turns with the image: what is left to be undone is a rotation and a
    mirror. An object that was not measured is left as it is.

    Parameters
    ----------
    ellipses : Ellipses
    shape : (int, int)
        Height and width of the images.
    to_scale : bool
        Whether the apparent size is undone too, `z` being `a` over its canonical value; else 1.
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


def _zooms(radius: Array, half: float) -> Array:
    return np.clip(radius / (CANONICAL_RADIUS * half), 1 / _LARGEST_ZOOM, _LARGEST_ZOOM)


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
    light = light_above_border(pixels, mask, ring)
    light /= np.maximum(light.max(axis=(1, 2), keepdims=True), np.finfo(float).tiny)
    square = _square_radii(mask.shape, len(light), offsets)
    half = max(mask.shape) / 2
    radius = np.full(len(light), half)
    for _ in range(_ROUNDS):
        radius = _gyration(light, square, radius)
    measured = (light.sum(axis=(1, 2)) > 0) & is_on_sky(pixels, mask, ring)
    return np.where(measured, _zooms(radius, half), 1.0)


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
