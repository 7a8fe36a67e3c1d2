"""Numbers and paths as the reader sees them."""

from __future__ import annotations

import pytest

from equiclust.report.formatting import (
    align_column,
    compact,
    compare_to,
    fixed,
    join_words,
    percent,
    shorten_path,
    shorten_paths,
)


def test_columns_are_align_column() -> None:
    assert align_column([0.00123, None, 0.0456]) == ["0.00123", "–", "0.04560"]
    assert align_column([1234.5, 2.0], decimals=1) == ["1,234.5", "2.0"]
    assert align_column([None, None]) == ["–", "–"]
    assert align_column([0.0]) == ["0.00"]


def test_words_for_numbers() -> None:
    assert join_words(["3"]) == "3"
    assert join_words(["3", "4", "5"]) == "3, 4 and 5"
    assert compare_to(0.5, 1.0) == "50\u202f% less than"
    assert compare_to(1.5, 1.0) == "50\u202f% more than"
    assert percent(0.9999) == "99.9\u202f%"
    assert percent(0.993) == "99\u202f%"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/data/a/b.fits", "…/a/b.fits"),
        ("C:\\Users\\me\\a\\b.fits", "…/a/b.fits"),
        ("a/b/c/d.fits", "a/b/c/d.fits"),
        ("/home/some one/a/b c.fits", "…/a/b c.fits"),
        ("/b.fits", "/b.fits"),
    ],
)
def test_paths_are_shown_by_their_last_parts(path: str, shown: str) -> None:
    assert shorten_path(path) == shown


def test_paths_within_text_are_shown_by_their_last_parts() -> None:
    text = "/home/me/sky/a.fits: neither FITS and/or a table, nor '/home/me/b c'"
    assert shorten_paths(text) == "…/sky/a.fits: neither FITS and/or a table, nor '…/me/b c'"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.04123, "0.041"), (1.0, "1.0"), (123.0, "1.2e2"), (6e-8, "6.0e-8"), (None, "–")],
)
def test_numbers_are_short(value: float | None, text: str) -> None:
    assert compact(value) == text


def test_percentages() -> None:
    assert percent(0.5).replace("\u202f", " ") == "50 %"
    assert percent(1.0).replace("\u202f", " ") == "100 %"
    assert percent(0.0) == "0\u202f%"
    assert percent(None) == "–"


def test_fixed_decimals_have_a_minus_sign() -> None:
    assert fixed(-0.126) == "\u22120.13"
    assert fixed(None) == "–"
