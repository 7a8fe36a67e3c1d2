"""Celestial frames and equinoxes as headers spell them."""

from __future__ import annotations

import logging
import math
import re
from pathlib import Path

from astropy.io import fits
from astropy.wcs import WCS

from data_adapters.fits_headers import card
from equiclust.celestial import celestial_frame

__all__ = ["say_unknown_frame", "with_known_frame"]

logger = logging.getLogger(__name__)

FIRST_YEAR, LAST_YEAR = 1700.0, 2200.0
"""Equinoxes of catalogues lie between these."""

_YEAR = re.compile(r"[BJ]?\s*([+-]?\d+(?:[.]\d*)?)", re.IGNORECASE)
_FRAMES = {
    r"(FK5|J2000)": "FK5",
    r"FK4[-_ ]*NO": "FK4-NO-E",
    r"(FK4|B1950)": "FK4",
    r"ICR[SF]": "ICRS",
    r"GAPPT": "GAPPT",
}


def with_known_frame(header: fits.Header, path: Path) -> fits.Header:
    """The header with `RADESYS` and `EQUINOX` of the standard's, where others are understood.

    Parameters
    ----------
    header : astropy.io.fits.Header
    path : Path
        The file, named in the log.

    Returns
    -------
    astropy.io.fits.Header
        The same, or a copy.
    """
    header = _with_plain_equinox(header, path)
    name = "RADESYS" if "RADESYS" in header else "RADECSYS"
    said = card(header, name)
    if not said or (said in _FRAMES.values() and header[name] == said):
        return header
    header = header.copy()
    known = (frame for pattern, frame in _FRAMES.items() if re.match(pattern, said, re.IGNORECASE))
    meant = next(known, None)
    if meant is None:
        logger.warning("%s: %s is %r, which is no known frame; it is ignored", path, name, said)
        del header[name]
    else:
        if said.upper() != meant:
            logger.warning("%s: %s is %r, taken for %s", path, name, said, meant)
        header[name] = meant
    return header


def _with_plain_equinox(header: fits.Header, path: Path) -> fits.Header:
    """The header with a number as equinox, where it is a text such as ``J2000.0``.

    What can be no equinox of a catalogue, such as the 0 of programs that know none, is left out.
    """
    for name in ("EQUINOX", "EPOCH"):
        said = card(header, name)
        if not said:
            continue
        found = _YEAR.fullmatch(said)
        year = float(found[1]) if found else math.nan
        if FIRST_YEAR <= year <= LAST_YEAR and header[name] == year:
            continue
        header = header.copy()
        if FIRST_YEAR <= year <= LAST_YEAR:
            header[name] = year
        else:
            logger.warning(
                "%s: %s is %s, which is no year of an equinox; it is ignored", path, name, said
            )
            del header[name]
    return header


def say_unknown_frame(wcs: WCS | None, path: Path) -> None:
    """Warn of coordinates in a frame that is not known.

    Parameters
    ----------
    wcs : astropy.wcs.WCS or None
    path : Path
        The file, named in the log.
    """
    try:
        if wcs is not None:
            celestial_frame(wcs)
    except ValueError:
        named = ", ".join(wcs.wcs.ctype) if wcs is not None else ""
        logger.warning(
            "%s: the frame of its axes %s is not known; right ascension and declination are left "
            "out",
            path,
            named,
        )
