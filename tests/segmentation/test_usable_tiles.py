"""Tiles are usable where the patches that are cut out are."""

from __future__ import annotations

import numpy as np
import pytest

from data_adapters.sky.tiling import Tiling
from equiclust.segmentation import usable_tiles as module
from equiclust.segmentation.pairs import usable
from equiclust.segmentation.usable_tiles import usable_tiles


def one_by_one(plane: np.ndarray, tiling: Tiling, rows: range) -> np.ndarray:
    indices = range(tiling.indices(rows.start).start, tiling.indices(rows.stop - 1).stop)
    cut = np.stack([tiling.cut(plane, index) for index in indices])
    return usable(cut).reshape(len(rows), -1)


def plane_of(kind: str, seed: int) -> np.ndarray:
    """With parts that are masked, constant, or nearly so."""
    generator = np.random.default_rng(seed)
    plane = generator.normal(size=(101, 90)).astype(np.float32)
    plane[40:75, 10:50] = 3.0
    if kind == "holes":
        plane[generator.random(plane.shape) < 0.45] = np.nan
        plane[:30, 50:] = np.nan
    elif kind == "nearly constant":
        # Steps of the last digits on either side of what counts as a contrast.
        steps = generator.integers(0, 2, plane.shape)
        plane = (1.0 + 6e-7 * steps * (np.arange(90) // 20)).astype(np.float32)
    elif kind == "one bright pixel":
        plane[:] = 1.0
        plane[::17, ::13] = 1e6
    return plane


@pytest.mark.parametrize("kind", ["plain", "holes", "nearly constant", "one bright pixel"])
@pytest.mark.parametrize(("tile", "step"), [(8, 3), (15, 5), (16, 4), (64, 8), (128, 16)])
def test_they_are_those_that_are_cut_out_one_by_one(
    kind: str, tile: int, step: int, random_state: int
) -> None:
    plane = plane_of(kind, random_state)
    tiling = Tiling(plane.shape, tile=tile, step=step)
    for rows in (range(len(tiling.rows)), range(1, 3)):
        found = usable_tiles(plane, tiling, rows)
        np.testing.assert_array_equal(found, one_by_one(plane, tiling, rows))


def test_nearly_all_are_known_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[int] = []
    monkeypatch.setattr(
        module, "usable", lambda cut: looked_at.append(len(cut)) or np.ones(len(cut), dtype=bool)
    )
    plane = np.random.default_rng(0).normal(size=(400, 400)).astype(np.float32)
    tiling = Tiling(plane.shape, tile=16, step=4)
    usable_tiles(plane, tiling, range(len(tiling.rows)))
    assert sum(looked_at) < 0.1 * len(tiling)
