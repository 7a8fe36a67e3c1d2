"""The rows of a VOTable as text, column by column: several times as fast as row by row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import numpy as np

if TYPE_CHECKING:
    from astropy.table import Column, Table

__all__ = ["is_plain", "row_texts"]

_ROWS = 1 << 14
_TRUTH = {True: "T", False: "F"}
_NOT_FINITE = {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}


def is_plain(table: Table) -> bool:
    """Whether every column has one number, one truth value or one text in a row.

    Parameters
    ----------
    table : astropy.table.Table
    """
    return all(column.ndim == 1 and column.dtype.kind in "biufU" for column in table.itercols())


def row_texts(table: Table) -> Iterator[str]:
    """Elements ``TR`` of some rows at a time, in order.

    Parameters
    ----------
    table : astropy.table.Table
        A plain one, see `is_plain`.

    Yields
    ------
    str
        An element without text stands for a missing value.
    """
    for start in range(0, len(table), _ROWS):
        cells = [_cells(column[start : start + _ROWS]) for column in table.itercols()]
        yield "".join(f"<TR>{''.join(row)}</TR>\n" for row in zip(*cells, strict=True))


def _cells(column: Column) -> list[str]:
    values = np.ma.asarray(column)
    cells = [f"<TD>{text}</TD>" if text else "<TD/>" for text in _texts(values.data)]
    for row in np.flatnonzero(np.ma.getmaskarray(values)):
        cells[row] = "<TD/>"
    return cells


def _texts(values: Any) -> list[str]:
    if values.dtype.kind == "U":
        return [escape(text) for text in values.tolist()]
    if values.dtype.kind == "b":
        return [_TRUTH[value] for value in values.tolist()]
    if values.dtype.itemsize == 8 or values.dtype.kind != "f":
        texts = list(map(repr, values.tolist()))
    else:
        # The fewest digits that tell a number of this width from the others.
        texts = values.astype(str).tolist()
    return [_NOT_FINITE.get(text, text) for text in texts]
