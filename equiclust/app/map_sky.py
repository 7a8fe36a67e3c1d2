"""Where the pixels of a map lie on the sky, for people to read."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import Angle, SkyCoord
from astropy.wcs import WCS

from equiclust.celestial import sky_positions
from equiclust.typing import Float64Array

__all__ = ["orientation", "place_on_sky"]


def place_on_sky(wcs: WCS | None, x: float, y: float) -> dict[str, Any] | None:
    """Position of a pixel.

    Parameters
    ----------
    wcs : astropy.wcs.WCS or None
        Two celestial axes.
    x, y : float
        Column and row, from 0 at the centre of the first pixel.

    Returns
    -------
    dict or None
        "ra" and "dec" (ICRS), "glon" and "glat" (Galactic) in degrees; "ra_text" as hours and
        "dec_text" as degrees, both sexagesimal and as fine as a tenth of a pixel. None where there
        are no coordinates or the pixel lies beyond the projected sky.
    """
    if wcs is None:
        return None
    place = sky_positions(wcs, x, y)
    icrs = place.icrs
    ra, dec = float(icrs.ra.deg), float(icrs.dec.deg)
    if not (math.isfinite(ra) and math.isfinite(dec)):
        return None
    digits = _digits(wcs, x, y)
    form = {"sep": ":", "pad": True}
    signed = {**form, "alwayssign": True}
    return {
        "ra": ra,
        "dec": dec,
        "glon": float(place.galactic.l.deg),
        "glat": float(place.galactic.b.deg),
        # An hour of right ascension is 15 degrees.
        "ra_text": str(Angle(ra, u.deg).to_string(u.hourangle, precision=digits + 1, **form)),
        "dec_text": str(Angle(dec, u.deg).to_string(u.deg, precision=digits, **signed)),
    }


def _digits(wcs: WCS, x: float, y: float) -> int:
    """Decimals of seconds of arc that show a tenth of a pixel."""
    per_pixel = _offsets(wcs, x, y)
    scale = 3600.0 * math.sqrt(abs(float(np.linalg.det(per_pixel))))
    return 1 if not scale > 0.0 else min(max(math.ceil(1.0 - math.log10(scale)), 0), 6)


def orientation(wcs: WCS | None, x: float, y: float) -> dict[str, Any] | None:
    """Directions and scale of a map about a pixel.

    Parameters
    ----------
    wcs : astropy.wcs.WCS or None
        Two celestial axes.
    x, y : float
        Column and row, from 0 at the centre of the first pixel.

    Returns
    -------
    dict or None
        "north" and "east" (ICRS), and "up" and "left", which are north and east in the frame of
        the map: steps `[dx, dy]` in pixels for one degree; "scale", degrees by pixel. None where
        there are no coordinates or the sky ends.
    """
    if wcs is None:
        return None
    found: dict[str, Any] = {}
    for names, frame in ((("east", "north"), "icrs"), (("left", "up"), None)):
        offsets = _offsets(wcs, x, y, frame)
        area = abs(float(np.linalg.det(offsets)))
        if not (math.isfinite(area) and area > 0.0):
            return None
        steps = np.linalg.inv(offsets)
        found |= {name: steps[:, axis].tolist() for axis, name in enumerate(names)}
        found["scale"] = math.sqrt(area)
    return found


def _offsets(wcs: WCS, x: float, y: float, frame: str | None = "icrs") -> Float64Array:
    """Degrees east (first row) and north for a step of one pixel along columns and rows."""
    places = sky_positions(
        wcs, np.array([x - 0.5, x + 0.5, x, x]), np.array([y, y, y - 0.5, y + 0.5])
    )
    placed: SkyCoord = places if frame is None else places.transform_to(frame)
    if not np.all(np.isfinite(placed.spherical.lat.deg)):
        return np.full((2, 2), np.nan)
    east, north = placed[::2].spherical_offsets_to(placed[1::2])
    return np.array([east.deg, north.deg])
