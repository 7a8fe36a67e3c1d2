"""Tables from files of each format, as plain columns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from equiclust.io.fits_tables import read_fits_table
from equiclust.io.parquet_tables import read_parquet
from equiclust.io.votables import read_votable

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["read_form"]

# They are text even where a CSV file seems to hold numbers.
_TEXT_COLUMNS = ("id", "path", "reason")


def read_form(path: Path, form: str) -> Table:
    """Read a table of a known format.

    Parameters
    ----------
    path : Path
    form : str
        As `equiclust.io.catalogue.format_of` gives it.

    Returns
    -------
    astropy.table.Table
        Without bytes and needless masks, in the native byte order.
    """
    table = _READERS[form](path)
    return table if form == "parquet" else _plain(table)


def _read_csv(path: Path) -> Table:
    from astropy.table import Table

    return Table.read(path, format="ascii.csv", converters=dict.fromkeys(_TEXT_COLUMNS, str))


def _read_ecsv(path: Path) -> Table:
    from astropy.table import Table

    return Table.read(path, format="ascii.ecsv")


_READERS = {
    "ascii.csv": _read_csv,
    "ascii.ecsv": _read_ecsv,
    "fits": read_fits_table,
    "votable": read_votable,
    "parquet": read_parquet,
}


def _plain(table: Table) -> Table:
    """Table without unnecessary masks, without bytes, and in the native byte order."""
    from astropy.table import Column, MaskedColumn

    table.convert_bytestring_to_unicode()
    for name in table.colnames:
        column = table[name]
        if isinstance(column, MaskedColumn):
            if column.dtype.kind in "Uf":
                column = column.filled("" if column.dtype.kind == "U" else np.nan)
            elif not np.any(column.mask):
                column = column.filled()
        if not column.dtype.isnative:
            column = column.astype(column.dtype.newbyteorder("="))
        if column.description:
            # VOTable breaks long ones into lines.
            column.description = " ".join(column.description.split())
        if isinstance(column, Column):
            table[name] = column
    return table
