"""More laws of folds, stability and base clusterings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ortho_group
from sklearn.metrics import adjusted_rand_score

from ensembles import ConsensusClustering
from ensembles.base_clusterings import fit_base_clusterings
from ensembles.calibration import Calibration, expected_calibration_error
from ensembles.folds import fold_masks
from ensembles.label_voting import Method, reach_consensus
from ensembles.stability_features import StabilityFeatures
from equiclust.exceptions import InputError


def separated(n: int, n_members: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    classes = np.arange(n) % 3
    points = 6.0 * np.eye(3, 6)[classes] + rng.normal(scale=0.5, size=(n, 6))
    return points @ ortho_group.rvs(6, size=n_members, random_state=0), classes


@given(n=st.integers(2, 60), n_folds=st.integers(2, 10), seed=st.integers(0, 99))
def test_folds_are_of_like_size(n: int, n_folds: int, seed: int) -> None:
    masks = fold_masks(n, min(n, n_folds), 1, random_state=seed)
    assert np.ptp(masks.sum(axis=1)) <= 1


def test_another_seed_draws_other_folds() -> None:
    first, second = (fold_masks(40, 5, 2, random_state=seed) for seed in (0, 1))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("method", ["vote", "coassociation"])
def test_clusterings_that_agree_are_followed(method: Method) -> None:
    labels = np.random.default_rng(0).integers(0, 4, 60)
    names = [np.random.default_rng(seed).permutation(4) for seed in range(5)]
    memberships = np.stack([np.eye(4)[own[labels]] for own in names])
    reached = reach_consensus(memberships, method, seed=0)
    assert adjusted_rand_score(labels, reached.labels) == 1.0
    for own, renamed in zip(names, reached.names, strict=True):
        assert np.array_equal(renamed[own[labels]], reached.labels)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40))
def test_calibration_error_is_that_of_a_plain_loop(
    calibration_pairs: list[tuple[float, bool]],
) -> None:
    bins: dict[int, list[tuple[float, bool]]] = {}
    for sure, hit in calibration_pairs:
        bins.setdefault(min(int(sure * 10), 9), []).append((sure, hit))
    gaps = [
        len(own)
        / len(calibration_pairs)
        * abs(sum(sure for sure, _ in own) / len(own) - sum(hit for _, hit in own) / len(own))
        for own in bins.values()
    ]
    sure, hit = zip(*calibration_pairs, strict=True)
    assert expected_calibration_error(sure, hit) == pytest.approx(sum(gaps), abs=1e-12)


def test_calibration_estimates_the_probability() -> None:
    rng = np.random.default_rng(0)
    evidence = rng.normal(size=(3000, 3))
    probability = 1 / (1 + np.exp(-2 * evidence[:, 0] - evidence[:, 1]))
    found = Calibration.fit(evidence, rng.random(3000) < probability)(evidence)
    assert np.abs(found - probability).mean() < 0.05


def test_more_evidence_never_lowers_the_stability() -> None:
    rng = np.random.default_rng(0)
    evidence = rng.normal(size=(1000, 2))
    right = rng.random(1000) < 1 / (1 + np.exp(evidence[:, 1] - 2 * evidence[:, 0]))
    calibration = Calibration.fit(evidence, right)
    assert np.all(calibration(evidence + np.array([0.0, 1.0])) >= calibration(evidence))


def test_neither_clustering_of_a_pair_is_evidence_for_the_labels_of_the_other() -> None:
    rng = np.random.default_rng(0)
    n_clusterings, n = 6, 30
    given = rng.integers(0, 3, (n_clusterings, n))
    distances, scores = rng.random((n_clusterings, n, 3)), rng.normal(size=(n_clusterings, n))
    evidence, right = StabilityFeatures(given, distances, scores).calibration_pairs()
    for clustering in range(n_clusterings):
        others = [k for k in range(n_clusterings) if k // 2 != clustering // 2]
        part = evidence[clustering * n : (clustering + 1) * n]
        np.testing.assert_allclose(part[:, 0], (given[others] == given[clustering]).mean(axis=0))
        np.testing.assert_allclose(part[:, 2], -scores[others].mean(axis=0))
        for i, label in enumerate(given[clustering]):
            far = [np.delete(distances[k, i], label).min() for k in others]
            near = [distances[k, i, label] for k in others]
            margin = np.mean([(f - c) / (f + c) for f, c in zip(far, near, strict=True)])
            assert part[i, 1] == pytest.approx(margin)
        counterpart = given[clustering + 1 if clustering % 2 == 0 else clustering - 1]
        assert np.array_equal(
            right[clustering * n : (clustering + 1) * n], counterpart == given[clustering]
        )


def test_a_calibration_for_other_evidence_is_refused() -> None:
    arrays = Calibration.fit(np.zeros((5, 3)), np.ones(5, bool)).arrays()
    with pytest.raises(InputError, match="weights and evidence"):
        Calibration.restore(arrays, 2)


def test_both_clusterings_of_a_pair_are_fitted_to_few_objects() -> None:
    latents, _ = separated(60, 4)
    for base_clustering in fit_base_clusterings(latents, np.ones(4), "kmeans", 3, seed=0):
        assert len(base_clustering.clusterer.labels_) == 60


def test_of_many_objects_each_clustering_of_a_pair_is_fitted_to_its_own_half(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[set[float]] = []

    class Noting:
        method = "kmeans"

        def fit(self, vectors: np.ndarray) -> Noting:
            shown.append(set(vectors[:, 0].round(6)))
            return self

    monkeypatch.setattr("ensembles.base_clusterings.make_clusterer", lambda *_, **__: Noting())
    latents = np.zeros((4, 640, 2))
    latents[..., 0] = np.arange(640)
    fit_base_clusterings(latents, np.ones(4), "kmeans", 3, seed=0)
    for first, second in zip(shown[::2], shown[1::2], strict=True):
        assert len(first) == len(second) == 320
        assert not first & second
    assert len({frozenset(half) for half in shown}) > 2


@pytest.mark.parametrize("consensus", ["vote", "coassociation"])
def test_the_order_of_objects_does_not_matter(consensus: Method) -> None:
    latents, classes = separated(610, 4)
    order = np.random.default_rng(1).permutation(610)
    found = [
        ConsensusClustering(3, method="kmeans", consensus=consensus, reliability=0, random_state=0)
        .fit(latents[:, chosen])
        .labels_
        for chosen in (np.arange(610), order)
    ]
    assert adjusted_rand_score(found[0][order], found[1]) > 0.9
    assert adjusted_rand_score(classes, found[0]) > 0.9


def test_a_consensus_with_a_damaged_base_clustering_is_refused(tmp_path: Path) -> None:
    latents, _ = separated(60, 2)
    ConsensusClustering(3, method="kmeans", random_state=0).fit(latents).save(tmp_path)
    damaged = next((tmp_path / "committees" / "03").glob("*.safetensors"))
    damaged.write_bytes(damaged.read_bytes()[:-8])
    with pytest.raises(InputError, match="safetensors"):
        ConsensusClustering.load(tmp_path)
