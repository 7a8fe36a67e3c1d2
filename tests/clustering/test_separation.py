"""Separate clusters have a large dip between them, parts of one cluster a small one."""

from __future__ import annotations

import numpy as np
import pytest

from equiclust.clustering.separation import (
    Separation,
    best_separated,
    near_boundary,
    pair_separation,
    separation,
)
from tests.clustering.shapes import blobs


def test_halves_of_one_gaussian_have_no_gap() -> None:
    dips = []
    for seed in range(6):
        points = np.random.default_rng(seed).normal(size=(150, 6))
        dips.append(pair_separation(points, points[:, 0] > 0, seed=seed))
    assert max(dips) < 0.38


def test_the_gap_widens_with_the_distance_and_not_by_chance() -> None:
    rng = np.random.default_rng(0)
    is_second = np.arange(160) >= 80
    noise = rng.normal(size=(160, 6))
    found = []
    for distance in (2.0, 4.0, 6.0, 8.0):
        points = noise.copy()
        points[is_second, 0] += distance
        found.append(pair_separation(points, is_second, seed=0))
    assert found == sorted(found)
    assert found[-1] > 1.0
    # Labels that have nothing to do with the points.
    assert pair_separation(points, rng.permutation(is_second), seed=0) < 0.38


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_neither_unit_nor_names_of_clusters_matter(factor: float) -> None:
    points, truth = blobs(80, 0, n_clusters=2, n_features=4)
    one = pair_separation(points, truth == 1, seed=0)
    assert pair_separation(factor * points, truth == 1, seed=0) == pytest.approx(one, rel=1e-6)


def test_a_cluster_too_small_for_a_discriminant_has_no_gap() -> None:
    points, _ = blobs(30, 0, n_clusters=2)
    assert pair_separation(points, np.arange(30) < 3, seed=0) == 0.0


def test_a_partition_is_worth_as_much_as_its_weakest_pair() -> None:
    points, _ = blobs(160, 0, n_clusters=4, n_features=5)
    right, too_fine = (separation(points, [points, points], k, seed=0) for k in (4, 5))
    assert right.agreement == pytest.approx(1.0)
    assert right.dip > 1.0 > 0.5 > too_fine.dip


@pytest.mark.parametrize(
    ("dips", "agreements", "expected"),
    [
        # The gap closes after four.
        ({2: 2.0, 3: 1.5, 4: 1.4, 5: 0.3}, {}, 4),
        # Two are always farthest apart, which alone counts for little.
        ({2: 2.0, 3: 0.9, 4: 0.8, 5: 0.8, 6: 0.7, 7: 0.3}, {}, 6),
        # What the embeddings do not agree on neither is chosen nor counts as finer.
        ({2: 2.0, 3: 1.9, 4: 0.3}, {3: 0.5}, 2),
        ({2: 0.35, 3: 0.3}, {}, None),
        ({2: 2.0}, {2: 0.7}, None),
        ({}, {}, None),
    ],
)
def test_the_number_after_which_the_gap_closes_is_chosen(
    dips: dict[int, float], agreements: dict[int, float], expected: int | None
) -> None:
    candidates = {k: Separation(dip, agreements.get(k, 1.0)) for k, dip in dips.items()}
    assert best_separated(candidates) == expected


def test_near_the_boundary_are_those_nearest_to_the_other_cluster() -> None:
    # Ten on either side of 0, and two more far away on the right.
    points = np.array([*range(-10, 0), *range(1, 11), 50, 60], dtype=float)[:, None]
    near = points[near_boundary(points, points[:, 0] > 0), 0]
    assert sorted(near) == [-5, -4, -3, -2, -1, 1, 2, 3, 4, 5]


def test_a_gap_is_at_the_boundary_too_and_a_bend_has_none() -> None:
    two, _ = blobs(160, 0, n_clusters=2, n_features=4)
    angles = np.linspace(-np.pi / 2, np.pi / 2, 160)
    bend = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    bend += 0.05 * np.random.default_rng(0).normal(size=bend.shape)
    apart, bent = (separation(points, [points, points], 2, seed=0) for points in (two, bend))
    assert apart.boundary_dip > 1.0
    assert bent.dip > 0.6 > 0.5 > bent.boundary_dip
