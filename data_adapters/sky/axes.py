"""What the axes of a FITS image mean: sky, spectrum, Stokes parameter, and the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from data_adapters.extensions import long_axes
from data_adapters.fits_headers import card
from data_adapters.sky.celestial_types import celestial_pair, standard_type
from data_adapters.sky.stokes import StokesPlane, stokes_plane
from equiclust.exceptions import UnreadableFileError
from equiclust.typing import PathLike

__all__ = ["SPECTRAL", "MapAxes", "map_axes"]

# Table 25 of the FITS standard 4.0, with names that it replaced.
SPECTRAL = (
    *("FREQ", "ENER", "WAVN", "VRAD", "WAVE", "VOPT", "ZOPT", "AWAV", "VELO", "BETA"),
    *("FELO", "LAMB"),
)


class MapAxes(NamedTuple):
    """Axes of the array in the file, counted from 0, slowest first.

    Parameters
    ----------
    channel : int or None
        None for a map.
    row, column : int
    stokes : StokesPlane, default StokesPlane()
        The plane of a Stokes axis that is read.
    """

    channel: int | None
    row: int
    column: int
    stokes: StokesPlane = StokesPlane()

    @property
    def planes(self) -> Mapping[int, int]:
        """Index on every axis that is longer than one pixel and none of the others."""
        axis, place, length, _ = self.stokes
        return {} if axis is None or length == 1 else {axis: place}


def map_axes(hdu: Any, path: PathLike, *, stokes: str = "") -> MapAxes:
    """Axes of an image: two for rows and columns, and that of the channels.

    Rows and columns are the celestial axes. Without a pair of these, or where one of them is a
    single pixel beside other long axes (as in a diagram of position and velocity), they are the two
    long axes, or of three long axes those that are not spectral (or, without spectral axis, the two
    fastest). Of a Stokes axis one plane is taken.

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
        there or not to be told from others.
    """
    ctypes = _ctypes(hdu)
    long, plane = long_axes(hdu), stokes_plane(hdu, ctypes, path, wanted=stokes)
    rest = [axis for axis in long if axis != plane.axis]
    row, column = _sky(rest, ctypes) or _two_axes(rest, ctypes)
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
    return MapAxes(other[0] if other else None, row, column, plane)


def _ctypes(hdu: Any) -> list[str]:
    count = len(hdu.shape)
    return [standard_type(card(hdu.header, f"CTYPE{count - axis}")) for axis in range(count)]


def _sky(rest: Sequence[int], ctypes: Sequence[str]) -> list[int]:
    """Celestial axes, unless one is a single pixel, so that another axis is of the map."""
    pair = celestial_pair(ctypes)
    return pair if set(pair) <= set(rest) else []


def _two_axes(long: Sequence[int], ctypes: Sequence[str]) -> Sequence[int]:
    """Rows and columns of an image without sky."""
    if len(long) <= 2:
        return long
    spatial = [axis for axis in long if ctypes[axis][:4] not in SPECTRAL]
    return (spatial if len(spatial) >= 2 else long)[-2:]
