"""Labels as users give them: in tables of several formats, partial, repeated or contradictory."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.io.catalogue import printable, read_table
from equiclust.io.regular_files import read_regular
from equiclust.typing import PathLike
from equiclust.validation import shown

__all__ = ["Labels", "gather_labels", "label_text", "read_label_rows", "read_labels", "sort_labels"]

_COLUMNS = ("id", "kind")
_SEPARATORS = (",", ";", "\t", "|")
_MOST_BYTES = 1 << 28
_SHOWN = 3
_LONGEST_SHOWN = 200

Pair = tuple[str, str]


@dataclass(frozen=True)
class Labels:
    """Kinds that a user gave to images, and what is wrong with them.

    Parameters
    ----------
    kinds : dict of str to str
        Kind by the id of the image.
    contradictions : dict of str to tuple of str, optional
        Kinds of images that were given several; these images count as not labelled.
    unknown : tuple of str, default ()
        Ids that no image has.
    n_empty : int, default 0
        Rows without a kind.

    Examples
    --------
    >>> from equiclust.teaching import Labels
    >>> Labels({"disc_1": "ring"}, unknown=("disc_9",)).notes
    ["Labels of images that the run has not are left out (1): 'disc_9'"]
    """

    kinds: dict[str, str]
    contradictions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    n_empty: int = 0

    @property
    def notes(self) -> list[str]:
        """What a user should know of the labels, a sentence each."""
        found = []
        if self.contradictions:
            listed = [f"{name!r} is {' and '.join(k)}" for name, k in self.contradictions.items()]
            found.append(
                "Images that have several kinds count as not labelled "
                f"({len(listed)}): {_some(listed)}"
            )
        if self.unknown:
            listed = [repr(name) for name in self.unknown]
            found.append(
                f"Labels of images that the run has not are left out ({len(listed)}): "
                f"{_some(listed)}"
            )
        return found


@checks_types
def read_labels(path: PathLike) -> list[Pair]:
    """Read the columns `id` and `kind` of a table, as text.

    Parameters
    ----------
    path : path-like
        CSV in UTF-8 with commas, semicolons, tabs or bars between the columns, or a table that
        `equiclust.io.read_table` can read.

    Returns
    -------
    list of (str, str)
        Without blanks around them; the kind may be empty.

    Raises
    ------
    InputError
        When the file is missing, no such table or, as text, larger than 256 MiB.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from equiclust.teaching import read_labels
    >>> table = Table({"id": ["disc_00012", "disc_00031"], "kind": ["spiral", ""]})
    >>> table.write("labels.csv")
    >>> read_labels("labels.csv")
    [('disc_00012', 'spiral'), ('disc_00031', '')]
    """
    source = Path(path).expanduser()
    if source.suffix.lower() in (".csv", ".tsv", ".txt"):
        return [(row["id"], row["kind"]) for row in read_label_rows(source)[1]]
    table = read_table(source)
    _check_columns(source, table.colnames)
    names = [label_text(name) and _name(str(name)) for name in table["id"]]
    return list(zip(names, map(label_text, table["kind"]), strict=True))


def gather_labels(labels: object, ids: Sequence[str], earlier: Sequence[Pair] = ()) -> Labels:
    """Labels from a mapping, a file or several files, for images with these ids.

    Parameters
    ----------
    labels : mapping of str to str, path-like, or sequence of path-like
        Kinds by id, or files as `read_labels` takes them.
    ids : sequence of str
        Of the images.
    earlier : sequence of (str, str), default ()
        Ids and kinds that were given before; they count as much.

    Returns
    -------
    Labels

    Raises
    ------
    InputError
        When a file cannot be read, or holds no label of any image.
    """
    if isinstance(labels, Mapping):
        pairs = [(str(name), label_text(kind)) for name, kind in labels.items()]
        where = "labels"
    else:
        paths = [labels] if isinstance(labels, str | os.PathLike) else labels
        if not isinstance(paths, Iterable):
            raise InputError(f"labels must be kinds by id, or files, got {shown(labels)}")
        listed = list(paths)
        pairs = [pair for path in listed for pair in _read_file(path)]
        where = ", ".join(repr(os.fspath(path)) for path in listed)
    _check_used(pairs, set(ids), where)
    return sort_labels([*earlier, *pairs], set(ids))


def _read_file(path: object) -> list[Pair]:
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"labels must be kinds by id, or files, got {shown(path)}")
    return read_labels(path)


def _check_used(pairs: list[Pair], ids: set[str], where: str) -> None:
    """Refuse labels none of which is of an image."""
    named = [name for name, kind in pairs if kind]
    if not pairs:
        raise InputError(f"{where} holds no rows; name the kinds of some images")
    if not named:
        raise InputError(
            f"{where} names no kind in any of its {len(pairs)} rows; fill in the column 'kind'"
        )
    if not ids.intersection(named):
        raise InputError(
            f"{where} names no image of the run, but {named[0]!r} and the like; take the ids from "
            "the run's catalogue"
        )


def sort_labels(pairs: Sequence[Pair], ids: Set[str]) -> Labels:
    """Tell labels of images apart from empty, unknown and contradictory ones.

    Parameters
    ----------
    pairs : sequence of (str, str)
        Ids and kinds; the kind may be empty.
    ids : set of str
        Of the images.

    Returns
    -------
    Labels
    """
    given: dict[str, list[str]] = {}
    for name, kind in pairs:
        if kind and name in ids:
            given.setdefault(name, []).append(kind)
    different = {name: tuple(dict.fromkeys(own)) for name, own in given.items()}
    return Labels(
        {name: own[0] for name, own in different.items() if len(own) == 1},
        {name: own for name, own in different.items() if len(own) > 1},
        tuple(dict.fromkeys(name for name, kind in pairs if kind and name not in ids)),
        sum(not kind for _, kind in pairs),
    )


def read_label_rows(path: Path) -> tuple[tuple[str, ...], list[dict[str, str]]]:
    """Read all columns of a CSV file of labels, as text.

    Parameters
    ----------
    path : Path
        CSV in UTF-8 with commas, semicolons, tabs or bars between the columns, `id` and `kind`
        among them.

    Returns
    -------
    columns : tuple of str
        Their names, all different; those without a name, which are named by their place, only
        where something stands in them.
    rows : list of dict of str to str
        Text by column, as it stands there but for blanks around ids and kinds; without rows that
        have neither.

    Raises
    ------
    InputError
        When the file is missing, no such table or, as text, larger than 256 MiB.
    """
    head, *rows = [*_split(path, _text_in(path))] or [[]]
    names = [name.strip() for name in head]
    if not any(names):
        raise InputError(f"{str(path)!r} holds no rows; name the kinds of some images")
    _check_columns(path, names)
    columns = _columns(names, rows)
    found = []
    for values in rows:
        row = dict.fromkeys(columns.values(), "")
        row |= {columns[k]: value for k, value in enumerate(values) if k in columns}
        row |= {"id": _name(row["id"]), "kind": label_text(row["kind"])}
        if row["id"] or row["kind"]:
            found.append(row)
    return tuple(columns.values()), found


def _columns(names: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[int, str]:
    """Names of the columns by their places."""
    filled = {k for values in rows for k, value in enumerate(values) if value.strip()}
    found: dict[int, str] = {}
    for k in range(max(len(names), *(len(values) for values in rows), 0)):
        name = names[k] if k < len(names) else ""
        if name or k in filled:
            is_free = name and name not in found.values()
            found[k] = name if is_free else f"{name or 'column'} ({k + 1})"
    return found


def _text_in(path: Path) -> str:
    if not path.exists():
        raise InputError(f"cannot read {str(path)!r}: there is no such file")
    try:
        return read_regular(path, _MOST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{str(path)!r} must be text in UTF-8, got the byte {error.object[error.start]:#04x} "
            f"at {error.start}; save it as CSV in UTF-8"
        ) from error


def _split(path: Path, text: str) -> Iterator[list[str]]:
    """Rows of text whose first line tells what stands between the columns."""
    text = text.replace("\0", "\ufffd")
    head = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(_SEPARATORS, key=head.count)
    try:
        yield from (row for row in csv.reader(io.StringIO(text), delimiter=separator) if any(row))
    except csv.Error as error:
        raise InputError(f"cannot read {str(path)!r} as CSV: {error}") from error


def _check_columns(path: Path, names: Sequence[str]) -> None:
    for name in _COLUMNS:
        if list(names).count(name) != 1:
            found = printable(", ".join(names[:10])[:_LONGEST_SHOWN])
            raise InputError(f"{str(path)!r} must have one column {name!r}, got {found}")


def _name(text: str) -> str:
    """The id of an image, which may have several blanks in a row."""
    return printable(text.strip())


def label_text(value: Any) -> str:
    """A value of a table as text on one line.

    Parameters
    ----------
    value : object

    Returns
    -------
    str
        Empty where it is missing.
    """
    if value is None or value is np.ma.masked or value != value:
        return ""
    return printable(" ".join(str(value).split()))


def _some(listed: Sequence[str]) -> str:
    more = len(listed) - _SHOWN
    return ", ".join(listed[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
