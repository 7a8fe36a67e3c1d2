"""Segments of a label map: pages, places, and tables that do not belong to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from equiclust.app import map_segments
from equiclust.app.map_view import MapView
from equiclust.io.catalogue import read_table, write_table
from equiclust.segmentation.segment_table import find_segments
from tests.app.label_map_files import HEIGHT, WIDTH, Made, flat_map


@pytest.fixture
def flat(tmp_path: Path) -> Made:
    return flat_map(tmp_path)


@pytest.fixture
def opened(flat: Made) -> Iterator[MapView]:
    with MapView(flat[0]) as view:
        yield view


def test_pages_together_are_the_sorted_table(flat: Made, opened: MapView) -> None:
    table = read_table(flat[0].with_suffix(".segments.ecsv"))
    assert len(table) > 6
    pages = [
        opened.segments(first, 5, sort="n_pixels", descending=True)
        for first in range(0, len(table), 5)
    ]
    names = [column["name"] for column in pages[0]["columns"]]
    rows = [row for page in pages for row in page["rows"]]
    assert [row[names.index("n_pixels")] for row in rows] == sorted(table["n_pixels"])[::-1]
    assert sorted(row[names.index("id")] for row in rows) == list(range(1, len(table) + 1))
    for position, row in enumerate(rows):
        number = row[names.index("id")]
        found = opened.segment(number, sort="n_pixels", descending=True)
        assert found["position"] == position
        assert found["row"]["id"] == number


def test_the_box_of_a_segment_holds_it_and_no_more(flat: Made, opened: MapView) -> None:
    ids = find_segments(flat[1].labels, min_pixels=4).ids
    for number in range(1, int(ids.max()) + 1):
        rows, columns = np.nonzero(ids == number)
        box = [rows.min(), rows.max() + 1, columns.min(), columns.max() + 1]
        assert opened.segment(number)["box"] == box


def test_a_table_of_other_labels_is_not_believed(
    flat: Made,
) -> None:
    path = flat[0]
    table = read_table(path.with_suffix(".segments.ecsv"))
    table["n_pixels"][0] += 1
    write_table(table, path.with_suffix(".segments.ecsv"))
    with MapView(path) as view:
        assert view.overview(0).segments is None
        assert "is not the table of this label map" in " ".join(view.info()["notes"])


def test_maps_too_large_for_numbers_by_pixel_still_have_their_table(
    flat: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(map_segments, "MOST_PIXELS", HEIGHT * WIDTH - 1)
    with MapView(flat[0]) as view:
        assert view.overview(0).segments is None
        assert view.info()["n_segments"] > 6
        assert view.segment(1)["box"] is None
        assert view.at(0, 30, 17)["segment"] == 0
