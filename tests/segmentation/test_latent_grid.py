from pathlib import Path

import numpy as np

from data_adapters.sky.tiling import Tiling
from equiclust.segmentation.latent_grid import LatentGrid


def grid_of(path: Path, values: np.ndarray, tiling: Tiling) -> LatentGrid:
    grid = LatentGrid(path, tiling, n_planes=len(values), n_values=values.shape[-1])
    for plane, rows in enumerate(values):
        grid.put(plane, range(len(rows)), rows)
    return grid


def latents(tiling: Tiling, n_planes: int = 1, seed: int = 0) -> np.ndarray:
    shape = (n_planes, len(tiling.rows), len(tiling.columns), 3)
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


TILING = Tiling((100, 80), tile=16, step=4)


def test_smoothing_keeps_what_is_constant_and_leaves_out_what_is_missing(tmp_path: Path) -> None:
    values = np.full_like(latents(TILING), 2.5)
    values[0, 5:9, 3] = np.nan
    smooth = grid_of(tmp_path / "l.bin", values, TILING).smoothed(0, range(len(TILING.rows)))
    assert np.array_equal(np.isnan(smooth), np.isnan(values[0]))
    np.testing.assert_allclose(smooth[np.isfinite(smooth)], 2.5, rtol=1e-6)


def test_smoothing_turns_with_the_map_and_does_not_depend_on_the_rows_read(tmp_path: Path) -> None:
    values = latents(TILING)
    values[0, 2, 2] = np.nan
    grid = grid_of(tmp_path / "l.bin", values, TILING)
    whole = grid.smoothed(0, range(len(TILING.rows)))
    np.testing.assert_array_equal(grid.smoothed(0, range(7, 9)), whole[7:9])
    other = Tiling((80, 100), tile=16, step=4)
    rotated = np.ascontiguousarray(np.rot90(values, axes=(1, 2)))
    again = grid_of(tmp_path / "t.bin", rotated, other).smoothed(0, range(len(other.rows)))
    np.testing.assert_allclose(again, np.rot90(whole, axes=(0, 1)), atol=1e-6)


def test_a_stopped_grid_goes_on_after_the_last_row(tmp_path: Path) -> None:
    values = latents(TILING, 2)
    grid = LatentGrid(tmp_path / "l.bin", TILING, n_planes=2, n_values=3)
    n_rows = len(TILING.rows)
    assert len(list(grid.todo())) == 2 * n_rows
    grid.put(0, range(n_rows), values[0])
    grid.put(1, range(4), values[1, :4])
    again = LatentGrid(tmp_path / "l.bin", TILING, n_planes=2, n_values=3)
    assert next(again.todo()) == (1, 4)
    again.put(1, range(4, n_rows), values[1, 4:])
    assert list(again.todo()) == []


def test_a_sample_is_of_the_tiles_there_are(tmp_path: Path) -> None:
    values = latents(TILING, 2)
    values[0, :3] = np.nan
    grid = grid_of(tmp_path / "l.bin", values, TILING)
    n = int(np.isfinite(values[..., 0]).sum())
    every = grid.sample(10**6, seed=0)
    assert every.shape == (n, 3)
    assert np.isfinite(every).all()
    few = grid.sample(50, seed=1, rows_at_once=5)
    assert few.shape == (50, 3)
    assert {tuple(row) for row in few} <= {tuple(row) for row in every}
    np.testing.assert_array_equal(few, grid.sample(50, seed=1, rows_at_once=64))
