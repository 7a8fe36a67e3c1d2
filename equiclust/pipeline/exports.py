"""Selected images as files: tables, regions of DS9, and lists of files."""

from __future__ import annotations

import csv
import os
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.io.atomic import atomic_path
from equiclust.io.catalogue import printable, read_table, write_table
from equiclust.report.figures.colouring import kind_order, kind_texts
from equiclust.report.figures.palette import UNKNOWN, mark_of, name_of
from equiclust.typing import Float64Array
from equiclust.validation import check_choice, shown

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = [
    "EXPORT_FORMATS",
    "ExportFormat",
    "Exported",
    "checked_rows",
    "export_rows",
    "sky_of",
    "write_checked_rows",
    "write_rows",
]

ExportFormat = Literal["csv", "ecsv", "fits", "vot", "reg", "txt"]
"""Files that selected images can be saved as."""

EXPORT_FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)

_MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "ecsv": "text/plain; charset=utf-8",
    "fits": "application/fits",
    "vot": "application/x-votable+xml",
    "reg": "text/plain; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
}
_FILES = {"reg": "images.reg", "txt": "files.txt"}
# What may stand around a text in a DS9 file: whichever does not occur in it.
_AROUND = (("{", "}", "{}"), ('"', '"', '"'), ("'", "'", "'"))


class Exported(NamedTuple):
    """A file to be saved.

    Parameters
    ----------
    content : bytes
    media_type : str
        Such as "text/csv; charset=utf-8".
    name : str
        Of the file.
    """

    content: bytes
    media_type: str
    name: str


@checks_types
def export_rows(
    table: Table, rows: Sequence[int] | None, format: ExportFormat, *, kinds: Sequence[str] = ()
) -> Exported:
    """Selected images as a file.

    Parameters
    ----------
    table : astropy.table.Table
        Catalogue of a run, with a column kind where kinds are known. Not modified.
    rows : sequence of int or None
        Rows in the order of the file; None = all.
    format : {"csv", "ecsv", "fits", "vot", "reg", "txt"}
        A table with all columns; regions of DS9, one point in ICRS for each image whose place on
        the sky is known, named by id and kind, in the colour of its kind; or the files of the
        images, each once, one path a line.
    kinds : sequence of str, default ()
        Kinds in the order of their colours; by default alphabetical.

    Returns
    -------
    Exported

    Raises
    ------
    InputError
        When the rows are empty or not there, no image has a place on the sky (reg) or a file (txt),
        or a text cannot be kept as it is in that format.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from equiclust.pipeline.exports import export_rows
    >>> table = Table({"id": ["disc_1", "disc_2"], "label": [0, 1]})
    >>> export_rows(table, [1], "csv").content.splitlines()
    [b'id,label', b'disc_2,1']
    """
    check_choice("format", format, EXPORT_FORMATS)
    chosen = checked_rows(rows, len(table))
    content = _text(table, chosen, format, kinds) or _table(table[chosen], format)
    return Exported(content, _MEDIA_TYPES[format], _FILES.get(format, f"images.{format}"))


def checked_rows(rows: object, n: int) -> list[int]:
    """Rows of a table that were named by a user.

    Parameters
    ----------
    rows : object
        Sequence of whole numbers; None = all.
    n : int
        Length of the table.

    Returns
    -------
    list of int

    Raises
    ------
    InputError
        When it is anything else, empty, or a row is not there.
    """
    if rows is None:
        return list(range(n))
    if not isinstance(rows, list | tuple | range | np.ndarray) or not len(rows):
        raise InputError(f"rows must be the numbers of one image or more, got {shown(rows)}")
    for row in rows:
        if isinstance(row, bool) or not isinstance(row, int | np.integer) or not 0 <= row < n:
            raise InputError(f"rows must be 0 to {n - 1}, got {shown(row)}")
    return [int(row) for row in rows]


def sky_of(table: Table) -> Float64Array:
    """Right ascension and declination of the images.

    Parameters
    ----------
    table : astropy.table.Table
        Catalogue of a run.

    Returns
    -------
    ndarray (n, 2), float64
        In degrees, ICRS; NaN where unknown.
    """
    if not {"ra", "dec"} <= set(table.colnames):
        return np.full((len(table), 2), np.nan)
    places = [np.ma.asarray(table[name], dtype=np.float64) for name in ("ra", "dec")]
    found = np.stack([np.ma.filled(one, np.nan) for one in places], axis=1)
    return np.where(np.isfinite(found).all(axis=1, keepdims=True), found, np.nan)


