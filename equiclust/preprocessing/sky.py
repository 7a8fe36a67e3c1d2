"""Directions and beams on the sky, in pixels of the image."""

from __future__ import annotations

import math

import numpy as np

from equiclust.images import Image
from equiclust.typing import Float64Array

__all__ = ["beam_moments", "to_sky"]

# Pixels over which the directions on the sky are measured.
_STEP = 0.5
# Without coordinates rows grow to the north and columns to the west.
_UPRIGHT = np.diag([1.0, -1.0])


def beam_moments(image: Image) -> Float64Array:
    """Second moments of the beam in pixels of the image.

    The position angle of a beam is measured from the north of the map's own frame, that of its
    WCS, towards increasing longitude: on a map in Galactic coordinates from Galactic north.

    Parameters
    ----------
    image : Image

    Returns
    -------
    ndarray (2, 2), float64
        Along (y, x), in square pixels; 0 where the beam or the coordinates are not known.
    """
    nothing = np.zeros((2, 2))
    local = _degrees_per_pixel(image, np.zeros(2), icrs=False)
    if image.beam is None or local is None:
        return nothing
    # Half a second, which only images with a beam should cost.
    from astropy.stats import gaussian_fwhm_to_sigma

    major, minor, angle = image.beam
    turn = math.radians(angle)
    axes = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    with np.errstate(over="ignore", invalid="ignore"):
        widths = np.square(np.array([major, minor]) * gaussian_fwhm_to_sigma)
        to_pixels = np.linalg.inv(local)
        found: Float64Array = to_pixels @ (axes * widths) @ axes.T @ to_pixels.T
    return found if np.isfinite(found).all() else nothing


def to_sky(image: Image, place: Float64Array) -> Float64Array:
    """From offsets in pixels to offsets on the sky, in ICRS.

    Without coordinates, the direction of growing rows is taken for north, that of falling columns
    for east, and a pixel for the unit.

    Parameters
    ----------
    image : Image
    place : ndarray (2,), float64
        Position (y, x) in pixels from the centre of the image.

    Returns
    -------
    ndarray (2, 2), float64
        Matrix from (y, x) in pixels to (north, east) in degrees.
    """
    local = _degrees_per_pixel(image, place, icrs=True)
    return _UPRIGHT if local is None else local


def _degrees_per_pixel(image: Image, place: Float64Array, *, icrs: bool) -> Float64Array | None:
    """Matrix from (y, x) to (north, east) of ICRS or of the map's own frame, if it has one."""
    if image.wcs is None or not image.wcs.has_celestial:
        return None
    _, height, width = image.shape
    y, x = place + (np.array([height, width]) - 1.0) / 2.0
    rows, columns = np.array([y, y + _STEP, y]), np.array([x, x, x + _STEP])
    wcs = image.wcs.celestial
    try:
        if icrs:
            sky = wcs.pixel_to_world(columns, rows).icrs
            longitude, latitude = sky.ra.deg, sky.dec.deg
        else:
            world = wcs.all_pix2world(columns, rows, 0)
            longitude, latitude = world[wcs.wcs.lng], world[wcs.wcs.lat]
    except (ValueError, AttributeError):
        return None
    north, east = latitude[1:] - latitude[0], longitude[1:] - longitude[0]
    east = (east + 180.0) % 360.0 - 180.0
    found = np.array([north, east * math.cos(math.radians(float(latitude[0])))]) / _STEP
    return found if np.isfinite(found).all() and abs(np.linalg.det(found)) > 0.0 else None
