"""Positions and solid angles of the pixels of a map, from its celestial coordinates."""

from __future__ import annotations

import logging
import math
from pathlib import Path

import numpy as np
from astropy import units
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_scales

from data_adapters.fits_headers import quietly
from data_adapters.sky.cards import SKY_CARDS, cards_of
from equiclust.celestial import celestial_frame, sky_degrees
from equiclust.images import Beam
from equiclust.optional import import_optional
from equiclust.typing import Float64Array

__all__ = [
    "beam_solid_angle",
    "celestial_wcs",
    "is_galactic",
    "pixel_solid_angles",
]

logger = logging.getLogger(__name__)

# Rows worked on together: bounds the memory, which is some 15 numbers a pixel.
STRIP = 128
# Degrees; sides of this length make errors of some 1e-6 in an area.
PART = 0.25
MOST_PARTS = 8192


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
        with quietly(Path("header")):
            wcs = _celestial(header)
            if wcs is not None:
                celestial_frame(wcs)
    except Exception as error:
        logger.warning("its coordinates cannot be used: %s", " ".join(str(error).split()))
        return None
    return wcs


def _celestial(header: fits.Header) -> WCS | None:
    try:
        return _taken_out(WCS(header))
    except Exception:
        if "CTYPE3" not in header:
            raise
    # The third axis can be odd, or the three cannot be taken apart.
    return _taken_out(WCS(cards_of(header, (1, 2), (1, 2), SKY_CARDS, distortion=True)))


def _taken_out(wcs: WCS) -> WCS | None:
    if not wcs.has_celestial:
        return None
    celestial = wcs.celestial
    # What is taken apart may fail only where it is used.
    celestial.all_pix2world([[0.0, 0.0]], 0)
    return celestial


def is_galactic(wcs: WCS) -> bool:
    """Whether the axes are Galactic longitude and latitude.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Two celestial axes.
    """
    return bool(celestial_frame(wcs).name == "galactic")


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
    the relative error is of the order of the square of the pixel's side in radians, so that large
    pixels are the sum of parts of a quarter of a degree. The area of a pixel in the plane of
    projection, the same for all, suits small fields only: a pixel 10 degrees from the centre of a
    gnomonic map covers 4.5 per cent less.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Two celestial axes.
    shape : (int, int)
        Height and width of the map in pixels.

    Returns
    -------
    ndarray (h, w), float64
        In sr; NaN where a corner lies outside of the projected sky. Of a large pixel on its edge
        those parts count that lie on the sky.
    """
    height, width = shape
    side = float(np.max(proj_plane_pixel_scales(wcs)))
    # No map of the sky has more parts in a row than that; a header may claim anything.
    n = max(1, min(math.ceil(side / PART), MOST_PARTS // width))
    rows = max(1, STRIP // n)
    areas = np.empty(shape)
    for start in range(0, height, rows):
        stop = min(start + rows, height)
        parts = _solid_angles(wcs, start, stop, width, n)
        known = np.isfinite(parts)
        areas[start:stop] = np.sum(parts, axis=(1, 3), where=known)
        areas[start:stop][~np.any(known, axis=(1, 3))] = np.nan
    return areas


def _solid_angles(wcs: WCS, start: int, stop: int, width: int, n: int) -> Float64Array:
    """Of `n` times `n` parts of every pixel, `(stop - start, n, width, n)`."""
    y, x = np.mgrid[n * start : n * stop + 1, : n * width + 1] / n - 0.5
    longitude, latitude = (np.radians(axis) for axis in sky_degrees(wcs, x, y))
    x, y = np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude)
    corners = np.stack([x, y, np.sin(latitude)], axis=-1)
    rising = corners[1:, 1:] - corners[:-1, :-1]
    falling = corners[1:, :-1] - corners[:-1, 1:]
    areas: Float64Array = 0.5 * np.linalg.norm(np.cross(rising, falling), axis=-1)
    return areas.reshape(stop - start, n, width, n)
