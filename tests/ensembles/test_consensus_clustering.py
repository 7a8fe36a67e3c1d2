"""A jury is better than its members, knows how sure it may be, and keeps its word on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.stats import ortho_group

from ensembles import ConsensusClustering
from ensembles.base_clusterings import fit_base_clusterings, stability
from ensembles.calibration import expected_calibration_error
from ensembles.folds import fold_masks
from equiclust.evaluation.metrics import clustering_accuracy
from equiclust.exceptions import InputError

N_CLUSTERS = 4


def members_view(
    separation: float, *, n: int = 320, n_members: int = 6, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """One Gaussian mixture as several members see it: turned, and noisy in their own way."""
    rng = np.random.default_rng(seed)
    kinds = np.arange(n) % N_CLUSTERS
    centres = separation * rng.normal(size=(N_CLUSTERS, 8))
    points = centres[kinds] + rng.normal(size=(n, 8))
    turns = ortho_group.rvs(8, size=n_members, random_state=seed)
    noise = 0.5 * rng.normal(size=(n_members, n, 8))
    return (points + noise) @ turns, kinds


@pytest.fixture(scope="module")
def fitted() -> tuple[ConsensusClustering, np.ndarray, np.ndarray]:
    latents, kinds = members_view(1.3)
    held_out = fold_masks(len(kinds), 6, 2, random_state=0)
    consensus = ConsensusClustering(N_CLUSTERS, method="kmeans", random_state=0).fit(
        latents, held_out=held_out
    )
    return consensus, latents, kinds


def matched(kinds: np.ndarray, labels: np.ndarray) -> np.ndarray:
    counts = np.zeros((N_CLUSTERS, N_CLUSTERS))
    np.add.at(counts, (labels, kinds), 1)
    kind_of = linear_sum_assignment(-counts)[1]
    return np.asarray(kind_of[labels] == kinds)


def test_it_is_better_than_its_members_and_as_sure_as_it_is_right(
    fitted: tuple[ConsensusClustering, np.ndarray, np.ndarray],
) -> None:
    consensus, _, kinds = fitted
    alone = np.mean([clustering_accuracy(kinds, own) for own in consensus.member_labels_])
    right = matched(kinds, consensus.best_labels_)
    assert right.mean() > alone
    assert expected_calibration_error(consensus.confidence_, right) < 0.06


def test_the_verdict_on_training_objects_is_what_was_learned(
    fitted: tuple[ConsensusClustering, np.ndarray, np.ndarray],
) -> None:
    consensus, latents, _ = fitted
    result = consensus.predict_consensus(latents)
    assert np.array_equal(result.labels, consensus.labels_)
    assert np.array_equal(result.confidence, consensus.confidence_)
    assert np.array_equal(result.member_labels, consensus.member_labels_)
    assert np.array_equal(result.agreement, consensus.agreement_)
    one = consensus.predict_consensus(latents[:, 7:8])
    assert one.labels[0] == consensus.labels_[7]


def test_it_comes_back_from_disk_to_the_last_bit(
    fitted: tuple[ConsensusClustering, np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    consensus, latents, _ = fitted
    consensus.save(tmp_path)
    again, before = (
        ConsensusClustering.load(tmp_path).predict_consensus(latents),
        consensus.predict_consensus(latents),
    )
    for name in ("labels", "best_labels", "confidence", "agreement", "outlier_scores"):
        assert np.array_equal(getattr(again, name), getattr(before, name))
    (tmp_path / "jury.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match="jury"):
        ConsensusClustering.load(tmp_path)


def test_held_out_agreement_counts_those_that_did_not_train(
    fitted: tuple[ConsensusClustering, np.ndarray, np.ndarray],
) -> None:
    consensus, latents, kinds = fitted
    held_out = fold_masks(len(kinds), 6, 2, random_state=0)
    agree = consensus.member_labels_ == consensus.best_labels_
    expected = [agree[held_out[:, i], i].mean() for i in range(len(kinds))]
    np.testing.assert_allclose(consensus.agreement_held_out_, expected)
    unseen = ConsensusClustering(N_CLUSTERS, method="kmeans", random_state=0).fit(latents)
    assert np.isnan(unseen.agreement_held_out_).all()


def test_asked_reliability_is_kept() -> None:
    latents, kinds = members_view(0.8)
    consensus = ConsensusClustering(
        N_CLUSTERS, method="kmeans", reliability=0.95, random_state=0
    ).fit(latents)
    kept = consensus.labels_ >= 0
    assert 0 < kept.mean() < 1
    assert consensus.confidence_[kept].mean() >= 0.95
    right = matched(kinds, consensus.best_labels_)
    assert right[kept].mean() > right[~kept].mean() + 0.1
    everything = ConsensusClustering(
        N_CLUSTERS, method="kmeans", reliability=0, random_state=0
    ).fit(latents)
    assert np.array_equal(everything.labels_, consensus.best_labels_)


def test_the_firmest_method_is_taken() -> None:
    latents, kinds = members_view(3.0, n=240)
    consensus = ConsensusClustering(N_CLUSTERS, random_state=0).fit(latents)
    assert consensus.method_ in ("gmm", "kmeans", "spectral", "manifold")
    assert clustering_accuracy(kinds, consensus.best_labels_) == 1.0
    assert consensus.confidence_.min() > 0.95


def test_committees_of_a_pair_share_nothing() -> None:
    latents, _ = members_view(3.0)
    base_clusterings = fit_base_clusterings(latents, np.ones(6), "kmeans", N_CLUSTERS, seed=0)
    for first, second in zip(base_clusterings[::2], base_clusterings[1::2], strict=True):
        assert sorted(first.members + second.members) == list(range(6))
        assert len(first.clusterer.labels_) + len(second.clusterer.labels_) == latents.shape[1]
    assert stability(base_clusterings, latents, np.ones(6)) == pytest.approx(1.0)


def test_one_member_and_one_cluster() -> None:
    latents, _ = members_view(3.0)
    alone = ConsensusClustering(N_CLUSTERS, method="kmeans", random_state=0).fit(latents[:1])
    assert set(alone.labels_) == set(range(N_CLUSTERS))
    single = ConsensusClustering(1, method="kmeans", random_state=0).fit(latents)
    assert not single.labels_.any()
    assert np.all(single.confidence_ == 1.0)


def test_what_cannot_be_is_refused(
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
    with pytest.raises(InputError, match=r"held_out must have shape \(6, 320\)"):
        ConsensusClustering(2).fit(latents, held_out=np.zeros((2, 2), bool))


def test_memberships_are_shares_under_the_names_of_the_labels(
    fitted: tuple[ConsensusClustering, np.ndarray, np.ndarray],
) -> None:
    consensus, latents, _ = fitted
    shares = consensus.memberships(latents)
    assert shares.shape == (latents.shape[1], N_CLUSTERS)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-6)
    sure = consensus.confidence_ > 0.9
    assert sure.sum() > 20
    assert np.mean(shares.argmax(axis=1)[sure] == consensus.best_labels_[sure]) > 0.98
    with pytest.raises(InputError, match="members"):
        consensus.memberships(latents[:2])
