"""A write that fails, and a process that is killed at one, leave nothing half and lose nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from equiclust.cli import main
from equiclust.exceptions import OutputError
from equiclust.io.catalogue import read_table
from equiclust.pipeline.prediction import predict_catalogue
from equiclust.pipeline.results import open_run
from tests.field.faults import Scene, make_scenes, without_training_twice

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="faults strike in a forked child")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Scene]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EQUICLUST_WEIGHTS", str(tmp_path_factory.mktemp("weights")))
        without_training_twice(patch)
        yield make_scenes(tmp_path_factory.mktemp("material"))


def swept(*words: str) -> None:
    # In a process of its own: this one has threads, of which a forked child may wait for ever.
    command = [sys.executable, "-m", "tests.field.faults", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_few_faults() -> None:
    swept("--few")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        *("run", "segment", "predict", "predict again", "similar", "report", "check", "simulate"),
        *("cutouts", "cutouts folder", "cutouts store"),
    ],
)
def test_all_faults(name: str) -> None:
    swept(name)


def test_of_two_at_once_on_one_output_one_is_refused(
    scenes: dict[str, Scene], tmp_path: Path
) -> None:
    """One writes while the other begins; the result is whole and of the first."""
    words = scenes["predict"].words(tmp_path)
    run, images = open_run(words[1]), f"{words[2]}/disc_*.fits"
    refusals: list[str] = []

    def second(*_: object) -> None:
        if refusals:
            return
        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join()

    def attempt() -> None:
        try:
            predict_catalogue(run, images, output=tmp_path / "k.ecsv")
        except OutputError as error:
            refusals.append(str(error))

    first = predict_catalogue(run, images, output=tmp_path / "k.ecsv", on_progress=second)
    assert len(refusals) == 1
    assert "another process" in refusals[0]
    written = read_table(tmp_path / "k.ecsv")
    assert written["label"].tolist() == first.catalogue["label"].tolist()
    assert main(words) == 0
