"""Statistics of texture turn with the map, and see neither brightness nor what is masked."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, rotate

from data_adapters.sky.tiling import Tiling
from equiclust.segmentation.texture_statistics import (
    n_statistics,
    statistics_reach,
    texture_statistics,
)


def field(shape: tuple[int, int], sigma: float = 1.5, seed: int = 0) -> np.ndarray:
    grain = gaussian_filter(np.random.default_rng(seed).normal(size=shape), sigma)
    return (grain / grain.std()).astype(np.float32)


def statistics(plane: np.ndarray, tile: int, step: int) -> np.ndarray:
    tiling = Tiling(plane.shape, tile=tile, step=step)
    return texture_statistics(plane, tiling.rows, tiling.columns, tile=tile)


@pytest.mark.parametrize("tile", [8, 15, 16, 32])
def test_they_turn_with_the_map(tile: int) -> None:
    plane = field((60, 75))
    plane[20:28, 30:50] = np.nan
    found = statistics(plane, tile, 4)
    assert found.shape[-1] == n_statistics(tile)
    for change in (lambda x: np.rot90(x), lambda x: x[::-1], lambda x: np.rot90(x, 2)):
        again = statistics(np.ascontiguousarray(change(plane)), tile, 4)
        np.testing.assert_allclose(again, change(found), rtol=1e-9, atol=1e-9)


def bands_by_scipy(plane: np.ndarray, tiling: Tiling) -> np.ndarray:
    """Share, skewness and sparsity of the bands, everything filtered at every pixel."""
    seen, tile = np.isfinite(plane), tiling.tile
    sigmas = [0.8, 1.2]
    while sigmas[-1] * 1.5 <= 0.19 * tile:
        sigmas.append(1.5 * sigmas[-1])
    sigmas.append(1.5 * sigmas[-1])

    def smooth(values: np.ndarray, sigma: float) -> np.ndarray:
        return gaussian_filter(values.astype(np.float64), sigma, truncate=3.0)

    known = np.where(seen, plane, 0.0)
    known = np.where(seen, known, smooth(known, sigmas[-1]) / smooth(seen, sigmas[-1]))

    def average(values: np.ndarray) -> np.ndarray:
        full = [smooth(one, 0.1 * tile) for one in (values * seen, seen)]
        middles = [
            [np.clip(starts + half, 0, n - 1) for half in ((tile - 1) // 2, tile // 2)]
            for starts, n in zip((tiling.rows, tiling.columns), plane.shape, strict=True)
        ]
        total, share = (
            np.mean([one[np.ix_(y, x)] for y in middles[0] for x in middles[1]], axis=0)
            for one in full
        )
        return total / share

    scales = [known.astype(np.float64), *(smooth(known, sigma) for sigma in sigmas)]
    # So little that it shows only where there is next to no power.
    floor = 1e-9
    contrast = average((scales[1] - scales[-1]) ** 2) + floor
    found = []
    for fine, coarse in pairwise(scales):
        band = fine - coarse
        power = average(band**2) + floor
        found.append(np.log(power / contrast + 1e-4))
        found.append(average(band**3) / power**1.5)
        found.append(np.log(average(np.abs(band)) ** 2 / power + 1e-4))
    return np.stack(found, axis=-1)


@pytest.mark.parametrize(("tile", "step"), [(15, 4), (16, 4), (32, 8), (64, 8)])
@pytest.mark.parametrize("masked", [False, True])
def test_bands_are_those_of_filters_at_every_pixel(tile: int, step: int, masked: bool) -> None:
    plane = field((90, 75))
    if masked:
        plane[20:28, 30:50] = np.nan
        plane[:3] = np.nan
    expected = bands_by_scipy(plane, Tiling(plane.shape, tile=tile, step=step))
    found = statistics(plane, tile, step)[..., : expected.shape[-1]]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_at_other_angles_they_change_less_than_between_textures() -> None:
    plane = field((160, 160), 2.0)
    turned = rotate(plane, 30.0, reshape=False, order=5, mode="reflect")
    centre = np.array([64])
    straight, other = (
        texture_statistics(one, centre, centre, tile=32)[0, 0] for one in (plane, turned)
    )
    finer = texture_statistics(field((160, 160), 1.2), centre, centre, tile=32)[0, 0]
    assert np.linalg.norm(other - straight) < 0.1 * np.linalg.norm(finer - straight)


def test_contrast_and_level_change_little() -> None:
    plane = field((64, 64))
    found = statistics(plane, 32, 8)
    np.testing.assert_allclose(statistics(3.0 * plane + 7.0, 32, 8), found, atol=1e-3)


def test_what_is_masked_is_not_seen() -> None:
    plane = field((64, 64))
    hidden = np.zeros(plane.shape, dtype=bool)
    hidden[20:30, 25:45] = True
    found = statistics(np.where(hidden, np.nan, plane), 16, 4)
    assert np.isfinite(found).all()
    assert not np.allclose(found, statistics(plane, 16, 4))
    # Around a hole of any size the statistics stay those of the texture.
    whole = statistics(plane, 16, 4)
    assert np.abs(found - whole).max() < 5.0 * whole.std(axis=(0, 1)).max()


def test_they_do_not_depend_on_what_lies_beyond_their_reach() -> None:
    plane = field((300, 50))
    tile = 16
    reach = statistics_reach(tile)
    row = np.array([150 - tile // 2])
    columns = np.arange(0, 34, 8)
    found = texture_statistics(plane, row, columns, tile=tile)
    top, bottom = 150 - reach, 150 + reach
    part = texture_statistics(plane[top:bottom], row - top, columns, tile=tile)
    np.testing.assert_array_equal(part, found)
