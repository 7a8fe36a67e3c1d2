"""A run as a library call: the same as the command, silent, resumable, one process at a time."""

from __future__ import annotations

import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import equiclust
from data_adapters import read
from equiclust.exceptions import EquiclustWarning, InputError, OutputError
from equiclust.io.locks import exclusive

SMALL: dict[str, Any] = {
    "n_clusters": 2,
    "n_folds": 1,
    "size": 32,
    "method": "kmeans",
    "latent_dim": 8,
    "max_epochs": 3,
    "reliability": 0.0,
    "pretrained": False,
}


@pytest.fixture(autouse=True)
def _perceptual_term_is_off() -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the perceptual term is off", EquiclustWarning)
        yield


@pytest.mark.usefixtures("hurried")
def test_the_call_does_what_the_command_does(
    discs: Path, finished: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    stages: list[str] = []
    run = equiclust.run(
        discs,
        tmp_path / "run",
        **SMALL,
        on_progress=lambda stage, done, total, remark: stages.append(stage),
    )
    command = equiclust.open_run(finished)
    np.testing.assert_array_equal(run.labels, command.labels)
    np.testing.assert_array_equal(run.latents, command.latents)
    assert run.catalogue["id"].tolist() == command.catalogue["id"].tolist()
    first = ["reading", "preprocessing", "training", "confounders", "clustering"]
    assert list(dict.fromkeys(stages))[:5] == first
    assert stages[-1] == "report"
    assert capfd.readouterr() == ("", "")
    assert "reading" in run.folder.run_log.read_text()


@pytest.mark.usefixtures("hurried")
def test_images_in_memory_are_sorted_as_from_files(
    discs: Path, finished: Path, tmp_path: Path
) -> None:
    images = read(discs).images
    run = equiclust.run(images, tmp_path / "run", **SMALL)
    np.testing.assert_array_equal(run.latents, equiclust.open_run(finished).latents)
    again = equiclust.run(images, tmp_path / "run", **SMALL)
    np.testing.assert_array_equal(again.labels, run.labels)
    with pytest.raises(OutputError, match="inputs is"):
        equiclust.run(images[1:], tmp_path / "run", **SMALL)


def test_a_recipe_gives_what_is_not_given(discs: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[images]\nsize = 33\n")
    with pytest.raises(InputError, match="size must be"):
        equiclust.run(discs, tmp_path / "run", recipe=tmp_path / "mine.toml")
    with pytest.raises(InputError, match="size must be"):
        equiclust.run(discs, tmp_path / "run", size=100)
    assert not (tmp_path / "run").exists()


def test_another_process_in_the_folder_is_refused(discs: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    code = (
        "import sys, equiclust\n"
        "try:\n"
        f"    equiclust.run({str(discs)!r}, {str(output)!r}, random_state=1)\n"
        "except equiclust.exceptions.OutputError as error:\n"
        "    sys.exit(str(error))\n"
    )
    with exclusive(output):
        words = [sys.executable, "-c", f"import equiclust.exceptions\n{code}"]
        second = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert second.returncode == 1
    assert "another process is writing it" in second.stderr
    assert not output.exists()


@pytest.mark.usefixtures("hurried")
def test_paths_from_an_iterator_are_recorded(discs: Path, tmp_path: Path) -> None:
    run = equiclust.run(discs.glob("*.fits"), tmp_path / "run", **SMALL)
    names = run.folder.read_config()["inputs"]
    assert sorted(names) == sorted(map(str, discs.glob("*.fits")))
    with pytest.raises(OutputError, match="inputs is"):
        equiclust.run(discs.glob("*0.fits"), tmp_path / "run", **SMALL)


@pytest.mark.usefixtures("hurried")
def test_a_run_among_its_inputs_is_not_read(discs: Path, finished: Path, tmp_path: Path) -> None:
    images = tmp_path / "images"
    shutil.copytree(discs, images)
    shutil.copytree(finished, images / "earlier")
    assert read(images).images.ids == read(discs).images.ids
    # An explicit name is obeyed.
    assert len(read(images / "earlier" / "previews.npz").images) > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"inputs": None}, "inputs must be a path"),
        ({"inputs": [3]}, "inputs must be a path"),
        ({"inputs": object()}, "inputs must be a path"),
        ({"output": ""}, "output must be the path"),
        ({"output": None}, "output must be the path"),
        ({"recipe": {}}, "recipe must be a name"),
        ({"random_state": -1}, "random_state must be"),
        ({"device": "gpu"}, "device must be one of auto"),
        ({"n_jobs": 0}, "n_jobs must be"),
    ],
)
def test_arguments_that_cannot_be_used(
    arguments: dict[str, Any], said: str, discs: Path, tmp_path: Path
) -> None:
    given = {"inputs": discs, "output": tmp_path / "run", **arguments}
    with pytest.raises(InputError, match=said):
        equiclust.run(**given)
    assert not (tmp_path / "run").exists()
