"""Ids that differ, of images whose files have equal names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from equiclust.typing import BoolArray, IntArray

__all__ = ["changed_ids", "with_folder"]


def changed_ids(
    named: Callable[[], Iterable[str]], places: Callable[[], Iterable[str]]
) -> dict[int, str]:
    """New ids of the images whose ids are not theirs alone; all others keep theirs.

    Where two are the same, the folder's name goes before them, and a number behind if that is not
    enough. Of ids that differ, eight bytes each are held.

    Parameters
    ----------
    named : callable
        Gives the ids of all images, in order; called several times.
    places : callable
        Gives the files that they came from, empty where there is none.

    Returns
    -------
    dict of int to str
        By the number of the image, only where the id is another one.
    """
    codes = np.fromiter(map(hash, named()), dtype=np.int64)
    equal = _repeated(codes)
    if not equal.any():
        return {}
    foldered: dict[int, str] = {}
    for row, (name, place) in enumerate(zip(named(), places(), strict=True)):
        if equal[row]:
            foldered[row] = with_folder(name, place)
            codes[row] = hash(foldered[row])
    taken = np.unique(codes)
    numbered = _numbered(_doubtful(named(), foldered, _repeated(codes)), taken)
    return {**foldered, **numbered}


def with_folder(name: str, place: str) -> str:
    """An id with the name of the folder before it.

    Parameters
    ----------
    name : str
    place : str
        The file; empty when there is none.

    Returns
    -------
    str
    """
    folder = Path(place).resolve().parent.name if place else ""
    return f"{folder}/{name}" if folder else name


def _repeated(codes: IntArray) -> BoolArray:
    ordered = np.sort(codes)
    twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    repeated: BoolArray = np.isin(codes, twice)
    return repeated


def _doubtful(
    names: Iterable[str], foldered: dict[int, str], repeated: BoolArray
) -> Iterator[tuple[int, str]]:
    for row, name in enumerate(names):
        if repeated[row]:
            yield row, foldered.get(row, name)


def _numbered(names: Iterable[tuple[int, str]], taken: IntArray) -> dict[int, str]:
    """Of equal names all but the first with a number behind."""
    found: dict[int, str] = {}
    seen: set[str] = set()
    # Counted on from name to name, so that thousands of equal ones take no more time than others.
    numbers: Counter[str] = Counter()
    for row, name in names:
        given = name
        while given in seen:
            numbers[name] += 1
            candidate = f"{name}-{numbers[name] + 1}"
            code = hash(candidate)
            place = int(np.searchsorted(taken, code))
            is_taken = place < len(taken) and taken[place] == code
            given = name if is_taken else candidate
        seen.add(given)
        if given != name:
            found[row] = given
    return found
