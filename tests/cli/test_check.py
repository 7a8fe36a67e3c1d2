"""`check` passes what is invariant, fails what is not, and says so by its exit status."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from equiclust.cli import main
from equiclust.evaluation.invariance import Certificate
from equiclust.io.atomic import read_json
from tests.cli.conftest import run_arguments


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "copy")
    return tmp_path / "copy"


def test_an_invariant_run_passes(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copy / "invariance.json").unlink()
    assert main(["check", str(copy)]) == 0
    said = capsys.readouterr().out
    assert "Invariance PASSED" in said
    assert "baseline" in said
    assert "before preprocessing" in said
    certificate = Certificate.from_dict(read_json(copy / "invariance.json"))
    assert certificate.passed
    assert certificate.shape == (1, 32, 32)
    assert certificate.mirror
    assert certificate.ours.d4.n_elements == 8
    assert certificate.ours.d4.flip_rate == 0.0


@pytest.mark.usefixtures("hurried")
def test_json_is_the_certificate(
    copy: Path, discs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = [str(discs / f"disc_0000{i}.fits") for i in range(4)]
    assert main(["check", str(copy), *images, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    conditions = record.pop("conditions")
    assert conditions["n_images"] == 4
    assert conditions["baseline"] == "a non-equivariant network trained on simulated images"
    assert conditions["baseline_epochs"] == 0
    assert Certificate.from_dict(record).n_images == 4


@pytest.mark.usefixtures("hurried")
def test_a_plain_network_is_trained_where_none_comes_with_the_package(
    copy: Path,
    discs: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = "equiclust.pipeline.model_certificate.pretrained_plain_autoencoder"
    monkeypatch.setattr(name, lambda size, channels: None)
    assert main(["check", str(copy), str(discs)]) == 0
    said = capsys.readouterr().out
    assert "a non-equivariant network trained on these images, for 1 epochs" in said
    conditions = read_json(copy / "metrics.json")["check"]
    assert conditions["baseline_epochs"] == 1
    assert "of a non-equivariant network trained on these images by" in conditions["sentence"]


@pytest.mark.usefixtures("hurried")
def test_a_plain_network_fails(
    discs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "plain"
    assert main(run_arguments(discs, run, "--group", "trivial", "--max-epochs", "1")) == 0
    assert "FAILED" in capsys.readouterr().out
    assert main(["check", str(run)]) == 1
    assert "Invariance FAILED" in capsys.readouterr().out
    assert not Certificate.from_dict(read_json(run / "invariance.json")).passed
    assert read_json(run / "metrics.json")["check"]["files_d4_error"] > 1e-4


@pytest.mark.usefixtures("hurried")
def test_a_network_that_knows_no_mirrors_is_not_asked_for_them(discs: Path, tmp_path: Path) -> None:
    run = tmp_path / "turns"
    assert main(run_arguments(discs, run, "--group", "C4", "--max-epochs", "1")) == 0
    certificate = Certificate.from_dict(read_json(run / "invariance.json"))
    assert certificate.passed
    assert not certificate.mirror
    assert certificate.ours.d4.n_elements == 4
    assert read_json(run / "metrics.json")["check"]["files_d4_error"] < 1e-5


@pytest.mark.usefixtures("hurried")
def test_a_run_whose_images_are_gone_says_so(
    discs: Path, copy: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    config = read_json(copy / "config.json")
    config["config"]["inputs"] = [str(tmp_path / "moved")]
    (copy / "config.json").write_text(json.dumps(config))
    sentence = refused("check", str(copy))
    assert "no longer where they were" in sentence
    assert "moved" in sentence
    assert main(["check", str(copy), str(discs)]) == 0


def test_no_run_and_too_few_images(
    copy: Path, discs: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    assert "not the folder of a run" in refused("check", str(tmp_path / "none"))
    assert "at least 2" in refused("check", str(copy), str(discs / "disc_00000.fits"))
