"""Places and areas on the sky of the pixels of a map, from its header."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import wcs_to_celestial_frame

from equiclust.images import Beam
from equiclust.optional import import_optional

__all__ = [
    "beam_solid_angle",
    "celestial_wcs",
    "is_galactic",
    "pixel_solid_angles",
    "sky_positions",
]

logger = logging.getLogger(__name__)

DoubleArray = npt.NDArray[np.float64]

# Rows worked on together: bounds the memory, which is some 15 numbers a pixel.
STRIP = 128


def celestial_wcs(header: fits.Header) -> WCS | None:
    """The two celestial axes of a header; `None` when it has none that can be used."""
    # Headers are wrong in more ways than can be named, and the pixels are good without them.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wcs = WCS(header)
            if not wcs.has_celestial:
                return None
            wcs = wcs.celestial
            wcs_to_celestial_frame(wcs)
    except Exception as error:
        logger.info("the coordinates cannot be used: %s", " ".join(str(error).split()))
        return None
    return wcs


def is_galactic(wcs: WCS) -> bool:
    """Whether the axes are Galactic longitude and latitude."""
    return bool(wcs_to_celestial_frame(wcs).name == "galactic")


def sky_positions(wcs: WCS, x: npt.ArrayLike, y: npt.ArrayLike) -> SkyCoord:
    """Places on the sky of pixel coordinates counted from 0, in the frame of the map.

    Off the sky they are NaN.
    """
    longitude, latitude = _degrees(wcs, np.asarray(x, float), np.asarray(y, float))
    return SkyCoord(longitude, latitude, unit="deg", frame=wcs_to_celestial_frame(wcs))


def _degrees(wcs: WCS, x: DoubleArray, y: DoubleArray) -> tuple[Any, Any]:
    if not x.size:
        return x, y
    world = wcs.all_pix2world(x, y, 0)
    return world[wcs.wcs.lng], world[wcs.wcs.lat]


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


def pixel_solid_angles(wcs: WCS, shape: tuple[int, int]) -> DoubleArray:
    """Solid angle of every pixel.

    Half the cross product of the diagonals between the pixel's four corners on the unit sphere.
    Good to the square of the pixel's side in radians. The one pixel area of the projection plane
    would do for small fields only: a pixel 10 degrees from the centre of a gnomonic map covers 4.5
    per cent less.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Two celestial axes.
    shape : (int, int)
        Height and width of the map in pixels.

    Returns
    -------
    ndarray (h, w), float64
        In sr; NaN where a corner is off the sky.
    """
    height, width = shape
    areas = np.empty(shape)
    for start in range(0, height, STRIP):
        stop = min(start + STRIP, height)
        areas[start:stop] = _solid_angles(wcs, start, stop, width)
    return areas


def _solid_angles(wcs: WCS, start: int, stop: int, width: int) -> DoubleArray:
    y, x = np.mgrid[start : stop + 1, : width + 1] - 0.5
    longitude, latitude = (np.radians(axis) for axis in _degrees(wcs, x, y))
    x, y = np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude)
    corners = np.stack([x, y, np.sin(latitude)], axis=-1)
    rising = corners[1:, 1:] - corners[:-1, :-1]
    falling = corners[1:, :-1] - corners[:-1, 1:]
    areas: DoubleArray = 0.5 * np.linalg.norm(np.cross(rising, falling), axis=-1)
    return areas
