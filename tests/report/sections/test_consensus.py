"""The consensus section: nothing invented, nothing lost, whatever was recorded."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import adjusted_rand_score

from equiclust.report.contents import Contents, read_contents
from equiclust.report.sections.consensus import ConsensusSection, agreement_matrix, make_consensus
from equiclust.report.sections.training import make_training
from tests.report.ensemble_folder import make_ensemble_run
from tests.report.folders import make_run

SCORES = {"mse": 0.0012, "ms_ssim": 0.98, "psnr": 29.2}
BETTER = {"mse": 0.0006, "ms_ssim": 0.99, "psnr": 32.2}


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> Contents:
    return read_contents(make_ensemble_run(tmp_path_factory.mktemp("ensemble") / "run"))


def consensus_of(contents: Contents, ensemble: Any) -> ConsensusSection:
    return make_consensus(dataclasses.replace(contents, metrics={"ensemble": ensemble}))


def test_every_member_has_its_line(contents: Contents) -> None:
    consensus = make_consensus(contents)
    members = contents.metrics["ensemble"]["members"]
    assert [row.name for row in consensus.members] == [f"fold {k}" for k in range(10)]
    for row, member in zip(consensus.members, members, strict=True):
        assert row.cells[:2] == (str(member["n_training"]), str(member["n_held_out"]))
        assert float(row.cells[2]) == pytest.approx(member["held_out"]["mse"], rel=0.01)
        assert float(row.cells[3]) == pytest.approx(member["held_out"]["ms_ssim"], abs=1e-4)
        assert float(row.cells[4]) == pytest.approx(member["held_out"]["psnr"], abs=0.01)
        assert int(row.cells[5][:-2]) == pytest.approx(100 * member["agreement"], abs=0.51)
        assert float(row.cells[6]) == pytest.approx(member["seconds"], abs=0.06)


def test_mean_and_ensemble_stand_below(contents: Contents) -> None:
    mean, ensemble = make_consensus(contents).summary
    recorded = contents.metrics["ensemble"]["held_out"]
    assert float(mean.cells[2]) == pytest.approx(recorded["member_mean"]["mse"], rel=0.01)
    assert float(ensemble.cells[2]) == pytest.approx(recorded["ensemble"]["mse"], rel=0.01)
    counts = [member["n_training"] for member in contents.metrics["ensemble"]["members"]]
    assert float(mean.cells[0]) == pytest.approx(np.mean(counts), abs=0.06)


def test_the_mean_is_worked_out_where_it_was_not_recorded(contents: Contents) -> None:
    members = [{"held_out": {"mse": value}} for value in (0.001, 0.002, 0.006)]
    mean, ensemble = consensus_of(contents, {"members": members}).summary
    assert float(mean.cells[2]) == pytest.approx(0.003)
    assert set(ensemble.cells) == {"–"}


@pytest.mark.parametrize(
    ("ensemble", "text"),
    [
        (BETTER, "50\u202f% less than the mean member's (0.00120)"),
        ({"mse": 0.0018}, "50\u202f% more than the mean member's"),
        (SCORES, "the same as the mean member's"),
    ],
)
def test_sentences_on_the_ensemble_go_with_the_numbers(
    contents: Contents, ensemble: dict[str, float], text: str
) -> None:
    record = {
        "members": [{"held_out": SCORES}, {"held_out": {**SCORES, "mse": 0.0012}}],
        "held_out": {"member_mean": SCORES, "ensemble": ensemble},
    }
    words = " ".join(consensus_of(contents, record).sentences)
    assert text in words
    assert ("than that of any single member" in words) is (ensemble is BETTER)


@pytest.mark.parametrize(
    "ensemble",
    [
        None,
        [],
        "nonsense",
        {"members": ["nonsense", {}, {"fold": None, "held_out": 3, "seconds": "long"}]},
        {"members": [{"fold": 0, "held_out": {"mse": None, "psnr": float("nan")}}]},
        {"held_out": {"ensemble": BETTER}, "n_folds": 3},
    ],
)
def test_whatever_is_missing_is_left_open(contents: Contents, ensemble: Any) -> None:
    consensus = consensus_of(contents, ensemble)
    assert all(set(row.cells) == {"–"} for row in consensus.members)
    assert not consensus.scores_figure
    assert consensus.agreement_figure.startswith("data:image/svg+xml")


def test_one_network_has_no_consensus(tmp_path: Path) -> None:
    assert make_consensus(read_contents(make_run(tmp_path / "run"))).is_empty


def test_equal_members_agree_and_least_similar_are_named(contents: Contents) -> None:
    labels = np.tile(np.arange(12) % 3, (4, 1))
    labels[3] = [2, 0, 1] * 4
    labels[1] = np.arange(12) // 4
    sentence = make_consensus(dataclasses.replace(contents, fold_labels=labels)).agreement_sentence
    assert "lowest for folds 0 and 1" in sentence
    same = dataclasses.replace(contents, fold_labels=labels[[0, 3]])
    assert "index of 1.00 on average" in make_consensus(same).agreement_sentence


def test_without_clusters_there_is_nothing_to_disagree_on(contents: Contents) -> None:
    alone = dataclasses.replace(contents, fold_labels=np.zeros((5, 55), np.int64))
    consensus = make_consensus(alone)
    assert not consensus.agreement_figure
    assert "nothing to compare" in consensus.agreement_sentence


@settings(deadline=None, max_examples=25)
@given(
    labels=hnp.arrays(np.int64, st.tuples(st.integers(1, 5), st.integers(2, 20)))
    .map(lambda found: found % 4 - 1)
    .filter(lambda found: found.shape[1] > 1)
)
def test_agreement_is_the_adjusted_rand_index(labels: npt.NDArray[np.int64]) -> None:
    matrix = agreement_matrix(labels)
    renamed = np.where(labels == 2, 7, labels)
    assert np.array_equal(matrix, matrix.T)
    assert np.array_equal(matrix, agreement_matrix(renamed))
    for i, first in enumerate(labels):
        for j, second in enumerate(labels):
            assert matrix[i, j] == pytest.approx(adjusted_rand_score(first, second))


def test_curves_of_all_members_and_their_median(contents: Contents) -> None:
    values = [[4.0, 1.0], [5.0, 3.0], [9.0, 2.0, 100.0]]
    histories = [
        [{"epoch": e, "mse": v, "seconds": 1.0} for e, v in enumerate(member)] for member in values
    ]
    metrics = {"histories": [*histories, [], "nonsense"], "history": [{"mse": 77.0}]}
    training = make_training(dataclasses.replace(contents, metrics=metrics))
    (term,) = training.terms
    assert (training.n_members, training.n_epochs, training.seconds) == (3, (2, 3), 7.0)
    # The third epoch is one member's alone and says nothing of the others.
    assert (term.first, term.last, term.lowest, term.highest) == (5.0, 2.0, 1.0, 100.0)


def test_an_old_run_has_one_curve(contents: Contents) -> None:
    history = [{"epoch": 0, "mse": 2.0}, {"epoch": 1, "mse": 1.0}]
    old = make_training(dataclasses.replace(contents, metrics={"history": history}))
    new = make_training(dataclasses.replace(contents, metrics={"histories": [history]}))
    assert old == new
    assert (old.n_members, old.terms[0].first, old.terms[0].last) == (1, 2.0, 1.0)


def test_a_low_index_beside_high_agreement_is_explained(contents: Contents) -> None:
    labels = np.zeros((3, 20), np.int64)
    labels[[0, 1, 2], [0, 1, 2]] = 1
    lopsided = make_consensus(dataclasses.replace(contents, fold_labels=labels)).agreement_sentence
    assert "95\u202f% of the images into its largest cluster" in lopsided
    even = np.tile(np.arange(20) % 2, (3, 1))
    sentence = make_consensus(dataclasses.replace(contents, fold_labels=even)).agreement_sentence
    assert "largest cluster" not in sentence
