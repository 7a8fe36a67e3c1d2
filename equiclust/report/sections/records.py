"""Sections "Rejected files" and "Provenance": what was left out, and how to repeat the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from equiclust.report.contents import Contents, Rejected
from equiclust.report.formatting import shorten_paths

__all__ = ["Records", "make_provenance", "make_records"]

_NAMES = {
    "version": "equiclust version",
    "command": "command",
    "started": "started",
    "finished": "finished",
    "random_state": "random state (seed)",
    "python": "Python version",
    "torch": "PyTorch version",
    "platform": "platform",
    "inputs": "inputs",
    "n_images": "images read",
}
_MOST_LISTED = 20
_MOST_REJECTED = 500


@dataclass(frozen=True)
class Records:
    """Rejected files and provenance.

    Parameters
    ----------
    rejected : tuple of Rejected
        The first of them.
    n_rejected : int
        All of them.
    provenance : tuple of (str, str)
        Rows of name and text.
    """

    rejected: tuple[Rejected, ...]
    n_rejected: int
    provenance: tuple[tuple[str, str], ...]


def make_records(contents: Contents) -> Records:
    """List rejected files, 500 at most, and the provenance.

    Parameters
    ----------
    contents : Contents

    Returns
    -------
    Records
    """
    rejected = contents.rejected
    return Records(rejected[:_MOST_REJECTED], len(rejected), make_provenance(contents))


def make_provenance(contents: Contents) -> tuple[tuple[str, str], ...]:
    """List what identifies the run: known entries first, further ones by name.

    Parameters
    ----------
    contents : Contents

    Returns
    -------
    tuple of (str, str)
        Rows of name and text; paths are shortened.
    """
    record = contents.section("provenance")
    names = [name for name in _NAMES if name in record]
    names += sorted(name for name in record if name not in _NAMES)
    rows = [(_NAMES.get(name, name.replace("_", " ")), _text(record[name])) for name in names]
    return tuple(rows)


def _text(value: Any) -> str:
    if isinstance(value, list):
        listed = [_text(entry) for entry in value[:_MOST_LISTED]]
        more = len(value) - len(listed)
        return ", ".join(listed) + (f" and {more} more" if more else "")
    if isinstance(value, Mapping):
        return ", ".join(f"{key} = {_text(entry)}" for key, entry in value.items())
    if value is None:
        return "not recorded"
    return shorten_paths(str(value))