def write_checked_rows(
    table: Table, rows: Sequence[int] | None, path: Path, *, kinds: Sequence[str] = ()
) -> None:
    """Write selected images to a file; its suffix determines the format.

    Parameters
    ----------
    table : astropy.table.Table
        Catalogue of a run. Not modified.
    rows : sequence of int or None
        Rows in the order of the file; None = all.
    path : Path
        Ends in .ecsv, .fits, .vot, .xml, .csv, .parquet, .reg or .txt. Replaced.
    kinds : sequence of str, default ()
        Kinds in the order of their colours; by default alphabetical.

    Raises
    ------
    InputError, OutputError
        As of `export_rows`, and when the file cannot be written.
    """
    chosen = checked_rows(rows, len(table))
    content = _text(table, chosen, path.suffix.lower().removeprefix("."), kinds)
    if content:
        with atomic_path(path) as draft:
            draft.write_bytes(content)
        return
    write_rows(table[chosen], path)
    _check_kept(table[chosen], path)


def _text(table: Table, rows: list[int], form: str, kinds: Sequence[str]) -> bytes:
    """Regions or a list of files; empty for the formats of tables."""
    if form == "reg":
        return _regions(table, rows, kinds)
    return _files(table[rows]) if form == "txt" else b""


def _table(table: Table, form: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="equiclust-") as folder:
        path = Path(folder) / f"images.{form}"
        write_checked_rows(table, None, path)
        return path.read_bytes()


def write_rows(table: Table, path: Path) -> None:
    """Write a table as `write_table` does, with columns of any name.

    Parameters
    ----------
    table : astropy.table.Table
    path : Path

    Raises
    ------
    InputError, OutputError
        As of `write_table`.
    """
    with warnings.catch_warnings():
        # Columns of kinds have names of the user, of which VOTable makes identifiers.
        warnings.simplefilter("ignore")
        write_table(table, path)


def _check_kept(table: Table, path: Path) -> None:
    """Refuse a file whose text is not that of the table; blanks at the ends are lost in some."""
    found = _texts_in(path)
    for name in table.colnames:
        if table[name].dtype.kind not in "USO":
            continue
        for text, kept in zip(kind_texts(table[name]), found(name), strict=True):
            if text != kept:
                raise InputError(
                    f"{path.suffix} cannot hold {shown(text)} of the column {name!r}; choose "
                    "another format, or rename it"
                )


def _texts_in(path: Path) -> Callable[[str], Sequence[str]]:
    if path.suffix == ".csv":
        # A reader of tables would take kinds such as "01" for numbers.
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return lambda name: [row[name] for row in rows]
    table = read_table(path)
    return lambda name: kind_texts(table[name])


def _files(table: Table) -> bytes:
    paths = [path for path in dict.fromkeys(kind_texts(table["path"])) if path]
    if not paths:
        raise InputError(f"none of the {len(table)} images came from a file; save a table instead")
    for path in paths:
        if "\n" in path or "\r" in path:
            raise InputError(f"a list of files cannot hold {path!r}; rename the file")
    return b"".join(os.fsencode(path) + b"\n" for path in paths)


def _regions(table: Table, rows: list[int], kinds: Sequence[str]) -> bytes:
    sky = sky_of(table)[rows]
    known = np.isfinite(sky[:, 0])
    if not known.any():
        raise InputError(
            f"none of the {len(rows)} images has a place on the sky; save a table or a list of "
            "files instead"
        )
    names, colours = _named(table, kinds)
    lines = ["# Region file format: DS9", *_left_out(int((~known).sum())), "icrs"]
    for row, (ra, dec), is_known in zip(rows, sky.tolist(), known.tolist(), strict=True):
        if is_known:
            name = str(table["id"][row])
            text = _quoted(f"{name} ({names[row]})" if names[row] else name)
            place = f"point({ra:.9f},{dec:.9f})"
            lines.append(f"{place} # point=circle color={colours[row]} text={text}")
    return "".join(f"{line}\n" for line in lines).encode()


def _left_out(count: int) -> list[str]:
    if not count:
        return []
    return [f"# {count:,} image{'s' * (count > 1)} without a place on the sky left out"]


def _named(table: Table, kinds: Sequence[str]) -> tuple[list[str], list[str]]:
    """Kinds, or clusters where there are none, and their colours, one for each row."""
    if "kind" in table.colnames:
        names = list(kind_texts(table["kind"]))
        place = {name: k for k, name in enumerate(kind_order(names, kinds))}
        marks = [mark_of(place[name]) if name else UNKNOWN for name in names]
    else:
        labels = [int(label) for label in table["label"]]
        names, marks = [name_of(k) for k in labels], [mark_of(k) for k in labels]
    return names, [mark.colour for mark in marks]


def _quoted(text: str) -> str:
    """A text as DS9 files hold it; they know no way to write a delimiter within one."""
    for opening, closing, excluded in _AROUND:
        if printable(text) == text and not set(excluded) & set(text):
            return f"{opening}{text}{closing}"
    raise InputError(
        f"a region file cannot hold {shown(text)}, which has braces and both kinds of quotes, or "
        "characters that cannot be printed; save a table instead, or rename it"
    )
