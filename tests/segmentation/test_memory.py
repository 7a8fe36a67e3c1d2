"""What a segmentation says it needs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from data_adapters.sky.sky_map import SkyMap, open_sky_map
from equiclust.exceptions import InputError
from equiclust.memory import parse_bytes
from equiclust.segmentation.memory import MemoryEstimate, estimate_memory
from equiclust.segmentation.options import SegmentOptions


@pytest.fixture
def sky(tmp_path: Path) -> SkyMap:
    path = tmp_path / "map.fits"
    fits.PrimaryHDU(np.zeros((64, 64), np.float32)).writeto(path)
    return open_sky_map(path)


def _needed(estimate: MemoryEstimate) -> int:
    found = re.search(r"at most ([0-9.]+ .?B) of memory", estimate.summary)
    assert found is not None
    return parse_bytes(found[1])


@pytest.mark.parametrize("encoder", ["statistics", "own"])
def test_processes_that_do_not_fit_are_not_started(sky: SkyMap, encoder: str) -> None:
    options = SegmentOptions(encoder=encoder).for_shape(sky.shape[1:])
    one = _needed(estimate_memory(sky, options, n_jobs=1))
    two = _needed(estimate_memory(sky, options, n_jobs=2))
    assert one < two
    between = f"{(one + two) // 2}"
    assert estimate_memory(sky, options, between, 2).n_jobs == 1
    assert estimate_memory(sky, options, f"{two + 10**7}", 2).n_jobs == 2
    with pytest.raises(InputError, match="max_memory is 10MB, but the map needs"):
        estimate_memory(sky, options, "10MB", 2)


def test_one_process_is_enough_where_nothing_is_chosen(sky: SkyMap) -> None:
    auto, known = (SegmentOptions(n_clusters=k).for_shape(sky.shape[1:]) for k in ("auto", 3))
    assert _needed(estimate_memory(sky, known, n_jobs=2)) == _needed(
        estimate_memory(sky, auto, n_jobs=2, learns=False)
    )
    assert _needed(estimate_memory(sky, known, n_jobs=2)) < _needed(
        estimate_memory(sky, auto, n_jobs=2)
    )
