"""Notes on what reading left out or took for something else: said once a kind, and counted."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypedDict

from equiclust.exceptions import EquiclustWarning

__all__ = ["Note", "Notes", "collected_notes", "note_text"]

_READERS = logging.getLogger("data_adapters")


class Note(TypedDict):
    """One kind of note: its first message, and how often the kind came."""

    message: str
    count: int


class Notes(logging.Handler):
    """Warnings of the readers, grouped by kind; get one from `collected_notes`.

    Messages of one kind have one text but for the file and other particulars. The same message
    again does not count.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._kinds: dict[str, Note] = {}
        self._said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Count a message that is new; called by `logging`.

        Parameters
        ----------
        record : LogRecord
        """
        message = " ".join(record.getMessage().split())
        if message in self._said:
            return
        self._said.add(message)
        note = self._kinds.setdefault(str(record.msg), Note(message=message, count=0))
        note["count"] += 1

    @property
    def record(self) -> list[Note]:
        """One note for each kind, in the order of their first messages."""
        return list(self._kinds.values())


def note_text(note: Note) -> str:
    """One sentence on a kind of note.

    Parameters
    ----------
    note : Note

    Returns
    -------
    str
        Its first message, and how many others there were.
    """
    others = note["count"] - 1
    return note["message"] + (f" (and {others} more like it, see the log)" if others else "")


@contextmanager
def collected_notes(*, warn: bool = True) -> Iterator[Notes]:
    """Collect what the readers warn of, and warn of each kind once when the block ends.

    Parameters
    ----------
    warn : bool, default True
        Whether it warns of them.

    Yields
    ------
    Notes

    Warns
    -----
    EquiclustWarning
        For each kind, by `note_text`.
    """
    notes = Notes()
    _READERS.addHandler(notes)
    try:
        yield notes
    finally:
        _READERS.removeHandler(notes)
        for note in notes.record if warn else ():
            warnings.warn(note_text(note), EquiclustWarning, stacklevel=4)
