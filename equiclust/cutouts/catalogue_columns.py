"""Which columns of a catalogue hold names and pixel positions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from equiclust.exceptions import InputError
from equiclust.io.ucds import ucd_of

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["find_id_column", "find_pixel_origin"]

# The first UCD that occurs once wins.
_UCDS = ("meta.id;meta.main", "id_main")
_NAMES = (
    *("id", "source_id", "object_id", "objid", "objectid", "obj_id", "sourceid", "name"),
    *("designation", "main_id", "number", "coadd_object_id", "targetid", "label", "recno"),
)
# Pixel columns of usual programs, and where they begin to count.
_PIXELS = {
    1: (("x_image", "y_image"), ("xwin_image", "ywin_image"), ("xpeak_image", "ypeak_image")),
    0: (("xcentroid", "ycentroid"), ("x_centroid", "y_centroid"), ("xcenter", "ycenter")),
}


def find_id_column(table: Table) -> str:
    """Name of the column that names the sources, by its UCD or a usual name.

    Parameters
    ----------
    table : astropy.table.Table

    Returns
    -------
    str
        Empty when there is none.
    """
    ucds = {name: ucd_of(table[name]).lower() for name in table.colnames}
    for wanted in _UCDS:
        parts = set(wanted.split(";"))
        found = [name for name, ucd in ucds.items() if parts <= set(ucd.split(";"))]
        if len(found) == 1:
            return str(found[0])
    lower = {name.lower(): name for name in reversed(table.colnames)}
    return next((lower[name] for name in _NAMES if name in lower), "")


def find_pixel_origin(x: str, y: str, origin: int | None) -> int:
    """Number of the first pixel in columns of pixel positions.

    Parameters
    ----------
    x, y : str
        Names of the columns.
    origin : int, optional
        As the user says: 0 or 1.

    Returns
    -------
    int

    Raises
    ------
    InputError
        When it is neither given nor known from the names.
    """
    if origin is not None:
        if origin not in (0, 1) or isinstance(origin, bool):
            raise InputError(
                f"origin must be 1, where the first pixel is 1 as in FITS and SExtractor, or 0, as "
                f"in photutils and NumPy, got {origin!r}"
            )
        return int(origin)
    for number, pairs in _PIXELS.items():
        if (x.lower(), y.lower()) in pairs:
            return number
    raise InputError(
        f"origin (--origin) must be said for the columns {x!r} and {y!r}: 1 where the centre of "
        "the first pixel is 1, as in FITS and SExtractor, 0 where it is 0, as in photutils"
    )
