"""Simulated frames with their features, shared by the tests of the filter."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from data_adapters.frames import open_frames
from equiclust.filtering.calibration import calibrate
from equiclust.filtering.features import FrameFeatures, Measure
from equiclust.pipeline.simulated_frames import write_frames
from equiclust.typing import BoolArray

pytest.importorskip("h5py")
pytest.importorskip("hdf5plugin")


class Simulated(NamedTuple):
    path: Path
    features: FrameFeatures
    measure: Measure
    usable: BoolArray


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Filterings whose report nobody reads: it is empty."""
    monkeypatch.setattr("equiclust.filtering.job.write_page", lambda path, **_: path.touch())
    monkeypatch.setattr("equiclust.filtering.job.average_frames", lambda *_: [])


@pytest.fixture(autouse=True)
def without_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that do not crash HDF5 are not read in another process first, which takes a while."""
    monkeypatch.setattr("data_adapters.frames.crashes._survived", lambda tasks: (len(tasks), ""))


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Simulated]:
    """Frames of 64 pixels by their number, the share of unusable ones, and the seed."""
    folder = tmp_path_factory.mktemp("frames")

    @cache
    def make(n: int, bad_fraction: float, seed: int = 0) -> Simulated:
        import h5py

        path = folder / f"{n}_{bad_fraction}_{seed}.h5"
        write_frames(path, n, size=64, bad_fraction=bad_fraction, random_state=seed)
        with h5py.File(path) as file:
            frames = file["entry/data/data"][()]
            usable = file["entry/truth/usable"][()].astype(bool)
        series = open_frames(path).series
        measure = calibrate(series)
        series.stacks[0].close()
        return Simulated(path, measure(frames), measure, np.asarray(usable))

    return make
