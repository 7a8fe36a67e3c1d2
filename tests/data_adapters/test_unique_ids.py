"""New ids are those of a plain reference that holds all names."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from data_adapters.unique_ids import changed_ids


def reference(names: list[str], places: list[str]) -> list[str]:
    """Every step written out, with all names in memory."""
    plain = Counter(names)
    given_names = []
    for name, place in zip(names, places, strict=True):
        folder = Path(place).resolve().parent.name if place else ""
        given_names.append(name if plain[name] == 1 or not folder else f"{folder}/{name}")
    taken, seen, found = set(given_names), set[str](), []
    numbers: Counter[str] = Counter()
    for name in given_names:
        one = name
        while one in seen:
            numbers[name] += 1
            candidate = f"{name}-{numbers[name] + 1}"
            one = name if candidate in taken else candidate
        seen.add(one)
        found.append(one)
    return found


rows = st.lists(
    st.tuples(
        st.sampled_from(["a", "a-2", "a-3", "x/a", "x/a-2", "b"]),
        st.sampled_from(["", "/x/f.npy", "/y/f.npy"]),
    ),
    max_size=14,
)


@given(rows)
def test_ids_are_those_of_the_reference(pairs: list[tuple[str, str]]) -> None:
    names, places = [name for name, _ in pairs], [place for _, place in pairs]
    changed = changed_ids(lambda: iter(names), lambda: iter(places))
    found = [changed.get(row, name) for row, name in enumerate(names)]
    assert found == reference(names, places)
    assert len(set(found)) == len(found)


def test_a_million_different_names_take_seconds() -> None:
    started = time.process_time()
    assert changed_ids(lambda: map(str, range(10**6)), lambda: map(str, range(10**6))) == {}
    assert time.process_time() - started < 10
