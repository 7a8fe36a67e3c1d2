"""Places on the sky: frames of headers as astropy's, and pixels in them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.coordinates import (
    BarycentricMeanEcliptic,
    BaseCoordinateFrame,
    Galactic,
    SkyCoord,
    Supergalactic,
)
from astropy.time import Time
from astropy.wcs import WCS
from astropy.wcs.utils import wcs_to_celestial_frame

from equiclust.typing import Float64Array

__all__ = ["celestial_frame", "sky_degrees", "sky_positions"]


def celestial_frame(wcs: WCS) -> BaseCoordinateFrame:
    """Frame of the celestial axes: equatorial, Galactic, ecliptic, supergalactic or terrestrial.

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
        When the header names none that is known, such as that of a planet, the helioecliptic one,
        which turns with the Sun, or the terrestrial one without date.
    """
    longitude = wcs.wcs.ctype[wcs.wcs.lng][:4]
    if longitude == "GLON":
        # Whatever RADESYS says: that is of right ascension and declination.
        return Galactic()
    if longitude == "SLON":
        return Supergalactic()
    if longitude == "ELON":
        year = wcs.wcs.equinox
        return BarycentricMeanEcliptic(
            equinox=Time(year if math.isfinite(year) else 2000.0, format="jyear")
        )
    equatorial = longitude.rstrip("-") == "RA"
    if not equatorial and not (longitude == "TLON" and wcs.wcs.dateobs):
        raise ValueError(f"the frame of {', '.join(wcs.wcs.ctype)} is not known")
    return wcs_to_celestial_frame(wcs)


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
    longitude, latitude = sky_degrees(wcs, np.asarray(x, float), np.asarray(y, float))
    return SkyCoord(longitude, latitude, unit="deg", frame=celestial_frame(wcs))


def sky_degrees(wcs: WCS, x: Float64Array, y: Float64Array) -> tuple[Any, Any]:
    """Longitude and latitude of pixels in the frame of the map.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Two celestial axes.
    x, y : ndarray
        Pixels from 0, along the first and the second axis of the file.

    Returns
    -------
    longitude, latitude : ndarray
        In degrees; NaN outside of the projected sky.
    """
    if not x.size:
        return x, y
    world = wcs.all_pix2world(*_within_the_sky(wcs, x, y), 0)
    longitude, latitude = world[wcs.wcs.lng], world[wcs.wcs.lat]
    # Without a projection nothing keeps the latitude at the pole, in the middle of a pixel.
    beyond = np.abs(latitude) - 90.0
    latitude = np.where(beyond > abs(wcs.wcs.get_cdelt()[wcs.wcs.lat]), np.nan, latitude)
    return longitude, np.clip(latitude, -90.0, 90.0)


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
