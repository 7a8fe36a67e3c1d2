"""Order of labels and memberships by distance."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from equiclust.clustering.labels import (
    canonical_order,
    centre_memberships,
    kmeans_centres,
    within_cluster_variance,
)
from tests.clustering.shapes import blobs, noise


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_labels_run_from_the_largest_cluster_down(labels: list[int]) -> None:
    order = canonical_order(np.array(labels), 6)
    assert sorted(order) == list(range(6))
    renamed = [int(np.flatnonzero(order == label)[0]) for label in labels]
    sizes = [renamed.count(k) for k in range(6)]
    assert sizes == sorted(sizes, reverse=True)
    for k in range(5):
        if sizes[k] == sizes[k + 1] > 0:
            assert renamed.index(k) < renamed.index(k + 1)


def test_memberships_are_those_of_equal_gaussians(random_state: int) -> None:
    points, centres = noise(20, random_state), noise(4, random_state + 10)
    found = centre_memberships(points, centres, 0.7)
    density = np.exp(-0.5 * ((points[:, None] - centres) ** 2).sum(axis=-1) / 0.7)
    np.testing.assert_allclose(found, density / density.sum(axis=1, keepdims=True))


def test_memberships_far_away_are_finite() -> None:
    found = centre_memberships(np.array([[1e8, 0.0]]), np.array([[0.0, 0.0], [1.0, 0.0]]), 1e-12)
    np.testing.assert_array_equal(found, [[0.0, 1.0]])


def test_variance_is_that_of_the_clusters(random_state: int) -> None:
    points, _ = blobs(4000, random_state)
    once = np.ones(len(points), dtype=int)
    centres = kmeans_centres(points, once, 4, n_init=3, seed=random_state)
    assert abs(within_cluster_variance(points, centres) / 0.64 - 1) < 0.05
    doubled = within_cluster_variance(np.repeat(points, 2, axis=0), centres)
    counted = within_cluster_variance(points, centres, 2 * once)
    np.testing.assert_allclose([doubled, counted], within_cluster_variance(points, centres))


def test_variance_of_coinciding_points_is_positive() -> None:
    assert within_cluster_variance(np.ones((3, 2)), np.ones((1, 2))) > 0


def test_fewer_places_than_centres_is_no_error() -> None:
    points = np.array([[0.0], [1.0]])
    centres = kmeans_centres(points, np.array([5, 5]), 3 - 1, n_init=1, seed=0)
    np.testing.assert_allclose(np.sort(centres.ravel()), [0.0, 1.0])
