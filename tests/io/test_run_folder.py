"""A run folder belongs to one run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equiclust.exceptions import InputError, OutputError
from equiclust.io.run_folder import RunFolder

CONFIG: dict[str, Any] = {
    "inputs": ["a.fits", "ü.fits"],
    "seed": np.int64(3),
    "size": (64, 64),
    "nested": {"weight": np.float32(0.5), "path": Path("x")},
}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_everything_has_its_place(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "a" / "run", CONFIG)
    expected = """catalogue.ecsv catalogue.fits latents.fits confounders.ecsv rejected.ecsv
        metrics.json invariance.json config.json model checkpoints previews.npz report.html
        run.log"""
    for name in expected.split():
        assert getattr(run, name.replace(".", "_")) == tmp_path / "a" / "run" / name
    assert list(contents(run.path)) == ["config.json"]


def test_the_same_run_is_taken_up_again_finished_or_not(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", CONFIG)
    assert not run.is_finished
    run.run_log.write_text("half way")
    before = contents(run.path)
    assert RunFolder.create(run.path, dict(reversed(CONFIG.items()))) == run
    run.catalogue_ecsv.write_text("")
    assert RunFolder.create(str(run.path), CONFIG).is_finished
    assert RunFolder.open(run.path).read_config() == {
        "inputs": ["a.fits", "ü.fits"],
        "seed": 3,
        "size": [64, 64],
        "nested": {"weight": 0.5, "path": "x"},
    }
    assert contents(run.path) == {**before, "catalogue.ecsv": b""}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 4}, "seed is 3 there and 4 here"),
        ({"new": 1}, "new is absent there and 1 here"),
        ({"new": None}, "new is absent there and None here"),
        ({"nested": {}}, "nested is"),
    ],
)
def test_another_run_is_refused_and_kept(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    run = RunFolder.create(tmp_path / "run", CONFIG)
    before = contents(run.path)
    with pytest.raises(OutputError, match=rf"run'.*another run.*{words}.*choose another folder"):
        RunFolder.create(run.path, {**CONFIG, **change})
    assert contents(run.path) == before


@pytest.mark.parametrize("name", ["holiday.jpg", "config.json", "catalogue.ecsv"])
def test_foreign_files_are_refused_and_kept(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("{}")
    with pytest.raises(OutputError, match=rf"something else \({name}\).*choose another folder"):
        RunFolder.create(tmp_path, CONFIG)
    assert contents(tmp_path) == {name: b"{}"}


def test_an_empty_folder_and_one_left_by_a_killed_write_are_fine(tmp_path: Path) -> None:
    (tmp_path / ".partial-abc").mkdir()
    (tmp_path / ".lock").touch()
    assert RunFolder.create(tmp_path, CONFIG).config_json.is_file()


def test_a_file_and_an_unwritable_place_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / ("x" * 300)):
        with pytest.raises(OutputError, match=r"choose (another folder|an output)"):
            RunFolder.create(path, CONFIG)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_read_only_run_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    RunFolder.create(tmp_path / "run", CONFIG)
    # The owner of every file may write everywhere, so the answer is given in the system's place.
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(OutputError, match="read-only"):
        RunFolder.create(tmp_path / "run", CONFIG)


def test_only_finished_runs_are_opened(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match="is not the folder of a run"):
            RunFolder.open(path)
    run = RunFolder.create(tmp_path / "run", CONFIG)
    with pytest.raises(InputError, match="not finished"):
        RunFolder.open(run.path)
