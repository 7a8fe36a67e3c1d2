"""Confusions agree with scikit-learn's once clusters have names, and names do not matter."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from equiclust.evaluation.metrics import (
    class_scores,
    clustering_accuracy,
    confusion_matrix,
    many_to_one_accuracy,
    matched_classes,
)
from equiclust.exceptions import InputError


def _labels(seed: int, n_clusters: int) -> tuple[np.ndarray, np.ndarray]:
    """Classes 3, 5, 8 and 9, and clusters that are right three times in four."""
    rng = np.random.default_rng(seed)
    true = rng.choice([3, 5, 8, 9], size=200, p=[0.4, 0.3, 0.2, 0.1])
    place = np.searchsorted([3, 5, 8, 9], true) + 4 * rng.integers(0, 2, 200) * (n_clusters > 4)
    noise = rng.integers(0, n_clusters, 200)
    names = 10 * rng.permutation(8)
    return true, names[np.where(rng.random(200) < 0.75, place, noise)]


def test_share_on_the_diagonal_is_the_accuracy(random_state: int) -> None:
    true, pred = _labels(random_state, 4)
    _, counts = confusion_matrix(true, pred)
    assert counts.trace() / counts.sum() == pytest.approx(clustering_accuracy(true, pred))


@pytest.mark.parametrize("many_to_one", [False, True])
def test_agrees_with_scikit_learn_under_the_names(random_state: int, many_to_one: bool) -> None:
    true, pred = _labels(random_state, 8)
    named = matched_classes(true, pred, many_to_one=many_to_one)
    classes, counts = confusion_matrix(true, pred, many_to_one=many_to_one)
    full = reference.confusion_matrix(true, named, labels=[3, 5, 8, 9, -1])[:-1]
    np.testing.assert_array_equal(classes, [3, 5, 8, 9])
    np.testing.assert_array_equal(counts, full)
    scores = class_scores(true, pred, many_to_one=many_to_one)
    precision, recall, _, support = reference.precision_recall_fscore_support(
        true, named, labels=classes, zero_division=np.nan
    )
    np.testing.assert_allclose(scores.precision, precision)
    np.testing.assert_allclose(scores.recall, recall)
    np.testing.assert_array_equal(scores.support, support)


def test_many_to_one_is_scikit_learns_purity(random_state: int) -> None:
    true, pred = _labels(random_state, 8)
    together = reference.cluster.contingency_matrix(true, pred)
    assert many_to_one_accuracy(true, pred) == pytest.approx(together.max(axis=0).sum() / 200)
    named = matched_classes(true, pred, many_to_one=True)
    assert np.mean(named == true) == pytest.approx(many_to_one_accuracy(true, pred))


def test_more_clusters_than_classes_cost_the_one_to_one_score_alone() -> None:
    true = np.repeat([0, 1], 10)
    pred = np.arange(20) // 5
    assert clustering_accuracy(true, pred) == 0.5
    assert many_to_one_accuracy(true, pred) == 1.0


def test_not_knowing_is_wrong_and_counted_apart() -> None:
    true, pred = [0, 0, 1, 1], [5, -1, 6, 6]
    _, counts = confusion_matrix(true, pred)
    np.testing.assert_array_equal(counts, [[1, 0, 1], [0, 2, 0]])
    assert many_to_one_accuracy(true, pred) == 0.75
    assert many_to_one_accuracy(true, [-1] * 4) == 0.0
    np.testing.assert_array_equal(matched_classes(true, [-1] * 4), [-1] * 4)


def test_class_without_a_cluster_has_no_precision() -> None:
    scores = class_scores([0, 0, 1], [4, 4, 4])
    np.testing.assert_allclose(scores.precision, [2 / 3, np.nan])
    np.testing.assert_allclose(scores.recall, [1.0, 0.0])


def test_lengths_must_be_alike() -> None:
    with pytest.raises(InputError, match="same length"):
        confusion_matrix([0, 1], [0])
