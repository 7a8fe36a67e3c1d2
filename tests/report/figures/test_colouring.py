"""Columns of a table as groups or shades."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Column, MaskedColumn, Table

from equiclust.exceptions import InputError
from equiclust.report.figures.colouring import Groups, Shades, colouring_of, kind_order, kind_texts
from equiclust.report.figures.palette import UNKNOWN, mark_of

TABLE = Table(
    {
        "label": [1, -1, 1, 0],
        "kind": ["ring", "", "bar", "ring"],
        "is_edge": [True, False, True, True],
        "size": Column([1.0, np.nan, 3.0, 2.0], unit="arcsec", description="of it; do not trust"),
        "n_peaks": MaskedColumn([1, 2, 3, 4], mask=[True, False, False, False]),
        "vector": np.zeros((4, 2)),
        "unknown": np.full(4, np.nan),
        "wave": np.ones(4, complex),
    }
)


def groups_of(column: str, **options: tuple[str, ...]) -> dict[str, tuple[str, list[int]]]:
    found = colouring_of(TABLE, column, **options)
    assert isinstance(found, Groups)
    return {one.name: (one.mark.colour, one.rows.tolist()) for one in found.groups}


def test_labels_have_the_marks_of_the_report_and_those_without_come_first() -> None:
    found = groups_of("label")
    assert list(found) == ["don't know", "cluster 0", "cluster 1"]
    assert found["don't know"] == (UNKNOWN.colour, [1])
    assert found["cluster 1"] == (mark_of(1).colour, [0, 2])


def test_kinds_are_alphabetical_or_in_the_given_order() -> None:
    assert groups_of("kind") == {
        "no kind": (UNKNOWN.colour, [1]),
        "bar": (mark_of(0).colour, [2]),
        "ring": (mark_of(1).colour, [0, 3]),
    }
    ordered = groups_of("kind", kinds=("spiral", "ring"))
    assert ordered["ring"][0] == mark_of(1).colour
    assert ordered["bar"][0] == mark_of(2).colour
    assert "spiral" not in ordered


def test_truth_values_are_groups() -> None:
    assert {name: rows for name, (_, rows) in groups_of("is_edge").items()} == {
        "False": [1],
        "True": [0, 2, 3],
    }


def test_quantities_have_a_unit_and_unknown_values() -> None:
    size = colouring_of(TABLE, "size")
    assert isinstance(size, Shades)
    assert size.description == "size: of it (arcsec)"
    assert np.isnan(size.values).tolist() == [False, True, False, False]
    peaks = colouring_of(TABLE, "n_peaks")
    assert isinstance(peaks, Shades)
    assert (peaks.description, peaks.values[1:].tolist()) == ("n peaks", [2.0, 3.0, 4.0])
    assert np.isnan(peaks.values[0])


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("colour", "one of label, kind, .*got 'colour'"),
        ("vector", "got 'vector' of vectors"),
        ("unknown", "finite numbers, got 'unknown' without any"),
        ("wave", "got 'wave' of complex128"),
    ],
)
def test_other_columns_are_refused(column: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        colouring_of(TABLE, column)


def test_too_many_texts_are_refused() -> None:
    with pytest.raises(InputError, match="at most 84 different texts, got 'id' of 85"):
        colouring_of(Table({"id": [f"image {k}" for k in range(85)]}), "id")


def test_missing_text_is_empty() -> None:
    column = MaskedColumn(["a", "b"], mask=[False, True])
    assert kind_texts(column) == ("a", "")
    assert kind_order(("b", "", "a", "b"), ("c",)) == ("c", "a", "b")
