"""A run tells how far it is, and can be stopped and resumed from outside."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import equiclust
from data_adapters import read
from ensembles.recipes import Recipe
from equiclust.cli import main
from equiclust.exceptions import StoppedError
from equiclust.io.progress_record import read_progress
from equiclust.io.training_record import read_training
from equiclust.pipeline.settings import RunSettings
from tests.cli.conftest import run_arguments
from tests.pipeline.test_execution import SMALL

pytestmark = [
    pytest.mark.usefixtures("hurried"),
    pytest.mark.filterwarnings("ignore:the perceptual term is off"),
    pytest.mark.filterwarnings("ignore:The perceptual term is off"),
]


def _stopping(folder: Path, stage: str, done: int) -> Any:
    """A callback that asks for a stop at some point of a stage."""

    def ask(now: str, number: int, total: int | None, remark: str) -> None:
        if (now, number) == (stage, done):
            (folder / "stop").touch()

    return ask


@pytest.mark.parametrize(
    ("stage", "done", "n_epochs"), [("training", 2, 2), ("confounders", 0, 3), ("clustering", 0, 3)]
)
def test_a_run_that_is_stopped_goes_on_with_the_same_result(
    discs: Path, finished: Path, tmp_path: Path, stage: str, done: int, n_epochs: int
) -> None:
    folder = tmp_path / "run"
    with pytest.raises(StoppedError):
        equiclust.run(discs, folder, **SMALL, on_progress=_stopping(folder, stage, done))
    assert not (folder / "stop").exists()
    told = read_progress(folder)
    assert (told.stage, told.stopped, told.finished) == (stage, True, None)
    assert not told.is_running
    assert len(read_training(folder).members[0].epochs) == n_epochs
    run = equiclust.run(discs, folder, **SMALL)
    np.testing.assert_array_equal(run.latents, equiclust.open_run(finished).latents)
    told = read_progress(folder)
    assert told.finished is not None
    assert told.error is None


def test_an_old_request_stops_nothing(discs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(StoppedError):
        equiclust.run(discs, folder, **SMALL, on_progress=_stopping(folder, "training", 1))
    (folder / "stop").touch()
    assert len(equiclust.run(discs, folder, **SMALL).labels) == 12
    assert not (folder / "stop").exists()


def test_the_command_says_how_to_go_on(
    discs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"

    def stop(*_: Any, **__: Any) -> None:
        raise StoppedError("asked for")

    with monkeypatch.context() as patch:
        patch.setattr("equiclust.pipeline.fitting.fit_and_write", stop)
        assert main(run_arguments(discs, folder)) == 130
    assert "stopped; repeat the command to resume" in capsys.readouterr().err
    told = read_progress(folder)
    assert main(list(told.command)) == 0
    assert equiclust.open_run(folder).folder.is_finished


def test_a_failure_is_told(discs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr("equiclust.pipeline.fitting.fit_and_write", fail)
    with pytest.raises(ValueError, match="a bug"):
        equiclust.run(discs, tmp_path / "run", **SMALL)
    told = read_progress(tmp_path / "run")
    assert (told.error, told.stopped) == ("a bug", False)


def test_a_run_that_cannot_tell_goes_on(
    discs: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("equiclust.io.progress_record.write_json", full)
    run = equiclust.run(discs, tmp_path / "run", **SMALL)
    np.testing.assert_array_equal(run.latents, equiclust.open_run(finished).latents)
    assert not run.folder.progress_json.exists()


def test_the_arguments_repeat_the_run_from_anywhere(
    discs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = RunSettings(str(discs), "run", Recipe().with_(n_folds=3), "cpu", 2)
    words = list(settings.arguments)
    assert words[:2] == ["run", str(discs)]
    assert words[words.index("--output") + 1] == str(tmp_path / "run")
    assert words[-4:] == ["--device", "cpu", "--n-jobs", "2"]
    assert shlex.split(settings.command)[1:] == [
        "run" if word == str(tmp_path / "run") else word for word in words[:-4]
    ]
    assert RunSettings(read(discs).images, "run", Recipe()).arguments == ()
