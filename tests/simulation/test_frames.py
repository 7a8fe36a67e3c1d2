"""Simulated detector frames: counts, classes and truth, and the NeXus file that holds them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import poisson

from equiclust.exceptions import InputError, OutputError
from equiclust.pipeline.simulated_frames import write_frames
from equiclust.simulation.diffraction import detector_modules, poisson_counts
from equiclust.simulation.frames import FRAME_CLASSES, SATURATION, simulate_frames

h5py = pytest.importorskip("h5py")
pytest.importorskip("hdf5plugin")


@pytest.mark.parametrize("mean", [0.0, 0.4, 3.0, 120.0, 2400.0, 5000.0])
def test_counts_are_poisson_distributed(mean: float) -> None:
    # The mean is rounded by a twentieth of the noise: the distribution function moves by 0.02.
    counts = poisson_counts(np.full((200, 200), mean, np.float32), np.random.default_rng(0))
    n = counts.size
    assert counts.mean() == pytest.approx(mean, abs=5 * np.sqrt(mean / n) + 0.05 * np.sqrt(mean))
    values = np.arange(int(mean + 8 * np.sqrt(mean) + 10))
    cumulative = np.searchsorted(np.sort(counts, axis=None), values, side="right") / n
    assert np.abs(cumulative - poisson.cdf(values, mean)).max() < 0.03


def test_as_many_frames_as_asked_for_are_unusable_and_the_seed_decides() -> None:
    frames, truth = simulate_frames(600, size=32, bad_fraction=0.25, random_state=4)
    again, _ = simulate_frames(600, size=32, bad_fraction=0.25, random_state=4)
    other, _ = simulate_frames(600, size=32, bad_fraction=0.25, random_state=5)
    np.testing.assert_array_equal(frames, again)
    assert not np.array_equal(frames, other)
    assert np.count_nonzero(~truth["usable"]) == 150
    assert set(truth["class"]) == set(FRAME_CLASSES)
    assert np.array_equal(truth["usable"], truth["class"] == "usable")


def test_every_class_shows_what_it_is_named_after() -> None:
    frames, truth = simulate_frames(600, size=64, bad_fraction=0.5, random_state=1)
    gaps = detector_modules(64) < 0
    mask_value = np.iinfo(np.uint16).max
    assert np.all(frames[:, gaps] == mask_value)
    pixels = frames[:, ~gaps].astype(np.int64)
    usable = pixels[truth["class"] == "usable"]
    assert usable.max() < SATURATION
    usual = np.median(usable)
    of = {name: pixels[truth["class"] == name] for name in FRAME_CLASSES}
    assert of["empty"].max() == 0
    assert np.median(of["beam_loss"]) < 0.06 * usual
    assert np.median(of["shutter"]) < 0.8 * usual
    assert np.all((of["saturated"] == SATURATION).any(axis=1))
    dead = (of["dead_module"] == 0) | (of["dead_module"] == mask_value)
    assert np.all(dead.mean(axis=1) > 0.1)
    assert np.all((of["hot_pixels"] >= 3000).sum(axis=1) >= 2)


def test_a_scan_begins_with_the_frames_of_its_opening_shutter() -> None:
    _, truth = simulate_frames(400, size=32, bad_fraction=0.5, random_state=0)
    shutter = np.flatnonzero(truth["class"] == "shutter")
    np.testing.assert_array_equal(shutter, np.arange(len(shutter)))


@pytest.mark.parametrize(
    ("name", "value"), [("n", 0), ("size", 8), ("bad_fraction", 1.5), ("dtype", "int8")]
)
def test_illegal_arguments_are_named(name: str, value: object) -> None:
    with pytest.raises(InputError, match=name):
        simulate_frames(**{"n": 2, "size": 32, name: value})


def test_the_file_holds_the_simulated_frames_as_nexus(tmp_path: Path) -> None:
    path = tmp_path / "frames.h5"
    options = {"size": 32, "bad_fraction": 0.5, "dtype": "uint32", "random_state": 2}
    written = write_frames(path, 30, **options)
    frames, truth = simulate_frames(30, **options)
    assert (written.n_frames, written.n_bad) == (30, 15)
    with h5py.File(path) as file:
        entry = file[file.attrs["default"]]
        data = entry[entry.attrs["default"]]
        np.testing.assert_array_equal(data[data.attrs["signal"]], frames)
        names = np.array(entry["truth/class"].attrs["names"])
        assert list(names[entry["truth/class"]]) == list(truth["class"])
        np.testing.assert_array_equal(entry["truth/usable"][()].astype(bool), truth["usable"])
        np.testing.assert_array_equal(
            entry["instrument/detector/pixel_mask"][()] > 0, detector_modules(32) < 0
        )


def test_what_is_there_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "frames.h5"
    path.write_text("mine")
    with pytest.raises(OutputError, match="there already"):
        write_frames(path, 2, size=32)
    assert path.read_text() == "mine"
    with pytest.raises(InputError, match=r"\.h5"):
        write_frames(tmp_path / "frames.fits", 2, size=32)
