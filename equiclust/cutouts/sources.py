"""`Sources`: positions, names and sizes of the sources of a catalogue."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from equiclust.cutouts.catalogue_columns import (
    find_id_column,
    find_pixel_origin,
)
from equiclust.exceptions import InputError
from equiclust.io.catalogue import read_table
from equiclust.io.sky_columns import FRAMES, named_column, sky_positions
from equiclust.typing import Array, Float64Array, PathLike
from equiclust.validation import check_choice, shown

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["CatalogueOptions", "Sources", "read_sources"]

_ODD = re.compile(r"[^A-Za-z0-9._+-]+")
_LONGEST_NAME = 56


@dataclass(frozen=True)
class CatalogueOptions:
    """How a catalogue is read.

    Parameters
    ----------
    ra, dec, id : str, default ""
        Names of columns; empty to find them by UCD or usual name.
    x, y : str, default ""
        Names of columns of pixel positions, in place of `ra` and `dec`.
    origin : int, optional
        Number of the first pixel in these, 0 or 1.
    frame : str, default "auto"
        One of `FRAMES`; "auto" is what the metadata of the table say, or else ICRS.
    size_column : str, default ""
        Column of the sides of the stamps; empty for one side.
    """

    ra: str = ""
    dec: str = ""
    id: str = ""
    x: str = ""
    y: str = ""
    origin: int | None = None
    frame: str = "auto"
    size_column: str = ""

    def check(self) -> None:
        """Refuse what does not go together.

        Raises
        ------
        InputError
        """
        check_choice("frame", self.frame, FRAMES)
        if bool(self.x) != bool(self.y) or bool(self.ra) != bool(self.dec):
            raise InputError("x and y, and ra and dec, must be given together")
        if self.x and self.ra:
            raise InputError("positions must be given by x and y or by ra and dec, got both")
        if self.x:
            find_pixel_origin(self.x, self.y, self.origin)
        elif self.origin is not None:
            raise InputError(f"origin is of pixel columns, got {self.origin} without x and y")


@dataclass(frozen=True, eq=False)
class Sources:
    """Sources of a catalogue.

    Parameters
    ----------
    ids : ndarray (n,), str
        Names as the catalogue has them; row numbers where it has none.
    names : ndarray (n,), str
        Names of the stamps: unique, also where case does not count, and fit for a file.
    positions : ndarray (n, 2), float64
        Right ascension and declination in degrees, ICRS, or pixels from 0; NaN where unknown.
    in_pixels : bool
        Which of both they are.
    sizes : ndarray (n,), float64, optional
        Sides of the stamps in `size_unit`; None where they have one side.
    size_unit : str, default ""
        Unit of an angle; empty for pixels.
    """

    ids: Array
    names: Array
    positions: Float64Array
    in_pixels: bool
    sizes: Float64Array | None = None
    size_unit: str = ""

    def __len__(self) -> int:
        return len(self.ids)


def read_sources(catalogue: PathLike | Table, options: CatalogueOptions) -> Sources:
    """Read the sources of a catalogue.

    Parameters
    ----------
    catalogue : str, Path or astropy.table.Table
    options : CatalogueOptions

    Returns
    -------
    Sources
        With one row for each of the catalogue, usable or not.

    Raises
    ------
    InputError
        When the file cannot be read, has no rows, or its positions are not found.
    """
    options.check()
    table: Table
    if isinstance(catalogue, str | os.PathLike):
        table = read_table(catalogue)
    else:
        table = _checked(catalogue)
    if not len(table):
        raise InputError(f"the catalogue must have rows, got none in {_named(catalogue)}")
    if options.x:
        columns = [named_column(table, role, getattr(options, role)) for role in ("x", "y")]
        origin = find_pixel_origin(options.x, options.y, options.origin)
        positions = np.stack([_numbers(table, name) for name in columns], axis=1) - origin
    else:
        positions = _on_the_sky(table, options)
    named = options.id
    ids = _ids(table, named_column(table, "id", named) if named else find_id_column(table))
    sizes, unit = None, ""
    if options.size_column:
        name = named_column(table, "size_column", options.size_column)
        sizes, unit = _numbers(table, name), _size_unit(table, name)
    return Sources(ids, _stamp_names(ids), positions, bool(options.x), sizes, unit)


def _checked(catalogue: object) -> Table:
    from astropy.table import Table

    if not isinstance(catalogue, Table):
        raise InputError(
            f"catalogue must be the path of a table or an astropy Table, got {shown(catalogue)}"
        )
    return catalogue


def _named(catalogue: Any) -> str:
    return repr(os.fspath(catalogue)) if isinstance(catalogue, str | os.PathLike) else "the table"


def _filled(table: Table, name: str) -> Array:
    column = table[name]
    values = np.ma.asarray(getattr(column, "value", column))
    if values.ndim != 1:
        raise InputError(f"column {name!r} must hold one value a row, got shape {values.shape}")
    if values.dtype.kind in "fiu":
        return np.ma.filled(values.astype(np.float64), np.nan)
    if values.dtype.kind == "O":
        values = np.ma.asarray([_text(value) for value in np.ma.filled(values, None)])
    return np.ma.filled(values.astype(str), "")


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


def _numbers(table: Table, name: str) -> Float64Array:
    values = _filled(table, name)
    if values.dtype.kind == "f":
        return np.where(np.isfinite(values), values, np.nan)
    found = np.full(len(values), np.nan)
    for row, text in enumerate(values.tolist()):
        try:
            found[row] = float(text)
        except ValueError:
            continue
    return np.where(np.isfinite(found), found, np.nan)


def _on_the_sky(table: Table, options: CatalogueOptions) -> Float64Array:
    """Positions in degrees, ICRS."""
    places = sky_positions(table, options.ra, options.dec, frame=options.frame, skip_invalid=True)
    return np.stack([places.ra.deg, places.dec.deg], axis=1)


def _ids(table: Table, name: str) -> Array:
    if not name:
        digits = len(str(len(table) - 1))
        return np.array([f"source_{row:0{digits}d}" for row in range(len(table))])
    column = table[name]
    if column.dtype.kind in "iu":
        return np.array([str(one) for one in np.ma.filled(np.ma.asarray(column), 0).tolist()])
    values = _filled(table, name)
    if values.dtype.kind == "f":
        # Whole numbers that a reader took for floats.
        values = np.array([f"{value:.17g}" for value in values.tolist()])
    return values


def _stamp_names(ids: Array) -> Array:
    """Names that are unique and that any file system takes."""
    plain = [_ODD.sub("_", text.strip())[:_LONGEST_NAME].lstrip(".-") or "source" for text in ids]
    return np.array(list(_unique(plain)))


def _unique(names: list[str]) -> Iterator[str]:
    taken = {name.lower() for name in names}
    seen: set[str] = set()
    numbers: Counter[str] = Counter()
    for name in names:
        given = name
        while given.lower() in seen:
            numbers[name.lower()] += 1
            candidate = f"{name}-{numbers[name.lower()] + 1}"
            given = candidate if candidate.lower() not in taken else given
        seen.add(given.lower())
        yield given


def _size_unit(table: Table, name: str) -> str:
    from astropy import units

    unit = table[name].unit
    if unit is None or str(unit) in ("", "pix", "pixel"):
        return ""
    try:
        units.Unit(unit).to("deg")
    except (ValueError, TypeError) as error:
        raise InputError(
            f"size_column {name!r} must be in pixels or of an angle, got the unit {str(unit)!r}"
        ) from error
    return str(units.Unit(unit))
