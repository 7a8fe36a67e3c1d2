"""Types of celestial axes as headers spell them."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path

from astropy.io import fits
from astropy.wcs import PRJ_CODES

from data_adapters.fits_headers import card

__all__ = ["celestial_pair", "is_celestial", "standard_type", "with_standard_types"]

logger = logging.getLogger(__name__)

_LONGITUDE, _LATITUDE = r"(?:RA|[A-Z]LON|[A-Z]{2}LN)", r"(?:DEC|[A-Z]LAT|[A-Z]{2}LT)"
_SORTS = tuple(re.compile(rf"{name}\s*(-|$)") for name in (_LONGITUDE, _LATITUDE))
# Beside those of the standard, what wcslib understands of older and of other programs.
_PROJECTIONS = "|".join((*PRJ_CODES, "GLS", "NCP", "DSS", "TPV", "TPD", "TPU", "TNX", "ZPX"))
_TYPE = re.compile(rf"({_LONGITUDE}|{_LATITUDE})[-_ ]*(?:({_PROJECTIONS})(?:[-_ ]+([A-Z0-9]+))?)?")
_TYPE_CARD = re.compile(r"CTYPE\d+")


def standard_type(text: str) -> str:
    """Type of an axis in capitals and, of a celestial one, with as many dashes as the standard has.

    Parameters
    ----------
    text : str
        Value of `CTYPE`, such as ``RA-TAN`` or ``glon-car``.

    Returns
    -------
    str
        Such as ``RA---TAN`` or ``GLON-CAR``; other types only have capitals.
    """
    capitals = text.strip().upper()
    found = _TYPE.fullmatch(capitals)
    if found is None:
        return capitals
    name, projection, suffix = found.groups()
    if projection is None:
        return name
    return f"{name:-<4}-{projection}" + (f"-{suffix}" if suffix else "")


def is_celestial(ctype: str) -> bool:
    """Whether a type is that of a longitude or latitude.

    Parameters
    ----------
    ctype : str
        As `standard_type` gives it.

    Returns
    -------
    bool
    """
    return any(sort.match(ctype) for sort in _SORTS)


def celestial_pair(ctypes: Sequence[str]) -> list[int]:
    """Celestial axes in the order of the file.

    Parameters
    ----------
    ctypes : sequence of str
        Types of all axes, as `standard_type` gives them.

    Returns
    -------
    list of int
        Indices into `ctypes`; empty unless there is one longitude and one latitude.
    """
    found = [[axis for axis, ctype in enumerate(ctypes) if sort.match(ctype)] for sort in _SORTS]
    return sorted(found[0] + found[1]) if all(len(axes) == 1 for axes in found) else []


def with_standard_types(header: fits.Header, path: Path) -> fits.Header:
    """The header with the standard's spelling of celestial axes, which is said where it differs.

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
    meant = {}
    for name in filter(_TYPE_CARD.fullmatch, header):
        said = card(header, name)
        plain = standard_type(said)
        if is_celestial(plain) and header.get(name) != plain:
            meant[name] = plain
            if said != plain:
                logger.warning("%s: %s is %r, taken for %s", path, name, said, plain)
    if meant:
        header = header.copy()
        header.update(meant)
    return header
