"""`filter` and `simulate frames` end to end, and their errors in one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from equiclust.cli import main

h5py = pytest.importorskip("h5py")
pytest.importorskip("hdf5plugin")


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("frames") / "frames.h5"
    words = ["simulate", "frames", "-n", "300", "--size", "64", "--bad-fraction", "0.2"]
    assert main([*words, "--seed", "3", "--output", str(path)]) == 0
    return path


def test_frames_are_filtered_and_watched(
    frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["filter", str(frames), "--output", str(tmp_path / "kept.h5"), "--json"]
    assert main([*words, "--watch", str(frames.parent), "--poll", ".05", "--timeout", ".2"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["n_frames"] == 300
    assert record["n_usable"] + record["n_unusable"] + record["n_uncertain"] == 300
    assert record["watched"]["n_usable"] == record["n_usable"]
    with h5py.File(frames) as truth, h5py.File(record["output"]) as kept:
        right = truth["entry/truth/usable"][()] == kept["entry/keep"][()]
    assert np.mean(right) >= 0.99


def test_errors_are_one_sentence(frames: Path, tmp_path: Path, refused: Callable[..., str]) -> None:
    output = str(tmp_path / "kept.h5")
    assert "FRAMES must be named" in refused("filter", "--output", output)
    (tmp_path / "cut.h5").write_bytes(frames.read_bytes()[:-5000])
    assert "truncated" in refused("filter", str(tmp_path / "cut.h5"), "--output", output)
    said = refused("filter", str(frames), "--dataset", "/no", "--output", output)
    assert said.startswith("equiclust: error: --dataset '/no' is missing")
    said = refused("filter", str(frames), "--reference", "900", "--output", output)
    assert said.startswith("equiclust: error: --reference '900' must be below 300")
    said = refused("simulate", "frames", "-n", "3", "--views", "2", "--output", output)
    assert "views is for discs" in said
    said = refused("simulate", "frames", "-n", "3", "--bad-fraction", "2", "--output", output)
    assert "bad" in said
    assert "2" in said
