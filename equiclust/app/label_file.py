"""`LabelFile`: labels by several people in one CSV file, written at once and never lost."""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock

from equiclust.app.waiting_lock import held
from equiclust.exceptions import InputError
from equiclust.io.atomic import atomic_path
from equiclust.io.catalogue import printable
from equiclust.io.staging import recover
from equiclust.teaching.labels import read_label_rows
from equiclust.typing import PathLike
from equiclust.validation import shown

__all__ = ["GivenLabel", "LabelFile", "checked_text"]

_COLUMNS = ("id", "path", "kind", "who", "when", "why")
_LONGEST = 200
_MOST_UNDOS = 200

Row = dict[str, str]
# Image and person. A file may have several rows of both, which contradict each other.
Key = tuple[str, str]
Rows = dict[Key, list[Row]]


@dataclass(frozen=True)
class _Change:
    """Rows of some images and persons before and after a change."""

    before: Rows
    after: Rows


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
        The file, which ends in .csv; need not exist.
    ids : sequence of str
        Of the images of the run.
    paths : sequence of str
        Their files.

    Attributes
    ----------
    path : Path
    version : int
        Grows with every change.

    Raises
    ------
    InputError
        When the file does not end in .csv, cannot be read, or is no file of labels.
    """

    def __init__(self, path: PathLike, ids: Sequence[str], paths: Sequence[str]) -> None:
        self.path = Path(path).expanduser()
        if self.path.suffix.lower() != ".csv":
            raise InputError(f"labels must be a file that ends in .csv, got {str(self.path)!r}")
        self.version = 0
        self._ids, self._paths = list(ids), list(paths)
        self._index = {name: row for row, name in enumerate(self._ids)}
        self._rows: list[Row] = []
        self._columns: tuple[str, ...] = _COLUMNS
        self._stamp: tuple[int, ...] | None = None
        self._undo: dict[str, list[_Change]] = {}
        self._lock = RLock()
        self._check_link()
        self._read()
        # What a process left that was killed while it wrote.
        recover(self._target.parent)

    def _check_link(self) -> None:
        """Refuse a link to anything but another file of labels.

        A run may come from somebody else, and what is written through a link may be read by other
        programs.
        """
        target = self._target
        if self.path.is_symlink() and (target.suffix.lower() != ".csv" or not target.is_file()):
            raise InputError(
                f"{str(self.path)!r} must be a file, or a link to one that ends in .csv, it leads "
                f"to {str(target)!r}; remove the link"
            )

    def refresh(self) -> None:
        """Read the file again where it has changed.

        Raises
        ------
        InputError
            When it cannot be read, or is no file of labels.
        """
        with self._lock:
            if _stamp(self.path) != self._stamp:
                self._read()

    def _read(self) -> None:
        stamp = _stamp(self.path)
        given, rows = ((), []) if stamp is None else read_label_rows(self.path)
        columns = (*given, *(name for name in _COLUMNS if name not in given))
        self._take(columns, [{name: row.get(name, "") for name in columns} for row in rows])
        self._stamp = stamp

    def _take(self, columns: tuple[str, ...], rows: list[Row]) -> None:
        if (columns, rows) != (self._columns, self._rows):
            self._columns, self._rows = columns, rows
            self.version += 1

    @property
    def _target(self) -> Path:
        """The file itself, where the path is a link to it."""
        return Path(os.path.realpath(self.path))

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
    def pairs(self) -> list[tuple[str, str]]:
        """Id and kind of every row."""
        with self._lock:
            return [(row["id"], row["kind"]) for row in self._rows]

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

        def changed(known: Rows) -> Rows:
            found: Rows = {}
            for row in chosen:
                name = self._ids[row]
                own, nobodys = known.get((name, who), []), known.get((name, ""), [])
                # Of nobody: it is a suggestion that was filled in, or a label of an earlier run.
                if nobodys:
                    found[name, ""] = []
                values = (name, self._paths[row], kind, who, when, why)
                known_row = (own or nobodys or [{}])[0]
                one = {**known_row, **dict(zip(_COLUMNS, values, strict=True))}
                # Without a kind it stays for what it holds in further columns.
                is_kept = bool(kind) or any(one[c] for c in one.keys() - set(_COLUMNS))
                if is_kept or own:
                    found[name, who] = [one] if is_kept else []
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
            When the new name is empty or too long.
        OutputError
            When the file cannot be written.
        """
        new = checked_text("new", new)
        if not new:
            raise InputError("new must be the name of a kind, got an empty one")

        def changed(known: Rows) -> Rows:
            return {
                key: [{**row, "kind": new} if row["kind"] == kind else row for row in rows]
                for key, rows in known.items()
                if any(row["kind"] == kind for row in rows)
            }

        self._change(changed, checked_text("who", who))

    def undo(self, *, who: str = "") -> int:
        """Take back the last change by one person; what was changed since stays as it is.

        Parameters
        ----------
        who : str, default ""

        Returns
        -------
        int
            Number of rows that changed; 0 where there is nothing to take back.

        Raises
        ------
        InputError
            When the name is no text, or too long.
        OutputError
            When the file cannot be written.
        """
        with self._lock:
            stack = self._undo.get(checked_text("who", who))
            if not stack:
                return 0
            last = stack[-1]

            def changed(known: Rows) -> Rows:
                return {
                    key: last.before[key]
                    for key, rows in last.after.items()
                    if known.get(key, []) == rows
                }

            n_changed = self._change(changed, None)
            stack.pop()
        return n_changed

    def _checked(self, row: int) -> int:
        if isinstance(row, bool) or not isinstance(row, int) or not 0 <= row < len(self._ids):
            raise InputError(f"rows must be 0 to {len(self._ids) - 1}, got {shown(row)}")
        return row

    def _change(self, changed: Callable[[Rows], Rows], who: str | None) -> int:
        """Change rows on top of what is in the file now, and remember how it was."""
        self._check_link()
        with self._lock, held(self._target):
            # Its time and size may be those of another content.
            self._read()
            known: Rows = {}
            for row in self._rows:
                known.setdefault((row["id"], row["who"]), []).append(row)
            blank = dict.fromkeys(self._columns, "")
            wanted = {key: [blank | row for row in rows] for key, rows in changed(known).items()}
            after = {key: rows for key, rows in wanted.items() if rows != known.get(key, [])}
            if not after:
                return 0
            self._write([row for rows in {**known, **after}.values() for row in rows])
            if who is not None:
                before = {key: known.get(key, []) for key in after}
                self._undo.setdefault(who, []).append(_Change(before, after))
                del self._undo[who][:-_MOST_UNDOS]
        return len(after)

    def _write(self, rows: list[Row]) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, self._columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        target = self._target
        with atomic_path(target) as draft:
            draft.write_text(text.getvalue(), encoding="utf-8", newline="")
            if target.exists():
                shutil.copymode(target, draft)
        self._take(self._columns, rows)
        self._stamp = _stamp(self.path)


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


def _stamp(path: Path) -> tuple[int, ...] | None:
    """What changes when a file is written; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"cannot read {str(path)!r}: {error.strerror}") from error
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
