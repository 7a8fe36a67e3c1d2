"""Directions and beams on the sky, in pixels of the image."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from equiclust.images import Image

__all__ = ["beam_moments", "position_angle"]

Array = npt.NDArray[np.float64]

_FWHM = math.sqrt(8.0 * math.log(2.0))


def beam_moments(image: Image) -> Array:
    """Second moments `(2, 2)` of the beam along (y, x), in square pixels; 0 if it is not known."""
    if image.beam is None or image.wcs is None:
        return np.zeros((2, 2))
    major, minor, angle = image.beam
    turn = math.radians(angle)
    axes = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    widths = np.square([major / _FWHM, minor / _FWHM])
    to_pixels = np.linalg.inv(_to_sky(image))
    return np.asarray(to_pixels @ (axes * widths) @ axes.T @ to_pixels.T)


def position_angle(image: Image, direction: Array) -> float:
    """Angle of a direction (y, x) in the image, in degrees from 0 to 180.

    East of north where the image has coordinates; else from the direction of growing rows to that
    of falling columns, which is the same if north is up and east is left.
    """
    north, east = (_to_sky(image) if image.wcs is not None else np.diag([1.0, -1.0])) @ direction
    return math.degrees(math.atan2(east, north)) % 180.0


def _to_sky(image: Image) -> Array:
    """From pixels (y, x) to degrees (north, east)."""
    assert image.wcs is not None
    east_north = np.asarray(image.wcs.celestial.pixel_scale_matrix, dtype=np.float64)
    return east_north[::-1, ::-1]
