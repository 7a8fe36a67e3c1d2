"""Tables as text, ECSV and CSV, and text that tables can hold."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["printable", "table_text"]


def table_text(table: Table, form: str, *, header: bool = True) -> str:
    """A table as the text of a file.

    Parameters
    ----------
    table : astropy.table.Table
    form : {"ascii.ecsv", "ascii.csv"}
    header : bool, default True
        Whether the lines before the rows are there.

    Returns
    -------
    str
    """
    buffer = io.StringIO()
    table.write(buffer, format=form)
    above, rows = [], buffer.getvalue().splitlines(keepends=True)
    if form == "ascii.ecsv":
        while rows and rows[0].startswith("#"):
            above.append(rows.pop(0))
        # Rows whose first value begins with # would be read as comments.
        rows = [re.sub(r"^(#\S*)", r'"\1"', row) for row in rows]
    return "".join(above + rows if header else rows[1:])


def printable(text: str, *, ascii_only: bool = False) -> str:
    """Text as tables hold it, without characters that cannot be printed.

    Parameters
    ----------
    text : str
    ascii_only : bool, default False
        Whether only the characters from space to ``~`` are kept, as FITS headers need it.

    Returns
    -------
    str
        Of the same length; U+FFFD, or ``?`` if `ascii_only`, stands for every other character.
    """
    if ascii_only:
        return "".join(c if " " <= c <= "~" else "?" for c in text)
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
