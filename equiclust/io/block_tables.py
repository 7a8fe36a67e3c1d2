"""Large tables written block by block, so that they need not fit into memory."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from equiclust.exceptions import OutputError
from equiclust.io.atomic import atomic_path
from equiclust.io.catalogue import format_of, write_table
from equiclust.io.fits_tables import write_fits_table
from equiclust.io.parquet_tables import write_parquet
from equiclust.io.text_tables import table_text
from equiclust.typing import Array

if TYPE_CHECKING:
    from astropy.table import Column, Table

__all__ = ["BlockTable", "joined_tables"]

_FITS_BLOCK, _CARD = 2880, 80


@dataclass(frozen=True)
class _Described:
    """What the parts of a column have in common."""

    dtype: np.dtype[Any]
    # Longest text in bytes of UTF-8; 0 for numbers.
    n_bytes: int
    description: str | None
    unit: str | None
    meta: Mapping[str, Any]

    def as_column(self, values: Array) -> Column:
        """Values with what is said of them."""
        from astropy.table import Column

        return Column(values, description=self.description, unit=self.unit, meta=dict(self.meta))


class BlockTable:
    """A table of many parts, of which one is in memory at a time.

    Parts have the same columns, but that some may lack columns of floats, which are NaN there.

    Parameters
    ----------
    parts : callable
        Gives the parts in order; called several times.
    """

    def __init__(self, parts: Callable[[], Iterable[Table]]) -> None:
        self._parts = parts
        self._columns: dict[str, _Described] = {}
        self._n_rows = 0
        for part in parts():
            self._n_rows += len(part)
            known = dict(self._columns)
            found = {name: _described(part[name], known.get(name)) for name in part.colnames}
            # The order is that of a part that lacks none.
            self._columns = (
                {**found, **known, **found} if len(found) > len(known) else known | found
            )

    def __len__(self) -> int:
        return self._n_rows

    def blocks(self, *, as_bytes: bool = False) -> Iterator[Table]:
        """The parts, all with the same columns of the same types.

        Parameters
        ----------
        as_bytes : bool, default False
            Whether text is UTF-8, as FITS stores it.

        Yields
        ------
        astropy.table.Table
        """
        from astropy.table import Table

        for part in self._parts():
            block = Table(meta=dict(part.meta))
            for name, one in self._columns.items():
                missing = np.full(len(part), np.nan)
                values = np.asarray(part[name]) if name in part.colnames else missing
                block[name] = one.as_column(_as(values, one, as_bytes))
            yield block

    def write(self, path: Path) -> None:
        """Write all rows as `write_table` writes one table; VOTable alone is held in memory.

        Parameters
        ----------
        path : Path
            Ends in .ecsv, .fits, .vot, .xml, .csv or .parquet. An older file is replaced.

        Raises
        ------
        InputError
            When the suffix is unknown.
        OutputError
            When the file cannot be written.
        """
        form = format_of(path)
        if form == "votable":
            write_table(self.joined(), path)
            return
        with atomic_path(path) as draft:
            if form == "parquet":
                write_parquet(self.blocks(), draft)
            elif form == "fits":
                self._write_fits(draft)
            else:
                with draft.open("w", encoding="utf-8") as file:
                    for number, block in enumerate(self.blocks()):
                        file.write(table_text(block, form, header=number == 0))

    def joined(self) -> Table:
        """All rows in memory.

        Returns
        -------
        astropy.table.Table
        """
        return joined_tables(list(self.blocks()))

    def _write_fits(self, path: Path) -> None:
        """Header and rows as astropy writes them for each block, with the number of all rows."""
        before, n_bytes = b"", 0
        with path.open("wb") as file:
            for block in self.blocks(as_bytes=True):
                header, rows = _fits_parts(block, self._n_rows)
                if not before:
                    file.write(header)
                    before = header
                if header != before:
                    raise OutputError(f"cannot write {str(path)!r}: its blocks differ in columns")
                file.write(rows)
                n_bytes += len(rows)
            file.write(bytes(-n_bytes % _FITS_BLOCK))


def joined_tables(tables: Sequence[Table]) -> Table:
    """One table of the rows of several that have the same columns.

    Parameters
    ----------
    tables : sequence of astropy.table.Table
        At least one.

    Returns
    -------
    astropy.table.Table
    """
    from astropy.table import Table

    first = tables[0]
    whole = Table(meta=dict(first.meta))
    for name in first.colnames:
        values = np.concatenate([np.asarray(table[name]) for table in tables])
        whole[name] = _described(first[name], None).as_column(values)
    return whole


def _described(column: Column, known: _Described | None) -> _Described:
    values = np.asarray(column)
    n_bytes = 0
    if values.dtype.kind == "U":
        n_bytes = np.char.encode(values, "utf-8").dtype.itemsize
    if known is None:
        unit = None if column.unit is None else str(column.unit)
        meta = dict(column.info.meta or {})
        return _Described(values.dtype, n_bytes, column.description, unit, meta)
    dtype = np.result_type(known.dtype, values.dtype)
    return replace(known, dtype=dtype, n_bytes=max(known.n_bytes, n_bytes))


def _as(values: Array, column: _Described, as_bytes: bool) -> Array:
    if as_bytes and column.n_bytes:
        return np.char.encode(values, "utf-8").astype(f"S{column.n_bytes}")
    return values.astype(column.dtype)


def _fits_parts(block: Table, n_rows: int) -> tuple[bytes, bytes]:
    """Headers and rows of a table as a FITS file, the header for another number of rows."""
    buffer = io.BytesIO()
    write_fits_table(block, buffer)
    content = buffer.getvalue()
    start = _end_of_header(content, _end_of_header(content, 0))
    cards = _cards(content[:start])
    width = int(cards[b"NAXIS1"])
    old = b"NAXIS2  = %20d" % len(block)
    header = content[:start].replace(old, b"NAXIS2  = %20d" % n_rows)
    return header, content[start : start + width * len(block)]


def _end_of_header(content: bytes, start: int) -> int:
    """Where the data begin behind the header that begins at `start`."""
    while content[start : start + _CARD].rstrip() != b"END":
        start += _CARD
    return -(-(start + _CARD) // _FITS_BLOCK) * _FITS_BLOCK


def _cards(header: bytes) -> Mapping[bytes, bytes]:
    """Values of the cards; of two of one name that of the last header counts."""
    cards = [header[at : at + _CARD] for at in range(0, len(header), _CARD)]
    return {
        card[:8].rstrip(): card[10:].partition(b"/")[0].strip()
        for card in cards
        if card[8:10] == b"= "
    }
