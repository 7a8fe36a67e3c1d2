"""Frames of which the user knows whether they are usable."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from data_adapters.frames import FrameSeries
from equiclust.exceptions import InputError
from equiclust.io.catalogue import read_table
from equiclust.typing import PathLike

__all__ = ["find_frame", "read_labels"]

_WORDS = {
    **dict.fromkeys(("1", "1.0", "true", "yes", "usable", "good", "keep"), True),
    **dict.fromkeys(("0", "0.0", "false", "no", "unusable", "bad", "drop"), False),
}


def find_frame(series: FrameSeries, name: str | int, *, argument: str = "reference") -> int:
    """Index of a frame in a series.

    Parameters
    ----------
    series : FrameSeries
    name : str or int
        The index itself, ``FILE:INDEX``, or a file that holds a single frame.
    argument : str, default "reference"
        Named in messages.

    Returns
    -------
    int

    Raises
    ------
    InputError
        When the series has no such frame.
    """
    return _find(_spans(series), len(series), str(name), argument)


def _spans(series: FrameSeries) -> dict[Path, tuple[int, int]]:
    """First frame and number of frames of every file."""
    found: dict[Path, tuple[int, int]] = {}
    before = 0
    for stack in series.stacks:
        place = stack.path.resolve()
        first, n = found.get(place, (before, 0))
        found[place] = (first, n + stack.n_frames)
        before += stack.n_frames
    return found


def _find(spans: Mapping[Path, tuple[int, int]], total: int, text: str, argument: str) -> int:
    if text.isdecimal():
        return _within(int(text), total, argument, text)
    file, _, number = text.rpartition(":")
    if not (file and number.isdecimal()):
        file, number = text, ""
    if Path(file).resolve() not in spans:
        raise InputError(
            f"{argument} must be a frame of the inputs, as an index or FILE:INDEX, got {text!r}"
        )
    first, n = spans[Path(file).resolve()]
    if not number and n > 1:
        raise InputError(
            f"{argument} {text!r} holds {n} frames; write {file}:INDEX for one of them"
        )
    return first + _within(int(number or 0), n, argument, text)


def _within(index: int, n: int, argument: str, text: str) -> int:
    if index >= n:
        raise InputError(f"{argument} {text!r} must be below {n}, the number of frames")
    return index


def read_labels(path: PathLike, series: FrameSeries) -> Mapping[int, bool]:
    """Labels of a table.

    Parameters
    ----------
    path : path-like
        CSV, ECSV, FITS or VOTable with the columns ``usable`` (1 or 0, true or false, usable or
        unusable) and ``index`` of a frame in the series; with a column ``file``, in that file.
    series : FrameSeries

    Returns
    -------
    mapping of int to bool
        Whether frames are usable, by their index in the series.

    Raises
    ------
    InputError
        When the file cannot be read, lacks a column, or names other frames or values.
    """
    table = read_table(path)
    for name in ("index", "usable"):
        if name not in table.colnames:
            raise InputError(
                f"labels {str(path)!r} must have a column {name!r}, got {', '.join(table.colnames)}"
            )
    spans = _spans(series)
    labels: dict[int, bool] = {}
    for row in table:
        name = f"{row['file']}:{row['index']}" if "file" in table.colnames else str(row["index"])
        word = str(row["usable"]).strip().lower()
        if word not in _WORDS:
            raise InputError(
                f"labels {str(path)!r} must say usable or unusable (1 or 0), got "
                f"{str(row['usable'])!r}"
            )
        labels[_find(spans, len(series), name, "labels")] = _WORDS[word]
    if not labels:
        raise InputError(f"labels {str(path)!r} hold no row; add labelled frames")
    return labels
