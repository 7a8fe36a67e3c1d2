"""`MapView`: what is shown of a label map and its data is what the files hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from data_adapters.sky.moments import moment_maps
from data_adapters.sky.sky_map import open_sky_map
from equiclust.app import map_planes
from equiclust.app.map_planes import Box, MapPlanes
from equiclust.app.map_view import MapView
from equiclust.exceptions import InputError, UnreadableFileError
from equiclust.io.catalogue import read_table
from equiclust.segmentation.label_maps import write_segment_map
from equiclust.segmentation.segment_table import find_segments
from tests.app.label_map_files import CHANNELS, HEIGHT, WIDTH, Made, cube_map, flat_map, moment_map
from tests.segmentation.segment_maps import blobs, make_map, sky


@pytest.fixture
def flat(tmp_path: Path) -> Made:
    return flat_map(tmp_path)


@pytest.fixture
def cube(tmp_path: Path) -> Made:
    return cube_map(tmp_path)


@pytest.fixture
def moment(tmp_path: Path) -> Made:
    return moment_map(tmp_path)


@pytest.fixture
def opened(flat: Made) -> Iterator[MapView]:
    with MapView(flat[0]) as view:
        yield view


def test_at_full_resolution_a_region_is_the_arrays(flat: Made, opened: MapView) -> None:
    _, segment_map, data = flat
    whole = opened.overview(0)
    assert whole.step == 1
    np.testing.assert_array_equal(whole.data, data)
    np.testing.assert_array_equal(whole.labels, segment_map.labels)
    ids = find_segments(segment_map.labels, min_pixels=4).ids
    np.testing.assert_array_equal(whole.segments, ids)
    part = opened.region(0, 5, 30, 12, 13)
    np.testing.assert_array_equal(part.data, data[5:30, 12:13])
    np.testing.assert_array_equal(part.labels, segment_map.labels[5:30, 12:13])
    np.testing.assert_array_equal(part.segments, ids[5:30, 12:13])
    assert whole.data is not None
    assert whole.data.dtype == np.float32
    assert whole.labels.dtype == np.int16


@pytest.mark.parametrize("max_side", [1, 2, 7, 10, 52, 53, 2048])
def test_no_side_is_longer_than_asked(opened: MapView, max_side: int) -> None:
    part = opened.region(0, 3, HEIGHT, 0, WIDTH, max_side)
    assert part.data is not None
    assert part.segments is not None
    rows, columns = -(-(HEIGHT - 3) // part.step), -(-WIDTH // part.step)
    assert part.data.shape == part.labels.shape == part.segments.shape == (rows, columns)
    assert max(rows, columns) <= max_side
    # And as much detail as that allows.
    assert part.step == 1 or -(-WIDTH // (part.step - 1)) > max_side


@pytest.mark.parametrize("step", [2, 3, 5])
def test_block_means_conserve_the_sum(flat: Made, opened: MapView, step: int) -> None:
    _, segment_map, data = flat
    part = opened.region(0, 0, HEIGHT, 0, WIDTH, -(-WIDTH // step))
    assert part.step == step
    count = np.zeros(part.labels.shape)
    for row, column in np.argwhere(np.isfinite(data)):
        count[row // step, column // step] += 1
    assert part.data is not None
    np.testing.assert_array_equal(np.isnan(part.data), count == 0)
    total = np.nansum(part.data.astype(np.float64) * count)
    assert total == pytest.approx(np.nansum(data.astype(np.float64)), rel=1e-6)
    # A label is that of a pixel in the block, never a mixture.
    for (row, column), label in np.ndenumerate(part.labels):
        block = segment_map.labels[row * step : (row + 1) * step, column * step :][:, :step]
        assert label in block


def test_large_planes_are_read_in_strips_with_the_same_result(
    flat: Made, opened: MapView, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = opened.overview(0, 10)
    read: list[int] = []
    monkeypatch.setattr(map_planes, "_KEPT_BYTES", 100)
    monkeypatch.setattr(map_planes, "_STRIP_BYTES", 4 * WIDTH * 9)
    known = MapPlanes.rows

    def watched(self: MapPlanes, plane: int, first: int, last: int) -> Any:
        read.append(last - first)
        return known(self, plane, first, last)

    monkeypatch.setattr(MapPlanes, "rows", watched)
    with MapView(flat[0]) as view:
        found = view.overview(0, 10)
    np.testing.assert_array_equal(found.data, expected.data)
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert max(read) <= HEIGHT
    assert sum(size <= 9 for size in read) > 8


def test_a_pixel_is_where_astropy_says_and_what_the_files_hold(flat: Made, opened: MapView) -> None:
    path, segment_map, data = flat
    world = WCS(fits.getheader(path))
    table = read_table(path.with_suffix(".segments.ecsv"))
    for x, y in [(0, 0), (30, 17), (WIDTH - 1, HEIGHT - 4), (22, 11)]:
        found = opened.at(0, x, y)
        expected = world.pixel_to_world(x, y)
        there = SkyCoord(found["sky"]["ra"], found["sky"]["dec"], unit="deg")
        assert there.separation(expected).arcsec < 1e-6
        galactic = expected.galactic
        assert found["sky"]["glon"] == pytest.approx(galactic.l.deg, abs=1e-9)
        assert found["sky"]["glat"] == pytest.approx(galactic.b.deg, abs=1e-9)
        words = f"{found['sky']['ra_text']} {found['sky']['dec_text']}"
        read = SkyCoord(words, unit=(u.hourangle, u.deg))
        # A tenth of a pixel of 7.2 seconds of arc.
        assert read.separation(expected).arcsec < 0.72
        np.testing.assert_equal(found["value"], float(data[y, x]))
        assert found["unit"] == "K"
        assert found["label"] == segment_map.labels[y, x]
        np.testing.assert_equal(found["membership"], float(segment_map.membership[y, x]))
        if found["segment"]:
            row = table[found["segment"] - 1]
            assert found["row"]["n_pixels"] == row["n_pixels"]
            assert row["label"] == found["label"]


def test_north_and_east_lead_north_and_east(opened: MapView) -> None:
    found = opened.orientation(20.0, 15.0)
    assert found is not None
    here = opened.at(0, 20, 15)["sky"]
    start = SkyCoord(here["ra"], here["dec"], unit="deg")
    for name, angle in {"north": 0.0, "east": 90.0}.items():
        # 0.02 degrees are ten pixels, and whole numbers here, as the map is not rotated.
        dx, dy = np.rint(0.02 * np.array(found[name])).astype(int)
        there = opened.at(0, 20 + int(dx), 15 + int(dy))["sky"]
        end = SkyCoord(there["ra"], there["dec"], unit="deg")
        assert start.separation(end).deg == pytest.approx(0.02, rel=1e-3)
        assert start.position_angle(end).wrap_at("270d").deg == pytest.approx(angle, abs=0.1)
    assert found["scale"] == pytest.approx(2e-3, rel=1e-3)


def test_a_spectrum_is_the_cube_along_its_axis(cube: Made) -> None:
    path, segment_map, data = cube
    with MapView(path) as view:
        assert view.n_planes == CHANNELS
        for x, y in [(0, 0), (22, 11), (WIDTH - 1, HEIGHT - 1)]:
            found = view.spectrum(x, y)
            np.testing.assert_array_equal(found["values"], data[:, y, x])
        # The header has 4000 m/s for the first channel and steps of -500.
        np.testing.assert_allclose(found["axis"]["values"], 4.0 - 0.5 * np.arange(CHANNELS))
        assert (found["axis"]["kind"], found["axis"]["unit"]) == ("velocity", "km/s")
        assert found["unit"] == "K"
        for plane in range(CHANNELS):
            part = view.overview(plane)
            np.testing.assert_array_equal(part.data, data[plane])
            np.testing.assert_array_equal(part.labels, segment_map.labels[plane // 2])
            channel = view.channel(plane)
            assert channel["label_plane"] == plane // 2
            assert channel["value"] == pytest.approx(4.0 - 0.5 * plane)


def test_only_the_rows_through_a_pixel_are_read_for_its_spectrum(
    cube: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, ...]] = []
    with MapPlanes(open_sky_map(cube[0].with_name("sky.fits"))) as planes:
        known = type(planes.sky).read

        def watched(self: Any, channels: slice = slice(None), rows: slice = slice(None)) -> Any:
            found = known(self, channels, rows)
            asked.append(found.shape)
            return found

        monkeypatch.setattr(type(planes.sky), "read", watched)
        monkeypatch.setattr(map_planes, "_STRIP_BYTES", 4 * WIDTH * 3)
        np.testing.assert_array_equal(planes.along(5, 6), cube[2][:, 6, 5])
    assert asked == [(3, 1, WIDTH), (3, 1, WIDTH), (1, 1, WIDTH)]


def test_the_moment_of_a_cube_is_what_was_segmented(
    moment: Made,
) -> None:
    path, segment_map, data = moment
    expected = moment_maps(open_sky_map(path.with_name("sky.fits")))
    with MapView(path) as view:
        info = view.info()
        assert (info["moment"], info["first_plane"]) == ("integrated", -1)
        assert info["units"] == {"moment": "K m s-1", "channel": "K"}
        shown: Any = view.overview(-1).data
        np.testing.assert_allclose(shown, expected.integrated, rtol=1e-6)
        np.testing.assert_array_equal(view.overview(3).data, data[3])
        np.testing.assert_array_equal(view.overview(3).labels, segment_map.labels)
        assert view.at(-1, 4, 5)["unit"] == "K m s-1"
        assert view.at(3, 4, 5)["unit"] == "K"
    with MapPlanes(open_sky_map(path.with_name("sky.fits")), moment="peak") as planes:
        np.testing.assert_array_equal(planes.rows(-1, 0, HEIGHT), expected.peak)


def test_packed_maps_are_shown_too(flat: Made) -> None:
    packed = flat[0].with_name("sky.fits.gz")
    fits.writeto(packed, flat[2], sky(BUNIT="K"))
    with MapView(flat[0], data=packed) as view:
        np.testing.assert_array_equal(view.overview(0).data, flat[2])
        assert view.at(0, 3, 4)["value"] == float(flat[2][4, 3])


def test_a_file_that_vanishes_is_said(flat: Made) -> None:
    with MapView(flat[0]) as view:
        flat[0].with_name("sky.fits").unlink()
        with pytest.raises(UnreadableFileError, match=r"sky\.fits"):
            view.overview(0)


def test_levels_are_the_percentiles_of_the_pixels(flat: Made, opened: MapView) -> None:
    data = flat[2]
    found = opened.levels(0)
    expected = np.percentile(data[np.isfinite(data)].astype(np.float64), found["percentiles"])
    np.testing.assert_allclose(found["values"], expected)
    assert found["percentiles"] == sorted(set(found["percentiles"]))


def test_clusters_are_counted_as_in_the_labels(flat: Made, opened: MapView) -> None:
    found = opened.info()["clusters"]
    assert {row["label"]: row["n_pixels"] for row in found} == {
        label: np.count_nonzero(flat[1].labels == label) for label in (-2, -1, 0, 1, 2)
    }
    assert [row["label"] for row in found] == [0, 1, 2, -1, -2]


@pytest.mark.parametrize(
    "arguments",
    [
        (1, 0, 1, 0, 1),
        (-1, 0, 1, 0, 1),
        (0, 0, 0, 0, 1),
        (0, 5, 4, 0, 1),
        (0, -1, 4, 0, 1),
        (0, 0, HEIGHT + 1, 0, 1),
        (0, 0, 1, 0, WIDTH + 1),
        (0, 0, 1, 0, 1, 0),
        (0, 0, 1, 0, 1, 100_000),
        (0, 0.5, 1, 0, 1),
        (0, "0", 1, 0, 1),
        (True, 0, 1, 0, 1),
    ],
)
def test_regions_beyond_the_map_are_refused(opened: MapView, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(InputError, match="must be"):
        opened.region(*arguments)


def test_hostile_arguments_are_refused(opened: MapView) -> None:
    calls: list[tuple[Any, ...]] = [
        (opened.at, 0, WIDTH, 0),
        (opened.at, 0, 0, -1),
        (opened.at, 2, 0, 0),
        (opened.levels, 9),
        (opened.channel, "x"),
        (opened.segments, -1),
        (opened.segments, 0, 10**9),
        (opened.segment, 0),
        (opened.segment, 10**9),
    ]
    for function, *arguments in calls:
        with pytest.raises(InputError):
            function(*arguments)
    with pytest.raises(InputError, match="sort must be"):
        opened.segments(sort="__class__")
    with pytest.raises(InputError, match="not a cube"):
        opened.spectrum(0, 0)


def test_labels_without_coordinates_have_no_place_on_the_sky(tmp_path: Path) -> None:
    write_segment_map(make_map(blobs((HEIGHT, WIDTH))), tmp_path / "kinds.fits")
    with MapView(tmp_path / "kinds.fits") as view:
        assert view.at(0, 3, 4)["sky"] is None
        assert view.orientation(3.0, 4.0) is None
        assert not view.info()["has_sky"]


def test_a_box_is_a_part_of_its_image() -> None:
    assert Box.within((4, 5), 1, 4, 0, 5) == (1, 4, 0, 5)
    with pytest.raises(InputError, match="x1 must be at most 5, got 6"):
        Box.within((4, 5), 1, 4, 0, 6)
