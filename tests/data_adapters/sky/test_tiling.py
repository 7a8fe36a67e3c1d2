"""Tiles: what is cut can be put back, and a turned map is cut into turned tiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_adapters.sky.overlap_average import OverlapAverage, blend_tiles
from data_adapters.sky.tiling import Tiling, masked_fractions
from equiclust.exceptions import InputError


@st.composite
def tilings(draw: st.DrawFn) -> Tiling:
    tile = draw(st.integers(1, 12))
    shape = draw(st.tuples(st.integers(1, 30), st.integers(1, 30)))
    return Tiling(shape, tile=tile, step=draw(st.integers(1, tile)))


def seeded(tiling: Tiling, seed: int, *first: int) -> npt.NDArray[np.float32]:
    values = np.random.default_rng(seed).standard_normal((*first, *tiling.shape))
    return values.astype(np.float32)


def rotated(tiling: Tiling) -> Tiling:
    return Tiling(tiling.shape[::-1], tile=tiling.tile, step=tiling.step)


@settings(deadline=None)
@given(tilings(), st.integers(0, 9), st.integers(1, 3), st.floats(0.0, 1.0))
def test_cutting_and_blending_is_the_identity(
    tiling: Tiling, seed: int, n_channels: int, masked: float
) -> None:
    values = seeded(tiling, seed, n_channels)
    values[:, np.random.default_rng(seed).random(tiling.shape) < masked] = np.nan
    blended = blend_tiles(tiling, np.stack([tiling.cut(values, i) for i in range(len(tiling))]))
    np.testing.assert_array_equal(blended.mean, values)
    np.testing.assert_array_equal(blended.coverage > 0, ~np.isnan(values[0]))
    assert blended.rows == slice(0, tiling.shape[0])


@settings(deadline=None)
@given(tilings())
def test_every_pixel_is_covered_and_every_tile_touches_the_map(tiling: Tiling) -> None:
    assert blend_tiles(tiling, np.ones((len(tiling), 1))).coverage.min() >= 1
    for origins, length in zip((tiling.rows, tiling.columns), tiling.shape, strict=True):
        hang = max(tiling.tile // 2, tiling.step - 1)
        if length < tiling.step:
            hang = tiling.tile - 1
        assert np.all(origins >= -hang)
        assert np.all(origins + tiling.tile <= length + hang)
        assert np.all((origins > -tiling.tile) & (origins < length))


@settings(deadline=None)
@given(tilings())
def test_spacing_is_the_step_where_a_symmetric_grid_has_one(tiling: Tiling) -> None:
    for origins, length in zip((tiling.rows, tiling.columns), tiling.shape, strict=True):
        np.testing.assert_array_equal(origins, (length - tiling.tile - origins)[::-1])
        gaps = np.diff(origins)
        odd = gaps != tiling.step
        if tiling.step % 2 == 0 and (length - tiling.tile) % 2 == 1:
            assert np.flatnonzero(odd).tolist() == [len(gaps) // 2]
            assert gaps[len(gaps) // 2] == tiling.step - 1
        else:
            assert not odd.any()


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(1, 6), st.integers(12, 60))
def test_tiles_that_overlap_by_half_hang_out_within_a_step_of_half_a_tile(
    half: int, divisor: int, length: int
) -> None:
    tile, step = 2 * half, max(half // divisor, 1)
    hang = -int(Tiling((length, 1), tile=tile, step=step).rows[0])
    assert tile // 2 - step < hang <= tile // 2


@settings(deadline=None)
@given(tilings())
def test_the_origins_of_a_turned_map_are_the_turned_origins(tiling: Tiling) -> None:
    _, width = tiling.shape
    row, column = tiling.origins.T
    # np.rot90 takes column x to row w - 1 - x.
    quarter = set(zip(width - tiling.tile - column, row, strict=True))
    assert quarter == set(map(tuple, rotated(tiling).origins))
    mirror = set(zip(row, width - tiling.tile - column, strict=True))
    assert mirror == set(map(tuple, tiling.origins))
    assert len(tiling.origins) == len(tiling) == len(mirror)


@settings(deadline=None)
@given(tilings(), st.integers(0, 9), st.integers(0, 3), st.booleans())
def test_tiles_and_averages_of_a_rotated_map_are_rotated(
    tiling: Tiling, seed: int, n_quarters: int, mirrored: bool
) -> None:
    def rotate(array: Any) -> Any:
        array = np.rot90(array, n_quarters, axes=(-2, -1))
        return array[..., ::-1] if mirrored else array

    other = rotated(tiling) if n_quarters % 2 else tiling
    grid = np.arange(len(tiling)).reshape(len(tiling.rows), len(tiling.columns))
    order = rotate(grid).ravel()
    values = seeded(tiling, seed)
    for there, here in enumerate(order):
        expected = rotate(tiling.cut(values, int(here)))
        np.testing.assert_array_equal(other.cut(rotate(values), there), expected)
    memberships = np.random.default_rng(seed).random((len(tiling), 3))
    memberships[np.random.default_rng(seed + 1).random(len(tiling)) < 0.2] = np.nan
    first, second = blend_tiles(tiling, memberships), blend_tiles(other, memberships[order])
    np.testing.assert_allclose(second.mean, rotate(first.mean), rtol=1e-6)
    np.testing.assert_allclose(second.weight, rotate(first.weight), rtol=1e-6)
    np.testing.assert_array_equal(second.coverage, rotate(first.coverage))


@settings(deadline=None)
@given(tilings(), st.integers(0, 9))
def test_the_average_agrees_with_a_plain_loop_over_tiles(tiling: Tiling, seed: int) -> None:
    rng = np.random.default_rng(seed)
    memberships = rng.random((len(tiling), 2))
    memberships[rng.random(len(tiling)) < 0.3, 1] = np.nan
    height, width = tiling.shape
    sums, weight = np.zeros((2, height, width)), np.zeros((height, width))
    coverage = np.zeros((height, width), dtype=int)
    for (top, left), opinion in zip(tiling.origins, memberships, strict=True):
        if np.isnan(opinion).any():
            continue
        for row in range(max(top, 0), min(top + tiling.tile, height)):
            for column in range(max(left, 0), min(left + tiling.tile, width)):
                share = tiling.window[row - top, column - left]
                sums[:, row, column] += share * opinion
                weight[row, column] += share
                coverage[row, column] += 1
    blended = blend_tiles(tiling, memberships)
    np.testing.assert_array_equal(blended.coverage, coverage)
    np.testing.assert_allclose(blended.weight, weight, rtol=1e-5)
    np.testing.assert_array_equal(np.isnan(blended.mean[0]), coverage == 0)
    seen = coverage > 0
    np.testing.assert_allclose(blended.mean[:, seen], (sums[:, seen] / weight[seen]), rtol=1e-5)


@settings(deadline=None)
@given(tilings(), st.integers(0, 9), st.integers(0, 20))
def test_band_by_band_is_the_same_as_at_once(tiling: Tiling, seed: int, more: int) -> None:
    values = seeded(tiling, seed, 2)
    limit = min(tiling.tile, tiling.shape[0]) + more
    average, seen, next_row = OverlapAverage(tiling, 2), [], 0
    for block in tiling.row_blocks(limit):
        rows = values[:, block.rows]
        assert rows.shape[1] <= limit
        for tile_row in block.tile_rows:
            tiles = [tiling.cut(rows, index, block=block) for index in tiling.indices(tile_row)]
            blended = average.add(np.stack(tiles))
            assert blended.rows.start == next_row
            next_row = blended.rows.stop
            seen.append(blended.mean)
    assert next_row == tiling.shape[0]
    np.testing.assert_array_equal(np.concatenate(seen, axis=1), values)


@settings(deadline=None)
@given(tilings(), st.integers(0, 9), st.integers(0, 20))
def test_masked_fractions_agree_with_counting(tiling: Tiling, seed: int, more: int) -> None:
    mask = np.random.default_rng(seed).random(tiling.shape) < 0.3
    counted = [tiling.cut(mask, i, fill=True).mean() for i in range(len(tiling))]
    np.testing.assert_allclose(masked_fractions(tiling, mask), counted, atol=1e-12)
    by_band = [
        masked_fractions(tiling, mask[block.rows], block=block)
        for block in tiling.row_blocks(min(tiling.tile, tiling.shape[0]) + more)
    ]
    np.testing.assert_array_equal(np.concatenate(by_band), masked_fractions(tiling, mask))


@pytest.mark.parametrize("tile", [1, 2, 7, 64])
def test_the_window_is_symmetric_and_highest_at_the_centre(tile: int) -> None:
    window = Tiling((5, 9), tile=tile, step=tile).window
    for same in (window.T, window[::-1], window[:, ::-1], np.rot90(window)):
        np.testing.assert_array_equal(window, same)
    assert window.min() > 0.0
    assert window.max() == window[tile // 2, tile // 2]


def test_the_window_is_round() -> None:
    window = Tiling((1, 1), tile=101, step=1).window
    np.testing.assert_allclose(window[50 + 30, 50 + 40], window[50, 50 + 50], rtol=1e-5)


@settings(max_examples=20, deadline=None)
@given(tilings())
def test_a_tile_is_a_copy(tiling: Tiling) -> None:
    values = np.zeros(tiling.shape, dtype=np.float32)
    tiling.cut(values, 0)[:] = 1.0
    assert not values.any()


@pytest.mark.parametrize(
    ("shape", "tile", "step", "reason"),
    [
        ((0, 5), 4, 2, r"shape must be .*got \(0, 5\)"),
        ((5, 5), 0, 1, "tile must be at least 1 pixel, got 0"),
        ((5, 5), 4, 0, "step must be from 1 to the tile's 4 pixels.*got 0"),
        ((5, 5), 4, 5, "got 5"),
    ],
)
def test_impossible_tilings_are_refused(
    shape: tuple[int, int], tile: int, step: int, reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        Tiling(shape, tile=tile, step=step)


def test_what_does_not_fit_is_refused() -> None:
    tiling = Tiling((9, 11), tile=4, step=2)
    with pytest.raises(InputError, match=r"max_rows must be at least 4.*got 3"):
        tiling.row_blocks(3)
    with pytest.raises(InputError, match=r"array must have shape \(9, 11\)"):
        tiling.cut(np.zeros((9, 10)), 0)
    with pytest.raises(InputError, match=f"index must be from 0 to {len(tiling) - 1}, got -1"):
        tiling.cut(np.zeros((9, 11)), -1)
    block = next(tiling.row_blocks(4))
    with pytest.raises(InputError, match="index must be of a tile in rows"):
        tiling.cut(np.zeros((block.rows.stop, 11)), len(tiling) - 1, block=block)
    with pytest.raises(InputError, match="values must have shape"):
        blend_tiles(tiling, np.zeros((3, 2)))
    with pytest.raises(InputError, match="mask must be bool"):
        masked_fractions(tiling, np.zeros((9, 11)))
    with pytest.raises(InputError, match="n_values"):
        OverlapAverage(tiling, 0)
    average = OverlapAverage(tiling, 1)
    with pytest.raises(InputError, match="values must have shape"):
        average.add(np.zeros((2, 1)))
    for _ in tiling.rows:
        average.add(np.zeros((len(tiling.columns), 1)))
    with pytest.raises(InputError, match="have been added"):
        average.add(np.zeros((len(tiling.columns), 1)))
