"""Sizes are read back from their words, and the memory is that of the machine."""

from __future__ import annotations

import os

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equiclust.memory import parse_bytes, readable_size, total_memory


@given(st.integers(min_value=0, max_value=999 * 10**12))
def test_words_name_the_size_to_three_digits(n_bytes: int) -> None:
    words = readable_size(n_bytes)
    number = words.split()[0]
    assert "e" not in number
    assert len(number.replace(".", "")) <= 4
    assert parse_bytes(words.replace(" bytes", "")) == pytest.approx(n_bytes, rel=5.1e-3)


@pytest.mark.parametrize(
    ("n_bytes", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (1234, "1.23 kB"),
        (999_900, "1 MB"),
        (2.5e9, "2.5 GB"),
        (10**400, "more than 1000 PB"),
    ],
)
def test_words(n_bytes: float, words: str) -> None:
    assert readable_size(n_bytes) == words


def test_memory_of_this_machine() -> None:
    assert total_memory() == psutil.virtual_memory().total


@pytest.mark.parametrize("answer", [-1, 0, OSError, ValueError, AttributeError])
def test_memory_is_unknown_where_the_system_does_not_say(
    monkeypatch: pytest.MonkeyPatch, answer: int | type[Exception]
) -> None:
    def sysconf(name: str) -> int:
        if isinstance(answer, int):
            return answer if name == "SC_PHYS_PAGES" else 4096
        raise answer

    monkeypatch.setattr(os, "sysconf", sysconf)
    assert total_memory() is None
