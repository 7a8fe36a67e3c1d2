"""Folds, alignment and votes: laws that do not depend on the names of clusters."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from ensembles.folds import fold_masks
from ensembles.label_voting import Method, align, reach_consensus, vote
from equiclust.exceptions import InputError

METHODS: tuple[Method, ...] = ("vote", "coassociation")


def one_hot(labels: np.ndarray, n_clusters: int) -> np.ndarray:
    return np.eye(n_clusters)[labels]


def noisy_clusterings(
    seed: int, *, n_clusterings: int = 7, n: int = 120, n_clusters: int = 4
) -> np.ndarray:
    """Labels of clusterings that are random for a fifth of the objects, each with its own names."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % n_clusters
    found = []
    for _ in range(n_clusterings):
        own = np.where(rng.random(n) < 0.2, rng.integers(0, n_clusters, n), truth)
        found.append(rng.permutation(n_clusters)[own])
    return np.stack(found)


@given(n=st.integers(4, 60), n_folds=st.integers(2, 10), data=st.data())
def test_every_image_is_held_out_as_often(n: int, n_folds: int, data: st.DataObject) -> None:
    n_folds = min(n, n_folds)
    apart = data.draw(st.integers(1, n_folds - 1))
    masks = fold_masks(n, n_folds, apart, random_state=0)
    assert np.all(masks.sum(axis=0) == apart)
    assert np.ptp(masks.sum(axis=1)) <= apart
    assert np.array_equal(masks, fold_masks(n, n_folds, apart, random_state=0))


def test_folds_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match="n_folds must be from 1 to the number of images, got 5"):
        fold_masks(4, 5, 1, random_state=0)
    with pytest.raises(InputError, match="held_out_folds must be from 1 to 2"):
        fold_masks(9, 3, 3, random_state=0)
    assert not fold_masks(9, 1, 0, random_state=0).any()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_alignment_is_the_best_of_all_permutations(pairs: list[tuple[int, int]]) -> None:
    labels, reference = np.array(pairs).T
    agreed = np.sum(align(labels, reference, 4)[labels] == reference)
    every = itertools.permutations(range(4))
    assert agreed == max(np.sum(np.array(names)[labels] == reference) for names in every)


@pytest.mark.parametrize("method", METHODS)
def test_consensus_is_better_than_its_clusterings_and_ignores_names(method: Method) -> None:
    truth = np.arange(120) % 4
    labels = noisy_clusterings(0)
    reached = reach_consensus(one_hot(labels, 4), method, seed=0)
    each = [adjusted_rand_score(truth, own) for own in labels]
    assert adjusted_rand_score(truth, reached.labels) > max(each)
    renamed = np.stack(
        [np.random.default_rng(k).permutation(4)[own] for k, own in enumerate(labels)]
    )
    again = reach_consensus(one_hot(renamed, 4), method, seed=0)
    # Only objects with as many votes for two labels may fall otherwise.
    assert adjusted_rand_score(reached.labels, again.labels) > 0.9


@pytest.mark.parametrize("method", METHODS)
def test_a_random_minority_changes_nothing(method: Method) -> None:
    truth = np.arange(120) % 4
    labels = np.concatenate(
        [np.tile(truth, (5, 1)), np.random.default_rng(0).integers(0, 4, (2, 120))]
    )
    reached = reach_consensus(one_hot(labels, 4), method, seed=0)
    assert adjusted_rand_score(truth, reached.labels) == pytest.approx(1.0)


@pytest.mark.parametrize("method", METHODS)
def test_one_cluster_holds_everything(method: Method) -> None:
    reached = reach_consensus(np.ones((3, 10, 1)), method, seed=0)
    assert not reached.labels.any()


def test_ties_go_to_the_larger_membership_and_then_to_the_lower_name() -> None:
    names = np.tile(np.arange(2), (2, 1))
    memberships = np.array([[[0.9, 0.1], [0.6, 0.4]], [[0.4, 0.6], [0.4, 0.6]]])
    labels, shares = vote(memberships, names)
    assert labels.tolist() == [0, 0]
    assert shares.tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert vote(memberships[:, :, ::-1], names)[0].tolist() == [1, 0]
