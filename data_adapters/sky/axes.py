"""What the axes of a FITS image mean: sky, spectrum, Stokes parameter, and the rest."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from data_adapters.extensions import long_axes
from data_adapters.fits_headers import card, number
from equiclust.exceptions import UnreadableFileError
from equiclust.typing import PathLike

__all__ = ["SPECTRAL", "STOKES", "MapAxes", "map_axes"]

logger = logging.getLogger(__name__)

LONGITUDE = re.compile(r"(RA|[A-Z]LON|[A-Z]{2}LN)\s*(-|$)")
LATITUDE = re.compile(r"(DEC|[A-Z]LAT|[A-Z]{2}LT)\s*(-|$)")
# Table 25 of the FITS standard 4.0, with names that it replaced.
SPECTRAL = (
    *("FREQ", "ENER", "WAVN", "VRAD", "WAVE", "VOPT", "ZOPT", "AWAV", "VELO", "BETA"),
    *("FELO", "LAMB"),
)
# Table 29 of the FITS standard 4.0.
STOKES = MappingProxyType(
    dict(zip((1, 2, 3, 4), "IQUV", strict=True))
    | dict(zip(range(-1, -9, -1), ("RR", "LL", "RL", "LR", "XX", "YY", "XY", "YX"), strict=True))
)
"""Name of every value on a Stokes axis."""

_NO_PLANES: Mapping[int, int] = MappingProxyType({})


class MapAxes(NamedTuple):
    """Axes of the array in the file, counted from 0, slowest first.

    Parameters
    ----------
    channel : int or None
        None for a map.
    row, column : int
    planes : mapping of int to int, optional
        Index on every other axis that is longer than one pixel.
    stokes : str, default ""
        Stokes parameter of the pixels, such as ``I``; empty when the file does not say.
    """

    channel: int | None
    row: int
    column: int
    planes: Mapping[int, int] = _NO_PLANES
    stokes: str = ""


def map_axes(hdu: Any, path: PathLike, *, stokes: str = "") -> MapAxes:
    """Axes of an image: two for rows and columns, and that of the channels.

    Rows and columns are the celestial axes. Without a pair of these they are the two long axes, or
    of three long axes those that are not spectral (or, without spectral axis, the two fastest). Of
    a Stokes axis one plane is taken.

    Parameters
    ----------
    hdu : astropy HDU
        Of an image of two axes or more.
    path : path-like
        The file, named in messages.
    stokes : str, default ""
        Stokes parameter to read, such as ``Q``; by default I.

    Returns
    -------
    MapAxes

    Raises
    ------
    UnreadableFileError
        When more than one other axis is longer than one pixel, or the Stokes parameter is not
        there.
    """
    ctypes = _ctypes(hdu)
    long = long_axes(hdu)
    planes, taken = _stokes_plane(hdu, ctypes, long, path, stokes)
    rest = [axis for axis in long if axis not in planes]
    pair = _celestial_pair(ctypes)
    row, column = pair or _two_axes(rest, ctypes)
    other = [axis for axis in rest if axis not in (row, column)]
    if len(other) > 1:
        named = ", ".join(f"{ctypes[axis] or 'unnamed'} of {hdu.shape[axis]}" for axis in other)
        raise UnreadableFileError(
            f"{path}: it has more axes than a cube ({named}); extract one cube of three axes first"
        )
    if not other:
        other = [
            axis
            for axis, ctype in enumerate(ctypes)
            if ctype[:4] in SPECTRAL and axis not in (row, column)
        ]
    return MapAxes(other[0] if other else None, row, column, planes, taken)


def _ctypes(hdu: Any) -> list[str]:
    count = len(hdu.shape)
    return [card(hdu.header, f"CTYPE{count - axis}").upper() for axis in range(count)]


def _celestial_pair(ctypes: Sequence[str]) -> list[int]:
    """Celestial axes in the order of the file; empty unless there is one of each."""
    found = [
        [axis for axis, ctype in enumerate(ctypes) if sort.match(ctype)]
        for sort in (LONGITUDE, LATITUDE)
    ]
    return sorted(found[0] + found[1]) if all(len(axes) == 1 for axes in found) else []


def _two_axes(long: Sequence[int], ctypes: Sequence[str]) -> Sequence[int]:
    """Rows and columns of an image without sky."""
    if len(long) <= 2:
        return long
    spatial = [axis for axis in long if ctypes[axis][:4] not in SPECTRAL]
    return (spatial if len(spatial) >= 2 else long)[-2:]


def _stokes_plane(
    hdu: Any, ctypes: Sequence[str], long: Sequence[int], path: PathLike, wanted: str
) -> tuple[Mapping[int, int], str]:
    """Index on a Stokes axis by axis, and the parameter taken."""
    axes = [axis for axis, ctype in enumerate(ctypes) if ctype == "STOKES"]
    if len(axes) != 1 or (axes[0] in long and len(long) < 3):
        if wanted:
            raise UnreadableFileError(f"{path}: it has no Stokes axis, and {wanted} was asked for")
        return _NO_PLANES, ""
    axis = axes[0]
    names = _stokes_names(hdu, len(hdu.shape) - axis, hdu.shape[axis])
    asked = wanted.upper() or ("I" if axis in long else names[0])
    if asked not in names:
        raise UnreadableFileError(
            f"{path}: its Stokes axis holds {', '.join(names)} and not {asked}; name one of them "
            "by --stokes"
        )
    if axis not in long:
        return _NO_PLANES, asked
    if not wanted:
        left = ", ".join(name for name in names if name != asked)
        logger.warning("%s: of its Stokes parameters I is read, not %s", path, left)
    return MappingProxyType({axis: names.index(asked)}), asked


def _stokes_names(hdu: Any, axis: int, length: int) -> list[str]:
    defaults = {"CRVAL": 1.0, "CRPIX": 1.0, "CDELT": 1.0}
    found = {name: number(hdu.header, f"{name}{axis}") for name in defaults}
    first, reference, step = (
        value if math.isfinite(value) else defaults[name] for name, value in found.items()
    )
    values = [round(first + (index + 1 - reference) * step) for index in range(length)]
    return [STOKES.get(value, str(value)) for value in values]
