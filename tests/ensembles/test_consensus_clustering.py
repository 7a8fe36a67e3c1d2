"""A consensus beats its members, its stability is calibrated, and files keep it exactly."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.stats import ortho_group

from ensembles import ConsensusClustering, ConsensusResult
from ensembles.base_clusterings import fit_base_clusterings, mean_agreement
from ensembles.calibration import expected_calibration_error
from ensembles.folds import fold_masks
from equiclust.evaluation.metrics import clustering_accuracy
from equiclust.exceptions import InputError

N_CLUSTERS = 4


def members_view(
    separation: float, *, n: int = 640, n_members: int = 6, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """One Gaussian mixture in the latents of several members: rotated, each with its own noise."""
    rng = np.random.default_rng(seed)
    classes = np.arange(n) % N_CLUSTERS
    centres = separation * rng.normal(size=(N_CLUSTERS, 8))
    points = centres[classes] + rng.normal(size=(n, 8))
    turns = ortho_group.rvs(8, size=n_members, random_state=seed)
    noise = 0.5 * rng.normal(size=(n_members, n, 8))
    return (points + noise) @ turns, classes


@pytest.fixture(scope="module")
def fitted() -> tuple[ConsensusClustering, np.ndarray, np.ndarray]:
    latents, classes = members_view(1.3)
    held_out = fold_masks(len(classes), 6, 2, random_state=0)
    consensus = ConsensusClustering(N_CLUSTERS, method="kmeans", random_state=0).fit(
        latents, held_out=held_out
    )
    return consensus, latents, classes


def assert_same_result(one: ConsensusResult, other: ConsensusResult) -> None:
    for field in fields(ConsensusResult):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))


def matched(classes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    counts = np.zeros((N_CLUSTERS, N_CLUSTERS))
    np.add.at(counts, (labels, classes), 1)
    class_of = linear_sum_assignment(-counts)[1]
    return np.asarray(class_of[labels] == classes)


def test_it_is_better_than_its_members_and_its_stability_is_calibrated(
    fitted: tuple[ConsensusClustering, np.ndarray, np.ndarray],
) -> None:
    consensus, _, classes = fitted
    mean_accuracy = np.mean([clustering_accuracy(classes, own) for own in consensus.member_labels_])
    right = matched(classes, consensus.best_labels_)
    assert right.mean() > mean_accuracy
    assert expected_calibration_error(consensus.stability_, right) < 0.06


def test_training_objects_are_predicted_as_they_were_fitted(
    fitted: tuple[ConsensusClustering, np.ndarray, np.ndarray],
) -> None:
    consensus, latents, _ = fitted
    result = consensus.predict_consensus(latents)
    assert_same_result(consensus.result_, result)
    one = consensus.predict_consensus(latents[:, 7:8])
    assert one.labels[0] == consensus.labels_[7]


def test_saved_and_loaded_predictions_are_equal(
    fitted: tuple[ConsensusClustering, np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    consensus, latents, _ = fitted
    consensus.save(tmp_path)
    again, before = (
        ConsensusClustering.load(tmp_path).predict_consensus(latents),
        consensus.predict_consensus(latents),
    )
    for name in ("labels", "best_labels", "stability", "agreement", "outlier_scores"):
        assert np.array_equal(getattr(again, name), getattr(before, name))
    (tmp_path / "jury.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match="jury"):
        ConsensusClustering.load(tmp_path)


def test_held_out_agreement_counts_those_that_did_not_train(
    fitted: tuple[ConsensusClustering, np.ndarray, np.ndarray],
) -> None:
    consensus, latents, classes = fitted
    held_out = fold_masks(len(classes), 6, 2, random_state=0)
    agree = consensus.member_labels_ == consensus.best_labels_
    expected = [agree[held_out[:, i], i].mean() for i in range(len(classes))]
    np.testing.assert_allclose(consensus.agreement_held_out_, expected)
    unseen = ConsensusClustering(N_CLUSTERS, method="kmeans", random_state=0).fit(latents)
    assert np.isnan(unseen.agreement_held_out_).all()


def test_the_mean_stability_of_labelled_objects_is_at_least_the_reliability() -> None:
    latents, classes = members_view(0.8)
    consensus = ConsensusClustering(
        N_CLUSTERS, method="kmeans", reliability=0.95, random_state=0
    ).fit(latents)
    kept = consensus.labels_ >= 0
    assert 0 < kept.mean() < 1
    assert consensus.stability_[kept].mean() >= 0.95
    right = matched(classes, consensus.best_labels_)
    assert right[kept].mean() > right[~kept].mean() + 0.1
    everything = ConsensusClustering(
        N_CLUSTERS, method="kmeans", reliability=0, random_state=0
    ).fit(latents)
    assert np.array_equal(everything.labels_, consensus.best_labels_)


def test_the_most_stable_method_is_chosen() -> None:
    latents, classes = members_view(3.0, n=240)
    consensus = ConsensusClustering(N_CLUSTERS, method="auto", random_state=0).fit(latents)
    assert consensus.method_ in ("gmm", "kmeans", "spectral", "manifold")
    assert clustering_accuracy(classes, consensus.best_labels_) == 1.0
    assert consensus.stability_.min() > 0.95


def test_base_clusterings_of_a_pair_share_neither_members_nor_objects() -> None:
    latents, _ = members_view(3.0)
    base_clusterings = fit_base_clusterings(latents, np.ones(6), "kmeans", N_CLUSTERS, seed=0)
    for first, second in zip(base_clusterings[::2], base_clusterings[1::2], strict=True):
        assert sorted(first.members + second.members) == list(range(6))
        assert len(first.clusterer.labels_) + len(second.clusterer.labels_) == latents.shape[1]
    assert mean_agreement(base_clusterings, latents, np.ones(6)) == pytest.approx(1.0)
    few, _ = members_view(3.0, n=320)
    for one in fit_base_clusterings(few, np.ones(6), "kmeans", N_CLUSTERS, seed=0):
        assert len(one.clusterer.labels_) == 320


def test_one_member_and_one_cluster() -> None:
    latents, _ = members_view(3.0)
    one = ConsensusClustering(N_CLUSTERS, method="kmeans", random_state=0).fit(latents[:1])
    assert set(one.labels_) == set(range(N_CLUSTERS))
    single = ConsensusClustering(1, method="kmeans", random_state=0).fit(latents)
    assert not single.labels_.any()
    assert np.all(single.stability_ == 1.0)


def test_wrong_arguments_are_refused(
    fitted: tuple[ConsensusClustering, np.ndarray, np.ndarray],
) -> None:
    consensus, latents, _ = fitted
    with pytest.raises(InputError, match="X must hold the latents of 6 members, got 2"):
        consensus.predict(latents[:2])
    with pytest.raises(InputError, match="finite latents of shape"):
        consensus.predict(latents[0])
    with pytest.raises(InputError, match="reliability must be from 0 to 1, got 2"):
        ConsensusClustering(2, reliability=2).fit(latents)
    with pytest.raises(InputError, match="consensus must be"):
        ConsensusClustering(2, consensus="loudest").fit(latents)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"held_out must have shape \(6, 640\)"):
        ConsensusClustering(2).fit(latents, held_out=np.zeros((2, 2), bool))


def test_memberships_sum_to_one_and_follow_the_labels(
    fitted: tuple[ConsensusClustering, np.ndarray, np.ndarray],
) -> None:
    consensus, latents, _ = fitted
    found = consensus.memberships(latents)
    assert found.shape == (latents.shape[1], N_CLUSTERS)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-6)
    sure = consensus.stability_ > 0.9
    assert sure.sum() > 20
    assert np.mean(found.argmax(axis=1)[sure] == consensus.best_labels_[sure]) > 0.98
    with pytest.raises(InputError, match="members"):
        consensus.memberships(latents[:2])
