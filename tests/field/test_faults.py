"""A write that fails, and a process that is killed at one, leave nothing half and lose nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from equiclust.cli import main
from equiclust.exceptions import OutputError
from equiclust.io.catalogue import read_table
from equiclust.pipeline.prediction import predict_catalogue
from equiclust.pipeline.results import open_run
from tests.field.fault_injection import Kind
from tests.field.faults import KINDS, Scene, make_scenes, sweep, without_training_twice

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="faults strike in a forked child")

# The first writes, some on the way, and the last ones, where files take their places.
_FEW = {"predict": (9, -6), "segment": (-30,), "run": (-30,)}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Scene]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EQUICLUST_WEIGHTS", str(tmp_path_factory.mktemp("weights")))
        without_training_twice(patch)
        yield make_scenes(tmp_path_factory.mktemp("material"))


@pytest.mark.parametrize(("name", "kind"), [("predict", kind) for kind in KINDS])
def test_a_few_faults(scenes: dict[str, Scene], tmp_path: Path, name: str, kind: Kind) -> None:
    assert sweep(scenes[name], tmp_path, kind, _FEW[name]) == []


@pytest.mark.parametrize("name", ["run", "segment"])
def test_a_kill_while_files_take_their_places(
    scenes: dict[str, Scene], tmp_path: Path, name: str
) -> None:
    assert sweep(scenes[name], tmp_path, "killed", _FEW[name]) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name",
    ["run", "segment", "predict", "predict again", "similar", "report", "check", "simulate"],
)
def test_all_faults(scenes: dict[str, Scene], tmp_path: Path, name: str, kind: Kind) -> None:
    assert sweep(scenes[name], tmp_path, kind) == []


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
