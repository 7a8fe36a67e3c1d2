"""Which plane of a Stokes axis is which parameter, and which of them is read."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from astropy.io import fits

from data_adapters.extensions import long_axes
from data_adapters.fits_headers import card, number
from equiclust.exceptions import UnreadableFileError
from equiclust.typing import PathLike

__all__ = ["STOKES", "StokesPlane", "stokes_plane"]

logger = logging.getLogger(__name__)

# Table 29 of the FITS standard 4.0.
STOKES = MappingProxyType(
    dict(zip((1, 2, 3, 4), "IQUV", strict=True))
    | dict(zip(range(-1, -9, -1), ("RR", "LL", "RL", "LR", "XX", "YY", "XY", "YX"), strict=True))
)
"""Name of every value on a Stokes axis."""

# Further than this from a whole number, a value is no Stokes parameter.
ROUNDING = 1e-3


class StokesPlane(NamedTuple):
    """The plane of a Stokes axis that is read.

    Parameters
    ----------
    axis : int or None, default None
        Of the array, counted from 0, slowest first; None when there is no Stokes axis.
    place : int, default 0
        Plane on that axis.
    length : int, default 1
        Number of planes.
    name : str, default ""
        Such as ``I``; empty when the file does not say.
    """

    axis: int | None = None
    place: int = 0
    length: int = 1
    name: str = ""


def stokes_plane(hdu: Any, ctypes: Sequence[str], path: PathLike, *, wanted: str) -> StokesPlane:
    """The plane of a Stokes parameter.

    Parameters
    ----------
    hdu : astropy HDU
        Of an image of two axes or more.
    ctypes : sequence of str
        Types of its axes, slowest first.
    path : path-like
        The file, named in messages.
    wanted : str
        Stokes parameter to read, such as ``Q``; empty for I, or for the only one.

    Returns
    -------
    StokesPlane
        Of axis None as well where the Stokes axis is one of two long axes, and thus of the map.

    Raises
    ------
    UnreadableFileError
        When the parameter is not there, or the header does not tell which plane it is.
    """
    axes, long = [axis for axis, ctype in enumerate(ctypes) if ctype == "STOKES"], long_axes(hdu)
    if len(axes) != 1 or (axes[0] in long and len(long) < 3):
        if wanted:
            raise UnreadableFileError(f"{path}: it has no Stokes axis, and {wanted} was asked for")
        return StokesPlane()
    axis, length = axes[0], hdu.shape[axes[0]]
    names, doubt = _names(hdu, len(hdu.shape) - axis, path)
    if doubt and length == 1 and not wanted:
        logger.warning("%s: its Stokes parameter is not known, since %s", path, doubt)
        return StokesPlane(axis)
    if doubt:
        raise UnreadableFileError(
            f"{path}: which plane of its Stokes axis is which cannot be told, since {doubt}; mend "
            "the header or extract one plane first"
        )
    asked = wanted.upper() or ("I" if length > 1 else names[0])
    if asked not in names:
        raise UnreadableFileError(
            f"{path}: its Stokes axis holds {', '.join(names)} and not {asked}; name one of them "
            "by --stokes"
        )
    if length > 1 and not wanted:
        left = ", ".join(name for name in names if name != asked)
        logger.warning("%s: of its Stokes parameters I is read, not %s", path, left)
    return StokesPlane(axis, names.index(asked), length, asked)


def _names(hdu: Any, axis: int, path: PathLike) -> tuple[list[str], str]:
    """Names of the planes along an axis in FITS notation, and why they are not known, if so."""
    cards, count = _Cards(hdu.header, path), len(hdu.shape)
    first, reference = cards.number(f"CRVAL{axis}", 0.0), cards.number(f"CRPIX{axis}", 0.0)
    step = cards.step(axis)
    if cards.has_cd and not cards.has_row(axis) and step != 1.0:
        message = "%s: its CD matrix leaves out the Stokes axis; the increment is CDELT%d, %g"
        logger.warning(message, path, axis, step)
    for other in (one for one in range(1, count + 1) if one != axis):
        coupled = cards.coupling(axis, other)
        if coupled and hdu.shape[count - other] > 1:
            return [], f"it is not parallel to the pixels of axis {other}"
        if coupled:
            first += coupled * (1.0 - cards.number(f"CRPIX{other}", 0.0))
    if cards.odd:
        return [], f"{cards.odd} is no number"
    values = [first + (pixel - reference) * step for pixel in range(1, 1 + hdu.shape[count - axis])]
    if not all(math.isfinite(value) and abs(value - round(value)) < ROUNDING for value in values):
        shown = ", ".join(f"{value:g}" for value in values[:4])
        return [], f"its values {shown}{', and so on,' * (len(values) > 4)} are not whole numbers"
    names = [STOKES.get(round(value), str(round(value))) for value in values]
    return (names, "") if len(set(names)) == len(names) else ([], f"all of them are {names[0]}")


class _Cards:
    """Numbers of the linear transform of a header, with the defaults of the standard."""

    def __init__(self, header: fits.Header, path: PathLike) -> None:
        self.header, self.path = header, path
        self.has_cd = any(re.fullmatch(r"CD\d_\d", name) for name in header)
        self.odd = ""

    def number(self, name: str, default: float) -> float:
        """Number on a card; the first that holds none is noted."""
        said = card(self.header, name)
        value = number(self.header, name) if said else default
        if not math.isfinite(value):
            self.odd = self.odd or f"{name} = {said!r}"
        elif isinstance(self.header.get(name), str):
            logger.warning("%s: %s is the text %r, taken for %g", self.path, name, said, value)
        return value

    def has_row(self, axis: int) -> bool:
        """Whether a CD matrix is for this axis too."""
        return any(f"CD{axis}_{other}" in self.header for other in range(1, 10))

    def step(self, axis: int) -> float:
        """Increment from plane to plane."""
        if self.has_row(axis):
            return self.number(f"CD{axis}_{axis}", 0.0)
        return self._increment(axis) * self._matrix(axis, axis, 1.0)

    def coupling(self, axis: int, other: int) -> float:
        """Change from pixel to pixel along another axis."""
        if self.has_cd:
            return self.number(f"CD{axis}_{other}", 0.0)
        found = self._matrix(axis, other, 0.0)
        return found and found * self._increment(axis)

    def _increment(self, axis: int) -> float:
        return self.number(f"CDELT{axis}", 1.0)

    def _matrix(self, row: int, column: int, default: float) -> float:
        if self.has_cd:
            return default
        old = f"PC{row:03d}{column:03d}"
        return self.number(old if old in self.header else f"PC{row}_{column}", default)
