"""Directions and beams on the sky, in pixels of the image."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from equiclust.images import Image

__all__ = ["beam_moments", "to_sky"]

Array = npt.NDArray[np.float64]

_FWHM = math.sqrt(8.0 * math.log(2.0))
_STEP = 0.5
# Without coordinates rows grow to the north and columns to the west.
_UPRIGHT = np.diag([1.0, -1.0])


def beam_moments(image: Image) -> Array:
    """Second moments `(2, 2)` of the beam along (y, x), in square pixels; 0 if it is not known."""
    nothing = np.zeros((2, 2))
    local = _local(image, np.zeros(2))
    if image.beam is None or local is None:
        return nothing
    major, minor, angle = image.beam
    turn = math.radians(angle)
    axes = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    with np.errstate(over="ignore", invalid="ignore"):
        widths = np.square([major / _FWHM, minor / _FWHM])
        to_pixels = np.linalg.inv(local)
        found: Array = to_pixels @ (axes * widths) @ axes.T @ to_pixels.T
    return found if np.isfinite(found).all() else nothing


def to_sky(image: Image, place: Array) -> Array:
    """From offsets in pixels (y, x) to offsets on the sky (north, east), ICRS: `(2, 2)`.

    Without coordinates, the direction of growing rows is taken for north, that of falling columns
    for east, and a pixel for the unit.

    Parameters
    ----------
    image : Image
    place : ndarray (2,)
        Where, (y, x) in pixels from the middle of the frame.
    """
    local = _local(image, place)
    return _UPRIGHT if local is None else local


def _local(image: Image, place: Array) -> Array | None:
    """Degrees (north, east) a pixel (y, x) at a place, or None where the header does not tell."""
    if image.wcs is None or not image.wcs.has_celestial:
        return None
    _, height, width = image.shape
    y, x = place + (np.array([height, width]) - 1.0) / 2.0
    try:
        sky = image.wcs.celestial.pixel_to_world([x, x, x + _STEP], [y, y + _STEP, y]).icrs
        north, east = sky.dec.deg[1:] - sky.dec.deg[0], sky.ra.deg[1:] - sky.ra.deg[0]
    except (ValueError, AttributeError):
        return None
    east = (east + 180.0) % 360.0 - 180.0
    found = np.array([north, east * math.cos(math.radians(float(sky.dec.deg[0])))]) / _STEP
    return found if np.isfinite(found).all() and abs(np.linalg.det(found)) > 0.0 else None
