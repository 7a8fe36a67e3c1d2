"""`LabelFile`: labels by several people in one CSV file, written at once and never lost."""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock

from equiclust.exceptions import InputError, OutputError
from equiclust.io.atomic import atomic_path
from equiclust.io.catalogue import printable
from equiclust.io.locks import exclusive
from equiclust.teaching.labels import Labels, read_label_rows, sort_labels
from equiclust.typing import PathLike

__all__ = ["GivenLabel", "LabelFile"]

_COLUMNS = ("id", "path", "kind", "who", "when", "why")
_LONGEST = 200
_MOST_UNDOS = 200
# Another server writes the same file for a few milliseconds.
_SECONDS_TO_WAIT = 5.0

Row = dict[str, str]
Key = tuple[str, str]


@dataclass(frozen=True)
class GivenLabel:
    """What one person says of one image.

    Parameters
    ----------
    kind : str
        Name of the kind.
    who : str
        Name of the person; empty where the file does not say.
    when : str
        Time in ISO 8601, UTC.
    why : str
        Why this image was labelled, such as "suggested: between ring and spiral".
    """

    kind: str
    who: str
    when: str
    why: str


class LabelFile:
    """Labels of the images of a run, in a CSV file with who gave them, when, and why.

    The file has one row for each image and person, and the columns id, path, kind, who, when, why;
    further columns, and rows of images that the run has not, stay as they are. Every change is
    written before it returns, whole or not at all, on top of what others have written meanwhile.

    Parameters
    ----------
    path : path-like
        The file; need not exist.
    ids : sequence of str
        Of the images of the run.
    paths : sequence of str
        Their files.

    Attributes
    ----------
    path : Path
    version : int
        Grows with every change.
    """

    def __init__(self, path: PathLike, ids: Sequence[str], paths: Sequence[str]) -> None:
        self.path = Path(path)
        self.version = 0
        self._ids, self._paths = list(ids), list(paths)
        self._index = {name: row for row, name in enumerate(self._ids)}
        self._rows: list[Row] = []
        self._columns: tuple[str, ...] = _COLUMNS
        self._stamp: tuple[int, int] | None = None
        self._undo: dict[str, list[dict[Key, Row | None]]] = {}
        self._lock = RLock()
        self.refresh()

    def refresh(self) -> None:
        """Read the file again where it has changed.

        Raises
        ------
        InputError
            When it cannot be read, or is no file of labels.
        """
        with self._lock:
            stamp = _stamp(self.path)
            if stamp == self._stamp:
                return
            columns, rows = ((), []) if stamp is None else read_label_rows(self.path)
            self._columns = (*columns, *(name for name in _COLUMNS if name not in columns))
            self._rows = [{name: row.get(name, "") for name in self._columns} for row in rows]
            self._stamp = stamp
            self.version += 1

    @property
    def by_row(self) -> dict[int, list[GivenLabel]]:
        """Labels by row of the catalogue, one of each person."""
        found: dict[int, list[GivenLabel]] = {}
        with self._lock:
            for row in self._rows:
                index = self._index.get(row["id"])
                if index is not None and row["kind"]:
                    one = GivenLabel(row["kind"], row["who"], row["when"], row["why"])
                    found.setdefault(index, []).append(one)
        return found

    @property
    def labels(self) -> Labels:
        """What the labels teach, as `equiclust teach` understands the file."""
        with self._lock:
            pairs = [(row["id"], row["kind"]) for row in self._rows]
        return sort_labels(pairs, self._index.keys())

    def set(self, rows: Iterable[int], kind: str, *, who: str = "", why: str = "") -> None:
        """Label images; what the same person, or nobody named, said of them is replaced.

        Parameters
        ----------
        rows : iterable of int
            Of the catalogue.
        kind : str
            Name of the kind; empty takes the label away.
        who : str, default ""
            Name of the person.
        why : str, default ""
            Why these images.

        Raises
        ------
        InputError
            When a row is not there, or a text is too long.
        OutputError
            When the file cannot be written; nothing has changed then.
        """
        chosen = [self._checked(row) for row in rows]
        kind, who, why = (
            checked_text(n, t) for n, t in (("kind", kind), ("who", who), ("why", why))
        )
        when = datetime.now(UTC).isoformat(timespec="seconds")

        def changed(known: Mapping[Key, Row]) -> dict[Key, Row | None]:
            found: dict[Key, Row | None] = {}
            for row in chosen:
                name = self._ids[row]
                # Of nobody: it is a suggestion that was filled in, or a label of an earlier run.
                if who and (name, "") in known:
                    found[name, ""] = None
                values = dict(
                    zip(_COLUMNS, (name, self._paths[row], kind, who, when, why), strict=True)
                )
                found[name, who] = values if kind else None
            return found

        self._change(changed, who)

    def rename(self, kind: str, new: str, *, who: str = "") -> None:
        """Give a kind another name in all labels; the name of another kind merges both.

        Parameters
        ----------
        kind, new : str
        who : str, default ""
            Name of the person who does it and may undo it.

        Raises
        ------
        InputError
            When a name is empty or too long, or no label has that kind.
        OutputError
            When the file cannot be written.
        """
        new = checked_text("new", new)
        if not new:
            raise InputError("new must be the name of a kind, got an empty one")

        def changed(known: Mapping[Key, Row]) -> dict[Key, Row | None]:
            return {key: {**row, "kind": new} for key, row in known.items() if row["kind"] == kind}

        self._change(changed, checked_text("who", who))

    def undo(self, *, who: str = "") -> int:
        """Take back the last change by one person.

        Parameters
        ----------
        who : str, default ""

        Returns
        -------
        int
            Number of labels that changed; 0 where there is nothing to take back.

        Raises
        ------
        OutputError
            When the file cannot be written.
        """
        with self._lock:
            stack = self._undo.get(who)
            if not stack:
                return 0
            before = stack[-1]
            self._change(lambda known: before, None)
            stack.pop()
        return len(before)

    def _checked(self, row: int) -> int:
        if isinstance(row, bool) or not isinstance(row, int) or not 0 <= row < len(self._ids):
            raise InputError(f"rows must be 0 to {len(self._ids) - 1}, got {row!r}")
        return row

    def _change(
        self, changed: Callable[[Mapping[Key, Row]], dict[Key, Row | None]], who: str | None
    ) -> None:
        """Change rows on top of what is in the file now, and remember how it was."""
        with self._lock, _held(self.path):
            self.refresh()
            known: dict[Key, Row] = {}
            others = []
            for row in self._rows:
                key = row["id"], row["who"]
                # Several rows of one image by nobody contradict each other; all are kept.
                if key in known:
                    others.append(row)
                known.setdefault(key, row)
            changes = changed(known)
            if not changes:
                return
            before = {key: known.get(key) for key in changes}
            kept = [row for row in others if (row["id"], row["who"]) not in changes]
            rows = _merged(known, changes) + kept
            self._write(rows)
            if who is not None:
                self._undo.setdefault(who, []).append(before)
                del self._undo[who][:-_MOST_UNDOS]

    def _write(self, rows: list[Row]) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, self._columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        with atomic_path(self.path) as draft:
            draft.write_text(text.getvalue(), encoding="utf-8", newline="")
        self._rows = [{name: row.get(name, "") for name in self._columns} for row in rows]
        self._stamp = _stamp(self.path)
        self.version += 1


