"""Dead clusters come back to life, and evidence without labels prefers gaps to crowds."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score
from sklearn.neighbors import kneighbors_graph

from equiclust.clustering.deep.dec_trainer import empty_merged_clusters, refill_empty_clusters
from equiclust.clustering.deep.evidence import Evidence, Neighbourhood
from equiclust.exceptions import InputError


def _blobs(seed: int, sizes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    centres = 20.0 * np.eye(len(sizes), 4)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    return centres[labels] + rng.normal(size=(len(labels), 4)), labels


def test_empty_cluster_takes_half_of_the_widest(random_state: int) -> None:
    points, kinds = _blobs(random_state, (30, 30, 30))
    merged = np.where(kinds == 2, 1, kinds)
    centres = np.stack([points[kinds == 0].mean(0), points[kinds > 0].mean(0), np.full(4, 900.0)])
    places, labels = refill_empty_clusters(points, centres, merged, seed=random_state)
    assert len(np.unique(labels)) == 3
    assert cohen_kappa_score(labels == labels[-1], kinds == 2) == 1.0
    nearest = np.square(points[:, None] - places[None]).sum(axis=2).argmin(axis=1)
    np.testing.assert_array_equal(nearest, labels)


def test_merged_clusters_are_one_and_the_larger_keeps_its_name(random_state: int) -> None:
    points, kinds = _blobs(random_state, (30, 30, 30))
    means = np.stack([points[kinds == k].mean(0) for k in range(3)])
    centres = np.vstack([means, means[1:2] + 0.01])
    divided = kinds.copy()
    divided[30:42] = 3
    np.testing.assert_array_equal(empty_merged_clusters(points, centres, divided), kinds)
    np.testing.assert_array_equal(empty_merged_clusters(points, means, kinds), kinds)


def test_chain_of_merged_clusters_ends_in_the_largest() -> None:
    points = np.linspace(0.0, 10.0, 60)[:, None]
    centres = np.array([[5.0], [5.1], [5.2], [5.3]])
    labels = np.repeat([0, 1, 2, 3], [5, 10, 15, 30])
    np.testing.assert_array_equal(empty_merged_clusters(points, centres, labels), np.full(60, 3))


def test_all_but_one_can_be_empty(random_state: int) -> None:
    points, _ = _blobs(random_state, (20, 20, 20, 20))
    nothing = np.zeros(80, dtype=np.int64)
    _, labels = refill_empty_clusters(points, np.zeros((4, 4)), nothing, seed=random_state)
    assert len(np.unique(labels)) == 4


def test_chain_of_three_is_one_whatever_the_order_of_sizes() -> None:
    points = np.concatenate([np.linspace(-2, 2, 5), np.linspace(-2, 2, 2)])[:, None]
    labels = np.array([0, 0, 1, 1, 2, 2, 2])
    merged = empty_merged_clusters(points, np.array([[0.0], [0.05], [0.1]]), labels)
    assert len(np.unique(merged)) == 1


def test_equal_points_cannot_be_divided() -> None:
    places, labels = refill_empty_clusters(
        np.ones((5, 2)), np.ones((3, 2)), np.zeros(5, dtype=np.int64), seed=0
    )
    assert len(np.unique(labels)) == 1
    assert places.shape == (3, 2)


def test_live_clusters_are_left_alone(random_state: int) -> None:
    points, kinds = _blobs(random_state, (10, 10))
    centres = np.stack([points[kinds == k].mean(0) for k in (0, 1)])
    places, labels = refill_empty_clusters(points, centres, kinds, seed=0)
    np.testing.assert_array_equal(places, centres)
    np.testing.assert_array_equal(labels, kinds)


def test_agreement_is_kappa_over_pairs_of_neighbours(random_state: int) -> None:
    points, kinds = _blobs(random_state, (40, 25, 35))
    rng = np.random.default_rng(random_state)
    labels = np.where(rng.random(100) < 0.3, rng.integers(0, 3, 100), kinds)
    rows, columns = kneighbors_graph(points, 15).nonzero()
    same = np.mean(labels[rows] == labels[columns])
    chance = np.square(np.bincount(labels) / 100).sum()
    expected = (same - chance) / (1 - chance)
    assert Neighbourhood(points).agreement(labels) == pytest.approx(expected)


def test_gap_is_better_than_crowd_and_chance_is_nothing(random_state: int) -> None:
    points, kinds = _blobs(random_state, (60, 60))
    neighbourhood = Neighbourhood(points)
    through = (points[:, 2] > np.median(points[:, 2])).astype(int)
    drawn = np.random.default_rng(random_state).integers(0, 2, 120)
    assert neighbourhood.agreement(kinds) == 1.0
    assert 0.2 < neighbourhood.agreement(through) < 0.9
    assert abs(neighbourhood.agreement(drawn)) < 0.12
    assert neighbourhood.agreement(np.zeros(120, dtype=int)) == 0.0


def test_one_point_has_no_neighbours() -> None:
    with pytest.raises(InputError, match="at least 2"):
        Neighbourhood(np.zeros((1, 3)))


def test_evidence_is_fair_to_both_spaces(random_state: int) -> None:
    points, kinds = _blobs(random_state, (60, 60))
    others = np.roll(points, 30, axis=0)
    moved = np.roll(kinds, 30)
    even = Evidence.of(Neighbourhood(points), Neighbourhood(others), kinds, moved)
    assert even.initial == pytest.approx(even.final, abs=0.02)
    better = Evidence.of(Neighbourhood(points), Neighbourhood(points), moved, kinds)
    assert not better.is_worse
    assert Evidence(better.final, better.initial).is_worse
