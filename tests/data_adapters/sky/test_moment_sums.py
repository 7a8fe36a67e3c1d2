"""Sums of moments depend on no division into groups, parts and threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from data_adapters.sky.moment_sums import ChannelValues, MomentPlanes, MomentSums, _add
from data_adapters.sky.moments import channel_noise, moment_maps
from data_adapters.sky.read_ahead import groups_read_ahead
from data_adapters.sky.sky_map import open_sky_map
from equiclust.exceptions import InputError, UnreadableFileError

SHAPE = (13, 21, 300)


@pytest.fixture(scope="module")
def cube() -> np.ndarray:
    """Noise about a line, with blank pixels, a blank row and a blank channel."""
    generator = np.random.default_rng(5)
    pixels = generator.normal(size=SHAPE)
    pixels += 9.0 * np.exp(-0.5 * (np.arange(13) - 6.0)[:, None, None] ** 2)
    pixels[generator.random(SHAPE) < 0.05] = np.nan
    pixels[4], pixels[:, 7] = np.nan, np.nan
    return pixels.astype(np.float32)


def summed(cube: np.ndarray, *, group: int, parts: int) -> MomentPlanes:
    channels = ChannelValues(
        # Not in order, as the values of a table may be.
        1420.0 + 0.001 * np.random.default_rng(1).permutation(len(cube)),
        np.linspace(0.5, 1.5, len(cube)),
    )
    sums = MomentSums(cube.shape[1:], cube.dtype, channels)
    with ThreadPoolExecutor(3) as workers:
        for first in range(0, len(cube), group):
            planes = cube[first : first + group]
            sums.add(first, planes, [3.0] * len(planes), workers, parts)
        return sums.finish(workers)


@pytest.mark.parametrize(("group", "parts"), [(1, 2), (4, 1), (5, 7), (13, 21), (13, 40)])
def test_groups_and_parts_of_any_size_give_the_same_digits(
    cube: np.ndarray, group: int, parts: int
) -> None:
    for dtype in (np.float32, np.float64):
        expected = summed(cube.astype(dtype), group=1, parts=1)
        found = summed(cube.astype(dtype), group=group, parts=parts)
        for name in MomentPlanes._fields:
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)


def test_parts_are_added_by_what_is_compiled_for_whole_arrays(cube: np.ndarray) -> None:
    summed(cube, group=5, parts=3)
    for types in _add.signatures:
        # What is compiled for arrays with gaps takes three times as long.
        assert {one.layout for one in types if hasattr(one, "layout")} == {"C"}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_are_those_of_the_whole_cube_in_float64(cube: np.ndarray, dtype: type) -> None:
    found = summed(cube.astype(dtype), group=5, parts=2)
    values = 1420.0 + 0.001 * np.random.default_rng(1).permutation(len(cube))
    weight = cube.astype(np.float64) * np.linspace(0.5, 1.5, len(cube))[:, None, None]
    seen, signal = np.isfinite(cube), cube > 3.0
    lit, known = signal.any(axis=0), seen.any(axis=0)
    total = np.where(known, np.nansum(weight, axis=0), np.nan)
    np.testing.assert_allclose(found.integrated, total, rtol=1e-6)
    weight = np.where(signal, weight, 0.0)[:, lit]
    offset = values[:, None] - 1420.0
    mean = (weight * offset).sum(axis=0) / weight.sum(axis=0)
    spread = (weight * (offset - mean) ** 2).sum(axis=0) / weight.sum(axis=0)
    np.testing.assert_allclose(found.centroid[lit] - 1420.0, mean, atol=1e-12)
    np.testing.assert_allclose(found.dispersion[lit], np.sqrt(spread), rtol=1e-5, atol=1e-9)
    placed = np.where(signal, values[:, None, None], np.nan)[:, lit]
    np.testing.assert_array_equal(found.low[lit], np.nanmin(placed, axis=0))
    np.testing.assert_array_equal(found.high[lit], np.nanmax(placed, axis=0))
    for name in ("centroid", "dispersion", "low", "high"):
        np.testing.assert_array_equal(np.isfinite(getattr(found, name)), lit, name)
    np.testing.assert_array_equal(found.peak, np.fmax.reduce(cube))
    for name in ("integrated", "dispersion", "peak"):
        assert getattr(found, name).dtype == dtype


STORED: dict[str, Any] = {
    "float32": lambda cube: fits.PrimaryHDU(cube),
    "float64": lambda cube: fits.PrimaryHDU(cube.astype(np.float64)),
    "scaled": lambda cube: _scaled(cube),
    "compressed": lambda cube: fits.CompImageHDU(cube, compression_type="GZIP_1", quantize_level=0),
}


def _scaled(cube: np.ndarray) -> fits.PrimaryHDU:
    stored = np.where(np.isnan(cube), -32768, np.round(np.nan_to_num(cube) * 1000.0))
    hdu = fits.PrimaryHDU(stored.astype(np.int16))
    hdu.header.update({"BSCALE": 0.001, "BZERO": 0.0, "BLANK": -32768})
    return hdu


@pytest.mark.parametrize("kind", STORED)
def test_all_ways_of_storing_go_through_the_same_sums(
    cube: np.ndarray, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hdu = STORED[kind](cube)
    place = [hdu] if isinstance(hdu, fits.PrimaryHDU) else [fits.PrimaryHDU(), hdu]
    fits.HDUList(place).writeto(tmp_path / "cube.fits")
    sky = open_sky_map(tmp_path / "cube.fits")
    expected = moment_maps(sky)
    np.testing.assert_allclose(expected.peak, np.fmax.reduce(cube), atol=6e-4)
    for together in (1, 3, 13):
        monkeypatch.setattr("data_adapters.sky.read_ahead._TOGETHER", together)
        found = moment_maps(sky)
        for name in (*MomentPlanes._fields, "noise"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)


def test_a_file_that_is_cut_while_it_is_read_is_said_so(cube: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "cube.fits"
    fits.writeto(path, cube)
    sky = open_sky_map(path)
    path.write_bytes(path.read_bytes()[: cube.nbytes - 100_000])
    threads = threading.active_count()
    for task in (moment_maps, channel_noise):
        with pytest.raises(UnreadableFileError, match="ends before its pixels"):
            task(sky)
    assert threading.active_count() == threads


def test_channels_are_given_in_order_and_whole(cube: np.ndarray, tmp_path: Path) -> None:
    fits.writeto(tmp_path / "cube.fits", cube)
    sky = open_sky_map(tmp_path / "cube.fits")
    read = [(part, planes.copy()) for part, planes in groups_read_ahead(sky, range(2, 12))]
    assert [part for part, _ in read] == [slice(2, 10), slice(10, 12)]
    np.testing.assert_array_equal(np.concatenate([planes for _, planes in read]), cube[2:12])


def test_pixels_are_read_into_a_given_array_of_their_shape(
    cube: np.ndarray, tmp_path: Path
) -> None:
    fits.writeto(tmp_path / "cube.fits", cube)
    sky = open_sky_map(tmp_path / "cube.fits")
    out = np.empty((2, 3, 300), np.float32)
    assert sky.read(slice(1, 3), slice(4, 7), out=out) is out
    np.testing.assert_array_equal(out, cube[1:3, 4:7])
    for wrong in (out[:1], out.astype(np.float64)):
        with pytest.raises(InputError, match=r"out must have shape \(2, 3, 300\) and dtype"):
            sky.read(slice(1, 3), slice(4, 7), out=wrong)
