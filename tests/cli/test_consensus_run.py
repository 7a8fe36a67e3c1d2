"""A run of several networks: what it tells of their votes, and that it can be repeated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equiclust.cli import main
from equiclust.io.atomic import read_json
from equiclust.io.catalogue import read_table
from tests.cli.conftest import N_DISCS, in_a_hurry, run_arguments

N_FOLDS = 3
FOLDS = [f"label_fold_{k:02d}" for k in range(N_FOLDS)]
ENSEMBLE = (
    *("--n-folds", str(N_FOLDS), "--n-jobs", "1", "--max-epochs", "1"),
    *("--encoder", "own", "--method", "auto", "--reliability", "1"),
)


@pytest.fixture(scope="module")
def voted(discs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of three networks that are hardly trained, and asked to be certain."""
    folder = tmp_path_factory.mktemp("runs") / "voted"
    with in_a_hurry():
        assert main(run_arguments(discs, folder, *ENSEMBLE)) == 0
    return folder


def catalogue(folder: Path) -> Any:
    return read_table(folder / "catalogue.ecsv")


def test_the_catalogue_has_every_vote(voted: Path) -> None:
    table = catalogue(voted)
    assert {"label", "stability", "agreement", "agreement_held_out", *FOLDS} <= set(table.colnames)
    assert f"label_fold_{N_FOLDS:02d}" not in table.colnames
    for name in ("stability", "agreement", "agreement_held_out"):
        assert np.all((np.asarray(table[name]) >= 0) & (np.asarray(table[name]) <= 1))
    for name in FOLDS:
        assert set(table[name]) <= {0, 1}


def test_an_ensemble_that_must_be_certain_leaves_images_out(voted: Path) -> None:
    labels = np.asarray(catalogue(voted)["label"])
    assert set(labels) <= {-1, 0, 1}
    stability = read_json(voted / "metrics.json")["stability"]
    assert stability["n_unassigned"] == np.sum(labels < 0) > 0
    assert stability["coverage"] == pytest.approx(np.mean(labels >= 0))
    assert stability["reliability_asked"] == 1


def test_the_metrics_tell_of_every_member(voted: Path) -> None:
    metrics = read_json(voted / "metrics.json")
    assert len(metrics["cluster_descriptions"]) == metrics["clusters"]["n_clusters"]
    assert {"ensemble", "stability", "nuisances", "perturbation", "histories"} <= set(metrics)
    assert [len(history) for history in metrics["histories"]] == [1] * N_FOLDS
    ensemble = metrics["ensemble"]
    assert ensemble["n_folds"] == N_FOLDS
    assert [member["fold"] for member in ensemble["members"]] == list(range(N_FOLDS))
    for member in ensemble["members"]:
        assert member["n_training"] + member["n_held_out"] == N_DISCS
        assert 0 <= member["agreement"] <= 1
    # Every image is hidden from as many members.
    hidden = sum(member["n_held_out"] for member in ensemble["members"])
    assert hidden == ensemble["held_out_folds"] * N_DISCS
    assert [row["coverage"] for row in metrics["stability"]["curve"]][-1] == 1
    assert metrics["perturbation"]["n"] == N_DISCS
    assert {row["name"] for row in metrics["nuisances"]}


def test_predict_repeats_the_labels_and_what_has_none(
    voted: Path, discs: Path, tmp_path: Path
) -> None:
    target = tmp_path / "again.ecsv"
    assert main(["predict", str(voted), str(discs), "--output", str(target)]) == 0
    again, first = read_table(target), catalogue(voted)
    for name in ("id", "label", *FOLDS):
        assert again[name].tolist() == first[name].tolist()
    assert -1 in again["label"]


@pytest.mark.usefixtures("hurried")
def test_check_passes_an_ensemble(voted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(voted)]) == 0
    assert "Invariance PASSED" in capsys.readouterr().out


@pytest.mark.usefixtures("hurried")
def test_the_recipe_of_a_run_repeats_it(voted: Path, discs: Path, tmp_path: Path) -> None:
    words = ["run", str(discs), "--output", str(tmp_path / "run"), "--n-jobs", "1"]
    assert main([*words, "--recipe", str(voted / "recipe.toml")]) == 0
    first, again = catalogue(voted), catalogue(tmp_path / "run")
    assert again.colnames == first.colnames
    for name in ("id", "label", "stability", *FOLDS):
        assert again[name].tolist() == first[name].tolist()
    recipes = [(folder / "recipe.toml").read_text() for folder in (voted, tmp_path / "run")]
    assert recipes[0] == recipes[1]


@pytest.mark.usefixtures("hurried")
def test_who_asks_for_no_reliability_gets_every_label(discs: Path, tmp_path: Path) -> None:
    ensemble = (*ENSEMBLE[:-1], "0", "--method", "kmeans")
    assert main(run_arguments(discs, tmp_path / "run", *ensemble)) == 0
    assert min(catalogue(tmp_path / "run")["label"]) == 0
    assert read_json(tmp_path / "run" / "metrics.json")["stability"]["n_unassigned"] == 0


def test_more_folds_than_pairs_of_images(
    discs: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    most = N_DISCS // 2
    sentence = refused(*run_arguments(discs, tmp_path / "run", "--n-folds", str(most + 1)))
    assert f"--n-folds must be at most half the number of images, got {most + 1}" in sentence
    assert f"use {most} or fewer" in sentence
    assert not (tmp_path / "run").exists()


def test_no_jobs_at_all(discs: Path, tmp_path: Path, refused: Callable[..., str]) -> None:
    sentence = refused(*run_arguments(discs, tmp_path / "run", "--n-jobs", "0"))
    assert "--n-jobs must be a whole number of at least 1, got 0" in sentence
    assert not (tmp_path / "run").exists()


def test_a_scheduler_that_does_not_answer(
    discs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("ensembles.backend._SECONDS_TO_CONNECT", 0.5)
    nobody = "tcp://127.0.0.1:9"
    assert main(run_arguments(discs, tmp_path / "run", "--scheduler", nobody)) == 2
    said = capsys.readouterr()
    assert said.out == ""
    (error,) = (line for line in said.err.splitlines() if "error" in line)
    assert error.startswith("equiclust: error: ")
    assert f"cannot reach the Dask scheduler {nobody!r}" in error
    assert "Traceback" not in said.err
    assert not (tmp_path / "run").exists()
