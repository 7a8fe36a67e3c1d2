"""Selected images as files: read back, they are the same images."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Column, MaskedColumn, Table

from equiclust.exceptions import InputError
from equiclust.io.catalogue import read_table
from equiclust.pipeline.exports import EXPORT_FORMATS, checked_rows, export_rows, sky_of
from equiclust.report.figures.palette import UNKNOWN, mark_of

# The reader of `regions` drops braces at the ends of a text.
HOSTILE = (
    "plain", 'a"b', "=1+2", "@SUM(A1)", "x{y", "it's", "#hash", "a,b;c|d", "\u96ea \u2603", "01",
    "]]>&<x>", "nan", "\\n", "N/A", "True", "x # color=red", "/a b/c.fits[2]", "a}b{c",
)  # fmt: skip
N = len(HOSTILE)


def make_table(**columns: Any) -> Table:
    sky = np.linspace(0.0, 85.0, N)
    values = {
        "id": list(HOSTILE),
        "path": [f"/data/{name}" for name in HOSTILE],
        "label": np.arange(N) % 3 - 1,
        "stability": np.linspace(0.0, 1.0, N),
        "kind": [("ring", "", "a, $b", "01")[k % 4] for k in range(N)],
        "probability": Column(np.linspace(0.5, 1.0, N), description="calibrated"),
        "ra": Column(4.0 * sky, unit="deg"),
        "dec": Column(-sky, unit="deg"),
    }
    return Table({**values, **columns})


def read_back(content: bytes, name: str, folder: Path) -> Table:
    path = folder / name
    path.write_bytes(content)
    return read_table(path)


def read_regions(content: bytes) -> Any:
    regions = pytest.importorskip("regions")
    return regions.Regions.parse(content.decode(), format="ds9")


@pytest.mark.parametrize("form", ["ecsv", "fits", "vot"])
def test_tables_come_back_as_they_were(form: Any, tmp_path: Path) -> None:
    table = make_table()
    rows = [5, 0, *range(6, N)]
    content, _, name = export_rows(table, rows, form)
    found = read_back(content, name, tmp_path)
    assert name == f"images.{form}"
    assert found.colnames == table.colnames
    for column in table.colnames:
        assert found[column].tolist() == [table[column][row] for row in rows]
    assert found["ra"].unit == "deg"


def test_columns_may_have_any_name() -> None:
    table = make_table()
    table["edge on <b>"] = np.linspace(0.0, 1.0, N)
    assert b'name="edge on &lt;b&gt;"' in export_rows(table, None, "vot").content


def test_csv_holds_every_text_as_it_is() -> None:
    content, media_type, _ = export_rows(make_table(), None, "csv")
    assert media_type.startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    assert [row["id"] for row in rows] == list(HOSTILE)
    assert rows[3]["kind"] == "01"


@pytest.mark.parametrize("form", ["csv", "ecsv", "fits", "vot"])
def test_text_that_would_change_is_refused(form: Any) -> None:
    table = make_table(id=["blank at its end ", *HOSTILE[1:]])
    with pytest.raises(InputError, match=rf"\.{form} cannot hold 'blank at its end '"):
        export_rows(table, None, form)
    assert export_rows(table, range(1, N), form).content


@pytest.mark.parametrize("form", ["csv", "ecsv", "fits", "vot"])
def test_a_line_break_in_a_name_comes_back_or_is_refused(form: Any, tmp_path: Path) -> None:
    table = make_table(id=["two\nlines", *HOSTILE[1:]])
    try:
        content, _, name = export_rows(table, [0, 1], form)
    except InputError:
        return
    assert read_back(content, name, tmp_path)["id"].tolist() == ["two\nlines", HOSTILE[1]]


def test_missing_kinds_are_empty(tmp_path: Path) -> None:
    kinds = MaskedColumn(["ring"] * N, mask=[True] + [False] * (N - 1))
    for form in ("csv", "ecsv", "fits", "vot"):
        content, _, name = export_rows(make_table(kind=kinds), [0, 1], form)
        assert read_back(content, name, tmp_path)["kind"].tolist() == ["", "ring"]


def test_regions_are_where_the_images_are_with_name_and_colour() -> None:
    # The reader of `regions` makes a number of "01".
    table = make_table(id=["1 and" if name == "01" else name for name in HOSTILE])
    found = read_regions(export_rows(table, None, "reg").content)
    assert len(found) == N
    order = sorted(set(table["kind"]) - {""})
    for region, row in zip(found, table, strict=True):
        assert type(region).__name__ == "PointSkyRegion"
        assert region.center.icrs.ra.deg == pytest.approx(row["ra"], abs=1e-8)
        assert region.center.icrs.dec.deg == pytest.approx(row["dec"], abs=1e-8)
        kind = str(row["kind"])
        assert region.meta["text"] == (f"{row['id']} ({kind})" if kind else row["id"])
        mark = mark_of(order.index(kind)) if kind else UNKNOWN
        assert region.visual["color"] == mark.colour


def test_colours_of_regions_do_not_depend_on_the_selection() -> None:
    table = make_table()
    row = HOSTILE.index("=1+2")
    (alone,) = read_regions(export_rows(table, [row], "reg").content)
    assert (
        alone.visual["color"]
        == read_regions(export_rows(table, None, "reg").content)[row].visual["color"]
    )
    (ordered,) = read_regions(
        export_rows(table, [row], "reg", kinds=["x", "y", "z", "a, $b"]).content
    )
    assert ordered.visual["color"] == mark_of(3).colour


def test_clusters_stand_for_kinds_that_there_are_not() -> None:
    table = make_table()
    table.remove_column("kind")
    first, second = read_regions(export_rows(table, [0, 1], "reg").content)
    assert first.meta["text"] == "plain (don't know)"
    assert second.visual["color"] == mark_of(0).colour


def test_images_without_a_place_are_left_out_and_counted() -> None:
    ra = MaskedColumn(np.arange(N, dtype=float), mask=[True] + [False] * (N - 1))
    dec = np.where(np.arange(N) == 1, np.nan, 1.0)
    table = make_table(ra=ra, dec=dec)
    content = export_rows(table, [0, 1, 2, 3], "reg").content
    assert len(read_regions(content)) == 2
    assert b"# 2 images without a place on the sky left out\n" in content
    assert np.isfinite(sky_of(table)).all(axis=1).tolist() == [False, False] + [True] * (N - 2)
    with pytest.raises(InputError, match="none of the 2 images has a place on the sky"):
        export_rows(table, [0, 1], "reg")
    table.remove_column("dec")
    with pytest.raises(InputError, match="none of the 1 images has a place"):
        export_rows(table, [3], "reg")


@pytest.mark.parametrize("name", ["{\"'", "a\nb"])
def test_a_name_that_no_region_can_hold_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="region file cannot hold"):
        export_rows(make_table(id=[name, *HOSTILE[1:]]), [0], "reg")


def test_files_are_listed_once_and_in_order() -> None:
    paths = ["/b 1.fits[2]", "/a.fits", "", "/b 1.fits[2]", "/a\udce9.fits"] + ["/z"] * (N - 5)
    content, media_type, name = export_rows(make_table(path=paths), None, "txt")
    assert content == b"/b 1.fits[2]\n/a.fits\n/a\xe9.fits\n/z\n"
    assert name == "files.txt"
    assert media_type.startswith("text/plain")
    with pytest.raises(InputError, match="none of the 1 images came from a file"):
        export_rows(make_table(path=paths), [2], "txt")
    with pytest.raises(InputError, match="cannot hold '/a"):
        export_rows(make_table(path=["/a\nb", *paths[1:]]), None, "txt")


@pytest.mark.parametrize("form", EXPORT_FORMATS)
@pytest.mark.parametrize("rows", [[], [-1], [N], [True], [1.0], ["0"], [None]])
def test_rows_that_are_not_there_are_refused(form: Any, rows: Any) -> None:
    with pytest.raises(InputError, match=r"^rows must be"):
        export_rows(make_table(), rows, form)


def test_rows_may_be_given_by_numpy() -> None:
    assert checked_rows(np.array([2, 0]), 3) == [2, 0]
    assert checked_rows(None, 2) == [0, 1]
    with pytest.raises(InputError, match="rows must be"):
        checked_rows("01", 3)


def test_other_formats_are_refused() -> None:
    format: Any = "xlsx"
    with pytest.raises(InputError, match=r"format must be .*'xlsx'"):
        export_rows(make_table(), None, format)
