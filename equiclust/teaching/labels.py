"""Labels as users give them: in tables of several formats, partial, repeated or contradictory."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from equiclust.exceptions import InputError
from equiclust.io.catalogue import printable, read_table
from equiclust.typing import PathLike
from equiclust.validation import shown

__all__ = ["Labels", "gather_labels", "read_labels"]

_COLUMNS = ("id", "kind")
_SEPARATORS = (",", ";", "\t", "|")
_SHOWN = 3

Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Labels:
    """Kinds that were given to images.

    Parameters
    ----------
    kinds : dict of str to str
        Kind by the id of the image.
    contradictions : dict of str to tuple of str
        Kinds of images that were given several; these images count as not labelled.
    unknown : tuple of str
        Ids that no image has.
    n_empty : int
        Rows without a kind.
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
                f"{len(listed)} images have several kinds and count as not labelled: "
                f"{_some(listed)}"
            )
        if self.unknown:
            listed = [repr(name) for name in self.unknown]
            found.append(f"{len(listed)} labels name images that the run has not: {_some(listed)}")
        return found


def read_labels(path: PathLike) -> Pairs:
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
        When the file is missing or no such table.

    Examples
    --------
    >>> read_labels("labels.csv")  # doctest: +SKIP
    [('disc_00012', 'spiral'), ('disc_00031', '')]
    """
    source = Path(path).expanduser()
    if source.suffix.lower() in (".csv", ".tsv", ".txt"):
        return list(_read_text(source))
    table = read_table(source)
    _check_columns(source, table.colnames)
    names, kinds = ([_text(value) for value in table[name]] for name in _COLUMNS)
    return list(zip(names, kinds, strict=True))


def gather_labels(labels: object, ids: Sequence[str]) -> Labels:
    """Labels from a mapping, a file or several files, for images with these ids.

    Parameters
    ----------
    labels : mapping of str to str, path-like, or sequence of path-like
        Kinds by id, or files as `read_labels` takes them.
    ids : sequence of str
        Of the images.

    Returns
    -------
    Labels

    Raises
    ------
    InputError
        When a file cannot be read, or holds no label of any image.
    """
    pairs: Pairs = []
    if isinstance(labels, Mapping):
        pairs = [(str(name), _text(kind)) for name, kind in labels.items()]
        where = "labels"
    else:
        paths = [labels] if isinstance(labels, str | Path) else labels
        if not isinstance(paths, Iterable):
            raise InputError(f"labels must be kinds by id, or files, got {shown(labels)}")
        listed = list(paths)
        for path in listed:
            if not isinstance(path, str | Path):
                raise InputError(f"labels must be kinds by id, or files, got {shown(path)}")
            pairs += read_labels(path)
        where = ", ".join(repr(str(path)) for path in listed)
    return _sorted_out(pairs, set(ids), where)


def _sorted_out(pairs: Pairs, ids: set[str], where: str) -> Labels:
    """Tell labels of images apart from empty, unknown and contradictory ones."""
    given: dict[str, list[str]] = {}
    unknown = []
    for name, kind in pairs:
        if kind and name in ids:
            given.setdefault(name, []).append(kind)
        elif kind:
            unknown.append(name)
    kinds = {name: own[0] for name, own in given.items() if len(set(own)) == 1}
    several = {
        name: tuple(dict.fromkeys(own)) for name, own in given.items() if len(set(own)) > 1
    }
    n_empty = sum(not kind for _, kind in pairs)
    if not pairs:
        raise InputError(f"{where} holds no rows; name the kinds of some images")
    if n_empty == len(pairs):
        raise InputError(
            f"{where} names no kind in any of its {len(pairs)} rows; fill in the column 'kind'"
        )
    if not given:
        raise InputError(
            f"{where} names no image of the run, such as {unknown[0]!r}; take the ids from the "
            "run's catalogue"
        )
    return Labels(kinds, several, tuple(dict.fromkeys(unknown)), n_empty)


def _read_text(path: Path) -> Iterator[tuple[str, str]]:
    if not path.is_file():
        raise InputError(f"cannot read {str(path)!r}: there is no such file")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read {str(path)!r}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{str(path)!r} must be text in UTF-8, got the byte {error.object[error.start]:#04x} "
            f"at {error.start}; save it as CSV in UTF-8"
        ) from error
    rows = _split(path, text)
    names = [name.strip() for name in next(rows, [])]
    if not any(names):
        raise InputError(f"{str(path)!r} holds no rows; name the kinds of some images")
    _check_columns(path, names)
    where = [names.index(name) for name in _COLUMNS]
    for row in rows:
        name, kind = (_text(row[k]) if k < len(row) else "" for k in where)
        if name or kind:
            yield name, kind


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
            found = ", ".join(names[:10])
            raise InputError(f"{str(path)!r} must have one column {name!r}, got {found}")


def _text(value: Any) -> str:
    """A value of a table as text on one line, empty where it is missing."""
    if value is None or getattr(value, "mask", False) is True or value != value:
        return ""
    return printable(" ".join(str(value).split()))


def _some(listed: Sequence[str]) -> str:
    more = len(listed) - _SHOWN
    return ", ".join(listed[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
