"""Outlines of flat shapes as signed distances: below 0 inside, 0 on the edge, above 0 outside.

Every shape lies about the origin and reaches to a radius of about 1. `form` from 0 to 1 varies it
within its class: slimmer or fuller, never another class.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from equiclust.typing import Float64Array

__all__ = ["SHAPE_CLASSES", "signed_distance"]


def signed_distance(class_name: str, x: Float64Array, y: Float64Array, form: float) -> Float64Array:
    """Distance to the outline of a shape, negative inside.

    Near the edge it is right to first order; far from it, only the sign is.

    Parameters
    ----------
    class_name : str
        One of `SHAPE_CLASSES`.
    x, y : ndarray, float64
        Positions in the frame of the shape, in units of its radius.
    form : float
        From 0 to 1, the variety within the class.

    Returns
    -------
    ndarray, float64
        Of the shape of `x` and `y`, in units of the radius.
    """
    return _OUTLINES[class_name](x, y, form)


def _between(low: float, high: float, form: float) -> float:
    return low + (high - low) * form


def _corners(angles: npt.ArrayLike, radius: npt.ArrayLike = 1.0) -> Float64Array:
    """Points `(m, 2)` at these angles in degrees, counter-clockwise from +x."""
    turn = np.deg2rad(np.asarray(angles, dtype=np.float64))
    points: Float64Array = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return points * np.reshape(np.asarray(radius, dtype=np.float64), (-1, 1))


def _to_segments(
    x: Float64Array, y: Float64Array, start: Float64Array, end: Float64Array
) -> Float64Array:
    """Distance to the nearest of the segments `start` to `end`, each `(m, 2)`."""
    nearest = np.full(x.shape, np.inf)
    for (ax, ay), (bx, by) in zip(start.tolist(), (end - start).tolist(), strict=True):
        along = np.clip(((x - ax) * bx + (y - ay) * by) / (bx * bx + by * by), 0.0, 1.0)
        squared = (x - ax - along * bx) ** 2 + (y - ay - along * by) ** 2
        np.minimum(nearest, squared, out=nearest)
    distance: Float64Array = np.sqrt(nearest)
    return distance


def _polygon(x: Float64Array, y: Float64Array, corners: Float64Array) -> Float64Array:
    """Inside where a ray to the right crosses the outline an odd number of times."""
    following = np.roll(corners, -1, axis=0)
    inside = np.zeros(x.shape, dtype=bool)
    for (ax, ay), (bx, by) in zip(corners.tolist(), following.tolist(), strict=True):
        if ay != by:
            inside ^= ((ay > y) != (by > y)) & (x < ax + (y - ay) * (bx - ax) / (by - ay))
    return np.where(inside, -1.0, 1.0) * _to_segments(x, y, corners, following)


def _stroke(x: Float64Array, y: Float64Array, points: Float64Array, width: float) -> Float64Array:
    """Line through the points with round ends; `width` is half of it."""
    return _to_segments(x, y, points[:-1], points[1:]) - width


def _disc(x: Float64Array, y: Float64Array, centre: float, radius: float) -> Float64Array:
    """Disc about a point of the x axis."""
    return np.hypot(x - centre, y) - radius


def _box(x: Float64Array, y: Float64Array, width: float, height: float) -> Float64Array:
    corners = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * np.array([width, height])
    return _polygon(x, y, corners)


def _ellipse(x: Float64Array, y: Float64Array, form: float) -> Float64Array:
    axis = _between(0.45, 0.65, form)
    level = np.hypot(x, y / axis)
    # The level's distance from 1 over its slope.
    slope = np.hypot(x, y / axis**2) / np.maximum(level, 1e-9)
    return (level - 1.0) / np.maximum(slope, 1.0)


def _bar(x: Float64Array, y: Float64Array, form: float) -> Float64Array:
    return _box(x, y, 1.0, _between(0.1, 0.17, form))


def _triangle(x: Float64Array, y: Float64Array, form: float) -> Float64Array:
    corners = _corners([90, 210, 330]) * np.array([_between(0.85, 1.0, form), 1.0])
    return _polygon(x, y, corners)


def _square(x: Float64Array, y: Float64Array, form: float) -> Float64Array:
    return _box(x, y, 0.72, 0.72 * _between(0.92, 1.0, form))


def _star(x: Float64Array, y: Float64Array, form: float) -> Float64Array:
    radii = np.tile([1.0, _between(0.36, 0.46, form)], 5)
    return _polygon(x, y, _corners(90 + 36 * np.arange(10), radii))


def _ring(x: Float64Array, y: Float64Array, form: float) -> Float64Array:
    width = _between(0.1, 0.2, form)
    return np.abs(_disc(x, y, 0.0, 1.0 - width)) - width


def _cross(x: Float64Array, y: Float64Array, form: float) -> Float64Array:
    width = _between(0.15, 0.24, form)
    return np.minimum(_box(x, y, 1.0, width), _box(x, y, width, 1.0))


def _crescent(x: Float64Array, y: Float64Array, form: float) -> Float64Array:
    bite = _disc(x, y, _between(0.75, 0.9, form), 0.72)
    return np.maximum(_disc(x, y, 0.3, 0.88), -bite)


def _hook(x: Float64Array, y: Float64Array, form: float) -> Float64Array:
    points = np.array([[-0.4, 0.75], [-0.4, -0.65], [0.5, -0.65]])
    return _stroke(x, y, points, _between(0.13, 0.2, form))


def _two_lobes(x: Float64Array, y: Float64Array, form: float) -> Float64Array:
    radius = _between(0.26, 0.38, form)
    return _disc(np.abs(x), y, 1.0 - radius, radius)


def _three_arms(x: Float64Array, y: Float64Array, form: float) -> Float64Array:
    ends = 0.85 * _corners([90, 210, 330])
    return _to_segments(x, y, np.zeros((3, 2)), ends) - _between(0.11, 0.18, form)


def _letter_s(x: Float64Array, y: Float64Array, form: float) -> Float64Array:
    upper = 0.42 * (_corners(np.linspace(10, 270, 15)) + np.array([0.0, 1.0]))
    return _stroke(x, y, np.concatenate([upper, -upper[-2::-1]]), _between(0.1, 0.15, form))


_OUTLINES: dict[str, Callable[[Float64Array, Float64Array, float], Float64Array]] = {
    "ellipse": _ellipse,
    "bar": _bar,
    "triangle": _triangle,
    "square": _square,
    "star": _star,
    "ring": _ring,
    "cross": _cross,
    "crescent": _crescent,
    "hook": _hook,
    "two_lobes": _two_lobes,
    "three_arms": _three_arms,
    "letter_s": _letter_s,
}

SHAPE_CLASSES = tuple(_OUTLINES)
"""Names of the classes; their order is that of `kind_index`."""