def checked_text(name: str, given: object) -> str:
    """Text on one line, as files of labels hold it.

    Parameters
    ----------
    name : str
        Of the argument.
    given : object

    Returns
    -------
    str

    Raises
    ------
    InputError
        When it is no text, or longer than 200 characters.
    """
    if not isinstance(given, str):
        raise InputError(f"{name} must be text, got {type(given).__name__}")
    text = printable(" ".join(given.split()))
    if len(text) > _LONGEST:
        raise InputError(f"{name} must be at most {_LONGEST} characters, got {len(text)}")
    return text


def _merged(known: Mapping[Key, Row], changes: Mapping[Key, Row | None]) -> list[Row]:
    """Rows in their order, changed ones in place, new ones at the end."""
    merged: dict[Key, Row | None] = {**known, **changes}
    return [{**known.get(key, {}), **row} for key, row in merged.items() if row is not None]


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"cannot read {str(path)!r}: {error.strerror}") from error
    return found.st_mtime_ns, found.st_size


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """Keep other processes away from the file, and wait for one that writes it now."""
    deadline = time.monotonic() + _SECONDS_TO_WAIT
    while True:
        held = exclusive(path)
        try:
            held.__enter__()
            break
        except OutputError:
            if time.monotonic() > deadline or not os.access(path.parent, os.W_OK):
                raise
            time.sleep(0.02)
    try:
        yield
    finally:
        held.__exit__(None, None, None)
