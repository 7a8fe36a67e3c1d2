"""What columns of FITS tables are, in the cards that TOPCAT and others know."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from equiclust.exceptions import InputError
from equiclust.io.text_tables import printable
from equiclust.io.ucds import set_ucd, ucd_of

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["read_fits_table", "write_fits_table"]

_CARD = re.compile(r"T(UCD|COMM)(\d+)")


def write_fits_table(table: Table, file: Path | BinaryIO) -> None:
    """Write a table as FITS; text is UTF-8, and columns may have any name in ASCII.

    Parameters
    ----------
    table : astropy.table.Table
        Not modified.
    file : Path or binary file
        A new one.

    Raises
    ------
    InputError
        When the name of a column is not ASCII.
    """
    plain = table.copy()
    for name in plain.colnames:
        if plain[name].dtype.kind == "U" and hasattr(plain[name], "mask"):
            # Else what stands behind the mask would be written.
            plain[name] = plain[name].filled("")
    plain.convert_unicode_to_bytestring()
    with _any_names():
        _with_cards(plain).write(file, format="fits")


@contextmanager
def _any_names() -> Iterator[None]:
    """No warning of columns whose names are no identifiers."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "It is strongly recommended that column names")
        yield


def _with_cards(table: Table) -> Table:
    """The table with a card ``TUCDn`` or ``TCOMMn`` for every UCD and description of a column.

    Astropy keeps both in comments of its own, which no other program reads. Truth values some of
    which are missing become whole numbers, of which FITS can say that they are missing.
    """
    found = table.copy(copy_data=False)
    for name in table.colnames:
        if printable(name, ascii_only=True) != name:
            raise InputError(f"FITS cannot hold the column {name!r}; choose another format")
        if table[name].dtype.kind in "biu" and np.any(getattr(table[name], "mask", False)):
            found[name] = _with_free_null(table[name])
    for number, column in enumerate(table.itercols(), start=1):
        for name, text in (("TUCD", ucd_of(column)), ("TCOMM", column.info.description)):
            if text:
                found.meta[f"{name}{number}"] = printable(" ".join(text.split()), ascii_only=True)
    return found


def _with_free_null(column: Any) -> Any:
    """Whole numbers some of which are missing, which stand in the file as one that none has."""
    numbers = column.astype(np.int16) if column.dtype.kind == "b" else column.copy()
    limits = np.iinfo(numbers.dtype)
    taken = set(numbers.compressed().tolist())
    numbers.fill_value = next(n for n in range(limits.max, limits.min - 1, -1) if n not in taken)
    return numbers


def read_fits_table(path: Path) -> Table:
    """Read the first table of a FITS file, with what its cards say of the columns.

    Parameters
    ----------
    path : Path

    Returns
    -------
    astropy.table.Table
    """
    from astropy.table import Table

    with _any_names():
        table = Table.read(path, format="fits")
    for key in [key for key in table.meta if _CARD.fullmatch(key)]:
        text = str(table.meta.pop(key))
        what, number = _CARD.fullmatch(key).groups()  # type: ignore[union-attr]
        if not 1 <= int(number) <= len(table.colnames):
            continue
        column = table.columns[int(number) - 1]
        if what == "UCD" and not ucd_of(column):
            set_ucd(column, text)
        elif what == "COMM" and not column.info.description:
            column.info.description = text
    return table
