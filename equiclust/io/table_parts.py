"""`TableParts`: the parts of a table that is being made, so that a stopped job can go on."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from equiclust.exceptions import InputError, OutputError
from equiclust.io.atomic import atomic_path, read_json, write_json
from equiclust.io.staging import recover, refused
from equiclust.typing import Array

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["PARTS", "MemoryParts", "Parts", "TableParts"]

PARTS = ".partial"
"""What such a folder has behind the name of the table."""

_JOB, _SUFFIX = "job.json", ".part"
_ABOUT = "about"


class Parts(ABC):
    """Parts of a table in order, each with what is to be known when the job goes on."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def open(self) -> dict[str, Any]:
        """Take up what a stopped call has left.

        Returns
        -------
        dict
            State that the last part was kept with; empty without a part.
        """

    @abstractmethod
    def append(self, table: Table, state: Mapping[str, Any]) -> None:
        """Keep the next part.

        Parameters
        ----------
        table : astropy.table.Table
            Columns of numbers and text.
        state : mapping
            What is to be known when the job goes on, for JSON.
        """

    @abstractmethod
    def tables(self, names: Sequence[str] | None = None) -> Iterator[Table]:
        """The parts in order.

        Parameters
        ----------
        names : sequence of str, optional
            Columns to read; default all.

        Yields
        ------
        astropy.table.Table
        """

    @abstractmethod
    def states(self) -> Iterator[dict[str, Any]]:
        """What the parts were kept with, in order.

        Yields
        ------
        dict
        """

    @abstractmethod
    def remove(self) -> None:
        """Remove what is kept on disk."""

    def counts(self, name: str) -> Counter[Any]:
        """How often each value of a column occurs.

        Parameters
        ----------
        name : str

        Returns
        -------
        Counter
            Empty where there is no such column.
        """
        counts: Counter[Any] = Counter()
        for table in self.tables([name]):
            if name in table.colnames:
                counts.update(table[name].tolist())
        return counts


class MemoryParts(Parts):
    """Parts of a table that are kept in memory."""

    def __init__(self) -> None:
        self._kept: list[tuple[Table, dict[str, Any]]] = []

    def __len__(self) -> int:
        return len(self._kept)

    def open(self) -> dict[str, Any]:
        """Nothing is left of any call; see `Parts.open`."""
        return {}

    def append(self, table: Table, state: Mapping[str, Any]) -> None:
        """Keep the next part; see `Parts.append`."""
        self._kept.append((table, dict(state)))

    def tables(self, names: Sequence[str] | None = None) -> Iterator[Table]:
        """Copies of the parts; see `Parts.tables`."""
        for table, _ in self._kept:
            chosen = [name for name in table.colnames if names is None or name in names]
            yield table[chosen]

    def states(self) -> Iterator[dict[str, Any]]:
        """What the parts were kept with; see `Parts.states`."""
        for _, state in self._kept:
            yield state

    def remove(self) -> None:
        """Nothing is on disk."""


class TableParts(Parts):
    """Folder of the parts of a table.

    Parameters
    ----------
    folder : Path
        Made by `open`.
    job : mapping of str to str
        What decides the table: for each name a value that is another one for another table.
    """

    def __init__(self, folder: Path, job: Mapping[str, str]) -> None:
        self.folder = folder
        self.job = dict(job)
        self._n_parts = 0

    def __len__(self) -> int:
        return self._n_parts

    def open(self) -> dict[str, Any]:
        """Make the folder, or take up what a stopped call of the same job has left.

        Returns
        -------
        dict
            State that the last part was written with; empty without a part.

        Raises
        ------
        OutputError
            When the folder holds the parts of another job or anything else, or cannot be written.
        """
        recover(self.folder)
        self._check()
        with refused(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / _JOB).exists():
            write_json(self.folder / _JOB, self.job)
        state: dict[str, Any] = {}
        while (found := self._state_of(self._n_parts)) is not None:
            state = found
            self._n_parts += 1
        return state

    def append(self, table: Table, state: Mapping[str, Any]) -> None:
        """Write the next part; see `Parts.append`.

        Parameters
        ----------
        table : astropy.table.Table
        state : mapping

        Raises
        ------
        OutputError
            When the part cannot be written.
        """
        columns = {
            name: {
                "description": table[name].description,
                "unit": None if table[name].unit is None else str(table[name].unit),
                "meta": dict(table[name].info.meta or {}),
            }
            for name in table.colnames
        }
        about = {"columns": columns, "meta": dict(table.meta), "state": dict(state)}
        arrays = {f"c{k}": np.asarray(table[name]) for k, name in enumerate(columns)}
        arrays[_ABOUT] = np.array(json.dumps(about))
        with atomic_path(self._path(self._n_parts)) as draft, draft.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        self._n_parts += 1

    def tables(self, names: Sequence[str] | None = None) -> Iterator[Table]:
        """The parts as they lie on disk; see `Parts.tables`."""
        from astropy.table import Column, Table

        for number in range(self._n_parts):
            with self._opened(number) as stored:
                about = json.loads(str(stored[_ABOUT]))
                table = Table(meta=about["meta"])
                for k, (name, column) in enumerate(about["columns"].items()):
                    if names is None or name in names:
                        table[name] = Column(stored[f"c{k}"], **column)
            yield table

    def states(self) -> Iterator[dict[str, Any]]:
        """What the parts were written with; see `Parts.states`."""
        for number in range(self._n_parts):
            yield self._state_of(number) or {}

    def remove(self) -> None:
        """Remove the parts, and the folder unless it holds anything else."""
        if not self.folder.is_dir():
            return
        names = filter(_is_ours, os.listdir(self.folder))
        # The job last: what is left of a stopped removal is known as ours.
        for name in sorted(names, key=_JOB.__eq__):
            (self.folder / name).unlink(missing_ok=True)
        with suppress(OSError):
            self.folder.rmdir()

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}{_SUFFIX}"

    @contextmanager
    def _opened(self, number: int) -> Iterator[Mapping[str, Array]]:
        with self._path(number).open("rb") as file, np.load(file, allow_pickle=False) as stored:
            yield stored

    def _state_of(self, number: int) -> dict[str, Any] | None:
        """State of a part; None where it is missing or damaged."""
        try:
            with self._opened(number) as stored:
                state: dict[str, Any] = json.loads(str(stored[_ABOUT]))["state"]
        except (OSError, EOFError, ValueError, KeyError, BadZipFile):
            return None
        return state

    def _check(self) -> None:
        if not os.path.lexists(self.folder):
            return
        if self.folder.is_symlink() or not self.folder.is_dir():
            raise self._refusal("it is not a folder")
        names = os.listdir(self.folder)
        if not all(map(_is_ours, names)) or (names and _JOB not in names):
            raise self._refusal("it holds something else")
        if _JOB not in names:
            return
        try:
            before = read_json(self.folder / _JOB)
        except InputError as error:
            raise self._refusal(f"its description of the job is damaged ({error})") from error
        other = [name for name in {**self.job, **before} if before.get(name) != self.job.get(name)]
        if other:
            raise self._refusal(
                f"it holds the unfinished work of another job ({', '.join(other)} changed)"
            )

    def _refusal(self, why: str) -> OutputError:
        return OutputError(
            f"cannot go on in {str(self.folder)!r}: {why}; remove it or choose another output"
        )


def _is_ours(name: str) -> bool:
    stem, suffix = os.path.splitext(name)
    return name == _JOB or (suffix == _SUFFIX and len(stem) == 6 and stem.isdecimal())
