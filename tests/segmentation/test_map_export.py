"""A label map as tables, regions and coverage: the pixels that it has, where they are."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from data_adapters.sky.geometry import pixel_solid_angles
from equiclust.exceptions import InputError, OutputError, UnreadableFileError
from equiclust.io.catalogue import read_table
from equiclust.io.ucds import ucd_of
from equiclust.segmentation.label_maps import read_segment_map, write_segment_map
from equiclust.segmentation.map_export import export_label_map, pixel_table
from equiclust.segmentation.segment_map import MASKED, UNSURE
from tests.app.label_map_files import cube_map, flat_map
from tests.segmentation.segment_maps import blobs, make_map, sky


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return flat_map(tmp_path)[0]


@pytest.mark.parametrize("suffix", [".vot", ".fits", ".ecsv", ".parquet", ".csv"])
def test_pixels_come_back_in_every_format(suffix: str, labels: Path, tmp_path: Path) -> None:
    segment_map = read_segment_map(labels)
    path = tmp_path / f"pixels{suffix}"
    _, n_rows = export_label_map(labels, path)
    found = read_table(path)
    assert len(found) == n_rows == np.count_nonzero(~segment_map.mask)
    again = np.full(segment_map.labels.shape, MASKED)
    again[found["y"], found["x"]] = found["label"]
    assert np.array_equal(again, segment_map.labels)
    expected = segment_map.membership[found["y"], found["x"]]
    np.testing.assert_allclose(found["membership"], expected, rtol=1e-6)
    sky_of_all = WCS(segment_map.header).pixel_to_world_values(found["x"], found["y"])
    np.testing.assert_allclose([found["ra"], found["dec"]], sky_of_all, rtol=0, atol=1e-9)
    if suffix != ".csv":
        assert [ucd_of(found[name]) for name in ("label", "ra")] == [
            "meta.code.class", "pos.eq.ra;meta.main",
        ]  # fmt: skip
        assert found["dec"].unit == "deg"


def test_strips_join_without_a_seam(monkeypatch: pytest.MonkeyPatch, labels: Path) -> None:
    segment_map = read_segment_map(labels)
    whole = pixel_table(segment_map)
    monkeypatch.setattr("equiclust.segmentation.map_export._STRIP", 100)
    assert np.array_equal(pixel_table(segment_map).as_array(), whole.as_array())


def test_pixels_of_a_cube_have_channels(tmp_path: Path) -> None:
    segment_map = read_segment_map(cube_map(tmp_path)[0])
    table = pixel_table(segment_map)
    place = table["channel"], table["y"], table["x"]
    assert np.array_equal(segment_map.labels[place], table["label"])
    assert len(table) == np.count_nonzero(~segment_map.mask)


def test_only_what_was_asked_for_is_written(labels: Path, tmp_path: Path) -> None:
    segment_map, path = read_segment_map(labels), tmp_path / "some.fits"
    export_label_map(labels, path, label=1, min_membership=0.5)
    expected = (segment_map.labels == 1) & (segment_map.membership >= 0.5)
    assert len(read_table(path)) == expected.sum()
    export_label_map(labels, path, label=UNSURE)
    assert set(read_table(path)["label"]) == {UNSURE}


def test_segments_are_those_of_the_table_beside(labels: Path, tmp_path: Path) -> None:
    path = tmp_path / "segments.vot"
    export_label_map(labels, path, rows="segments", label=1)
    found, whole = read_table(path), read_table(labels.with_suffix(".segments.ecsv"))
    assert found["id"].tolist() == whole["id"][whole["label"] == 1].tolist()
    assert all(map(ucd_of, found.itercols()))


def test_coverage_of_every_label_has_its_area(labels: Path, tmp_path: Path) -> None:
    mocpy = pytest.importorskip("mocpy")
    segment_map = read_segment_map(labels)
    areas = pixel_solid_angles(WCS(segment_map.header), segment_map.labels.shape)
    paths, n_rows = export_label_map(labels, tmp_path / "kinds.moc.fits", each=True)
    assert [path.name for path in paths] == [f"kinds.label_{k}.moc.fits" for k in range(3)]
    assert n_rows == np.count_nonzero(segment_map.labels >= 0)
    for label, path in enumerate(paths):
        area = 4.0 * np.pi * mocpy.MOC.from_fits(str(path)).sky_fraction
        assert area == pytest.approx(areas[segment_map.labels == label].sum(), rel=0.02)


def test_regions_are_the_outlines_of_one_label(labels: Path, tmp_path: Path) -> None:
    regions = pytest.importorskip("regions")
    export_label_map(labels, tmp_path / "one.reg", label=2)
    found = regions.Regions.read(tmp_path / "one.reg", format="ds9")
    segment_map = read_segment_map(labels)
    y, x = np.nonzero(segment_map.labels == 2)
    wcs = WCS(segment_map.header)
    inside = np.zeros(len(x), dtype=bool)
    for region in found:
        assert str(region.meta["text"]) == "2"
        inside |= region.to_pixel(wcs).contains(regions.PixCoord(x, y))
    assert inside.all()


def test_what_is_not_there_is_refused(labels: Path, tmp_path: Path) -> None:
    def refused(output: str, **options: Any) -> str:
        with pytest.raises(InputError) as caught:
            export_label_map(labels, tmp_path / output, **options)
        return str(caught.value)

    assert "label must be one of -1, 0, 1, 2, got 7" in refused("x.csv", label=7)
    assert "rows must be" in refused("x.csv", rows="images")
    assert "output must end in" in refused("x.txt")
    assert "order is for coverage maps" in refused("x.csv", order=5)
    assert "rows is for tables" in refused("x.reg", rows="segments")
    bare = tmp_path / "bare.fits"
    write_segment_map(make_map(blobs((20, 30))), bare)
    assert "ra" not in pixel_table(read_segment_map(bare)).colnames
    with pytest.raises(InputError, match="no coordinates on the sky"):
        export_label_map(bare, tmp_path / "x.moc.fits")
    fits.writeto(tmp_path / "map.fits", np.zeros((4, 4)), sky())
    with pytest.raises(UnreadableFileError, match="it is no segment map"):
        export_label_map(tmp_path / "map.fits", tmp_path / "x.csv")
    none = np.full((5, 5), UNSURE, np.int16)
    write_segment_map(make_map(none, sky()), bare)
    with pytest.raises(InputError, match="has no labelled pixels"):
        export_label_map(bare, tmp_path / "x.moc.fits")


def test_the_files_of_the_segmentation_are_not_replaced(labels: Path) -> None:
    before = labels.with_suffix(".segments.ecsv").read_bytes()
    with pytest.raises(OutputError, match="not written by this command"):
        export_label_map(labels, labels.with_suffix(".segments.ecsv"))
    with pytest.raises(OutputError, match="it is exported"):
        export_label_map(labels, labels)
    assert labels.with_suffix(".segments.ecsv").read_bytes() == before


@pytest.mark.filterwarnings("ignore")
def test_a_hips_of_a_label_map_holds_its_labels_and_no_others(labels: Path, tmp_path: Path) -> None:
    hips = pytest.importorskip("reproject.hips")
    from reproject import reproject_interp

    hips.reproject_to_hips(
        str(labels), coord_system_out="equatorial", level=9, tile_size=128, threads=False,
        reproject_function=partial(reproject_interp, order="nearest-neighbor"),
        output_directory=str(tmp_path / "hips"),
    )  # fmt: skip
    tiles = [fits.getdata(path) for path in (tmp_path / "hips").rglob("Norder9/**/*.fits")]
    found = np.concatenate([tile[np.isfinite(tile)] for tile in tiles])
    segment_map = read_segment_map(labels)
    known, counts = np.unique(segment_map.labels, return_counts=True)
    for label, count in zip(known, counts, strict=True):
        share = np.mean(found == label)
        assert share == pytest.approx(count / segment_map.labels.size, abs=0.01)
    assert set(np.unique(found)) <= set(known)
