"""Outlines: filled again they are the segments, also for the `regions` package."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Polygon
from scipy import ndimage

from equiclust.exceptions import InputError
from equiclust.segmentation.regions import outline, write_regions
from equiclust.segmentation.segment_map import SegmentMap
from equiclust.segmentation.segment_table import find_segments
from tests.segmentation.segment_maps import blobs, cube_sky, make_map, sky

SHAPE = (60, 81)


def filled(vertices: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    y, x = np.mgrid[: shape[0], : shape[1]]
    inside = Polygon(vertices).contains_points(np.stack([x.ravel(), y.ravel()], axis=1))
    return inside.reshape(shape)


def overlap(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    return float((one & other).sum() / (one | other).sum())


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 999), st.integers(1, 20), st.integers(1, 20))
def test_an_outline_filled_is_the_piece_without_its_holes(
    seed: int, height: int, width: int
) -> None:
    labels = np.random.default_rng(seed).integers(0, 2, (height, width)).astype(np.int16)
    found = find_segments(labels)
    for number in range(1, len(found.labels) + 1):
        inside = found.ids == number
        # Holes are what cannot be reached from outside through edges.
        expected = ndimage.binary_fill_holes(inside)
        vertices = outline(inside, max_vertices=1000)
        np.testing.assert_array_equal(filled(vertices, labels.shape), expected)


@pytest.mark.parametrize("max_vertices", [4, 20, 100])
def test_fewer_vertices_still_give_most_of_a_disc(max_vertices: int) -> None:
    y, x = np.mgrid[:101, :101]
    disc = (x - 50) ** 2 + (y - 50) ** 2 < 45**2
    vertices = outline(disc, max_vertices=max_vertices)
    assert 4 <= len(vertices) <= max_vertices
    least = {4: 0.6, 20: 0.95, 100: 0.99}[max_vertices]
    assert overlap(filled(vertices, disc.shape), disc) >= least


def polygons(path: Path) -> tuple[str, list[tuple[npt.NDArray[Any], str]]]:
    first, frame, *lines = path.read_text().splitlines()
    assert first == "# Region file format: DS9 version 4.1"
    found = []
    for line in lines:
        numbers, rest = re.fullmatch(r"polygon\(([^)]*)\) # (.*)", line).groups()  # type: ignore[union-attr]
        found.append((np.array(numbers.split(","), dtype=float).reshape(-1, 2), rest))
    return frame, found


MAPS = {
    "image": lambda: make_map(blobs(SHAPE)),
    "icrs": lambda: make_map(blobs(SHAPE), sky()),
    "galactic": lambda: make_map(blobs(SHAPE), sky("GLON-TAN", "GLAT-TAN")),
    "cube": lambda: make_map(blobs((3, *SHAPE)), cube_sky()),
}


def footprints(segment_map: SegmentMap, min_pixels: int) -> list[npt.NDArray[np.bool_]]:
    found = find_segments(segment_map.labels, min_pixels=min_pixels)
    inside = [found.ids == number for number in range(1, len(found.labels) + 1)]
    return [ndimage.binary_fill_holes(i.any(axis=0) if i.ndim == 3 else i) for i in inside]


@pytest.mark.parametrize("kind", MAPS)
def test_polygons_lie_on_their_segments(tmp_path: Path, kind: str) -> None:
    segment_map = MAPS[kind]()
    write_regions(segment_map, tmp_path / "x.reg", min_pixels=3)
    frame, found = polygons(tmp_path / "x.reg")
    assert frame == {"cube": "icrs"}.get(kind, kind)
    expected = footprints(segment_map, 3)
    labels = find_segments(segment_map.labels, min_pixels=3).labels
    assert len(found) == len(expected) > 3
    for (vertices, text), inside, label in zip(found, expected, labels, strict=True):
        if kind == "image":
            pixels = vertices - 1.0
        else:
            pixels = WCS(segment_map.header).celestial.all_world2pix(vertices, 0)
        assert overlap(filled(pixels, SHAPE), inside) >= 0.99
        assert f"text={{{label}}}" in text


def test_every_label_has_its_colour(tmp_path: Path) -> None:
    write_regions(MAPS["image"](), tmp_path / "x.reg")
    _, found = polygons(tmp_path / "x.reg")
    pairs = {tuple(re.findall(r"color=(\w+) text=\{(\d+)\}", text)[0]) for _, text in found}
    assert len(pairs) == len({label for _, label in pairs}) == len({c for c, _ in pairs}) == 3


@pytest.mark.parametrize("kind", MAPS)
def test_the_regions_package_reads_the_same_segments(tmp_path: Path, kind: str) -> None:
    regions = pytest.importorskip("regions", reason="the regions package is not installed")
    segment_map = MAPS[kind]()
    write_regions(segment_map, tmp_path / "x.reg", min_pixels=3)
    read = regions.Regions.read(tmp_path / "x.reg", format="ds9")
    expected = footprints(segment_map, 3)
    assert len(read) == len(expected)
    for region, inside in zip(read, expected, strict=True):
        if kind != "image":
            region = region.to_pixel(WCS(segment_map.header).celestial)
        assert overlap(region.to_mask(mode="center").to_image(SHAPE) > 0, inside) >= 0.99
        assert int(region.meta["text"]) in segment_map.labels


def test_a_map_without_segments_gives_a_file_without_regions(tmp_path: Path) -> None:
    write_regions(make_map(np.full((4, 4), -1, np.int16)), tmp_path / "x.reg")
    assert polygons(tmp_path / "x.reg") == ("image", [])


def test_what_is_off_the_sky_is_left_out(tmp_path: Path) -> None:
    header = sky("GLON-AIT", "GLAT-AIT", side=4.0, CRVAL1=0.0, CRVAL2=0.0, CRPIX1=45.5, CRPIX2=23.0)
    labels = np.zeros((45, 90), dtype=np.int16)
    labels[:2, :2] = 1
    write_regions(make_map(labels, header), tmp_path / "x.reg")
    _, found = polygons(tmp_path / "x.reg")
    assert all(np.isfinite(vertices).all() for vertices, _ in found)
    assert not any("text={1}" in text for _, text in found)


def test_what_cannot_be_outlined_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="max_vertices must be a whole number of at least 4, got 3"
    ):
        write_regions(MAPS["image"](), tmp_path / "x.reg", max_vertices=3)
    with pytest.raises(InputError, match="max_vertices"):
        outline(np.ones((2, 2), dtype=bool), max_vertices=3)
    with pytest.raises(InputError, match="with a piece in it"):
        outline(np.zeros((2, 2), dtype=bool))
