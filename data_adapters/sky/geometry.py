"""Positions and solid angles of the pixels of a map, from its celestial coordinates."""

from __future__ import annotations

import logging
import math
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy import units
from astropy.coordinates import (
    BarycentricMeanEcliptic,
    BaseCoordinateFrame,
    SkyCoord,
    Supergalactic,
)
from astropy.io import fits
from astropy.time import Time
from astropy.wcs import WCS
from astropy.wcs.utils import wcs_to_celestial_frame

from equiclust.images import Beam
from equiclust.optional import import_optional
from equiclust.typing import Float64Array

__all__ = [
    "beam_solid_angle",
    "celestial_frame",
    "celestial_wcs",
    "is_galactic",
    "pixel_solid_angles",
    "sky_positions",
]

logger = logging.getLogger(__name__)

# Rows worked on together: bounds the memory, which is some 15 numbers a pixel.
STRIP = 128


def celestial_wcs(header: fits.Header) -> WCS | None:
    """Celestial axes of a header.

    Parameters
    ----------
    header : astropy.io.fits.Header

    Returns
    -------
    astropy.wcs.WCS or None
        Of two axes; None when the header has no celestial coordinates that astropy understands.
    """
    # Headers can be wrong in any way, and the pixels are good without coordinates.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wcs = WCS(header)
            if not wcs.has_celestial:
                return None
            wcs = wcs.celestial
            celestial_frame(wcs)
    except Exception as error:
        logger.warning("its coordinates cannot be used: %s", " ".join(str(error).split()))
        return None
    return wcs


def celestial_frame(wcs: WCS) -> BaseCoordinateFrame:
    """Frame of the celestial axes, ecliptic and supergalactic ones included.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Two celestial axes.

    Returns
    -------
    astropy frame

    Raises
    ------
    ValueError
        When the header names none that is known.
    """
    longitude = wcs.wcs.ctype[wcs.wcs.lng][:4]
    if longitude == "SLON":
        return Supergalactic()
    if longitude == "ELON":
        year = wcs.wcs.equinox
        return BarycentricMeanEcliptic(
            equinox=Time(year if math.isfinite(year) else 2000.0, format="jyear")
        )
    return wcs_to_celestial_frame(wcs)


def is_galactic(wcs: WCS) -> bool:
    """Whether the axes are Galactic longitude and latitude.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Two celestial axes.
    """
    return bool(celestial_frame(wcs).name == "galactic")


def sky_positions(wcs: WCS, x: npt.ArrayLike, y: npt.ArrayLike) -> SkyCoord:
    """Positions of pixel coordinates on the sky.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Two celestial axes.
    x, y : array-like of any shape, float
        Pixel coordinates, counted from 0 at the centre of the first pixel.

    Returns
    -------
    astropy.coordinates.SkyCoord
        Of the same shape, in the frame of the map; NaN outside of the projected sky.
    """
    longitude, latitude = _degrees(wcs, np.asarray(x, float), np.asarray(y, float))
    return SkyCoord(longitude, latitude, unit="deg", frame=celestial_frame(wcs))


def _degrees(wcs: WCS, x: Float64Array, y: Float64Array) -> tuple[Any, Any]:
    if not x.size:
        return x, y
    world = wcs.all_pix2world(*_within_the_sky(wcs, x, y), 0)
    return world[wcs.wcs.lng], world[wcs.wcs.lat]


def _within_the_sky(wcs: WCS, x: Float64Array, y: Float64Array) -> tuple[Any, Any]:
    """The same places once around the sky, where a plate carree goes on beyond a full turn.

    A map of 361 columns of one degree begins and ends with the same meridian, and pixels centred on
    a pole end at the pole; wcslib knows neither.
    """
    steps, matrix = wcs.wcs.get_cdelt(), wcs.wcs.get_pc()
    if not wcs.wcs.ctype[wcs.wcs.lng].endswith("-CAR") or wcs.has_distortion:
        return x, y
    if np.count_nonzero(matrix) != 2 or matrix[0, 0] * matrix[1, 1] == 0.0:
        return x, y
    pixels = [x, y]
    lng, lat = wcs.wcs.lng, wcs.wcs.lat
    turn = 360.0 / abs(steps[lng] * matrix[lng, lng])
    pole = 90.0 / abs(steps[lat] * matrix[lat, lat])
    middle = wcs.wcs.crpix - 1.0
    native = (pixels[lng] - middle[lng]) / turn
    outside = np.abs(native) > 0.5
    pixels[lng] = np.where(outside, pixels[lng] - turn * np.round(native), pixels[lng])
    pixels[lat] = np.clip(pixels[lat], middle[lat] - pole, middle[lat] + pole)
    return pixels[0], pixels[1]


def beam_solid_angle(beam: Beam) -> float:
    """Solid angle of a Gaussian beam, `pi / (4 ln 2)` times the product of its full widths.

    Parameters
    ----------
    beam : Beam

    Returns
    -------
    float
        In sr.

    Raises
    ------
    MissingPackageError
        When the package radio-beam is not installed.
    """
    # Half a second, which only those who ask for beams should wait.
    radio_beam = import_optional("radio_beam", extra="maps", purpose="the solid angle of a beam")
    minor, major = sorted((beam.major, beam.minor))
    return float(radio_beam.Beam(major * units.deg, minor * units.deg).sr.value)


def pixel_solid_angles(wcs: WCS, shape: tuple[int, int]) -> Float64Array:
    """Solid angle of every pixel.

    Half the cross product of the diagonals between the pixel's four corners on the unit sphere;
    the relative error is of the order of the square of the pixel's side in radians. The area of a
    pixel in the plane of projection, the same for all, suits small fields only: a pixel 10 degrees
    from the centre of a gnomonic map covers 4.5 per cent less.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Two celestial axes.
    shape : (int, int)
        Height and width of the map in pixels.

    Returns
    -------
    ndarray (h, w), float64
        In sr; NaN where a corner lies outside of the projected sky.
    """
    height, width = shape
    areas = np.empty(shape)
    for start in range(0, height, STRIP):
        stop = min(start + STRIP, height)
        areas[start:stop] = _solid_angles(wcs, start, stop, width)
    return areas


def _solid_angles(wcs: WCS, start: int, stop: int, width: int) -> Float64Array:
    y, x = np.mgrid[start : stop + 1, : width + 1] - 0.5
    longitude, latitude = (np.radians(axis) for axis in _degrees(wcs, x, y))
    x, y = np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude)
    corners = np.stack([x, y, np.sin(latitude)], axis=-1)
    rising = corners[1:, 1:] - corners[:-1, :-1]
    falling = corners[1:, :-1] - corners[:-1, 1:]
    areas: Float64Array = 0.5 * np.linalg.norm(np.cross(rising, falling), axis=-1)
    return areas
