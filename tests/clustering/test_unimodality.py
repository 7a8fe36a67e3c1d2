"""The dip agrees with its definition, and heaps without a valley are one cluster."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import linprog

from equiclust.clustering import choose_n_clusters
from equiclust.clustering.unimodality import dip, unimodality_p_value
from tests.clustering.shapes import blobs


def dip_by_linear_programming(sample: np.ndarray) -> float:
    """Smallest distance to a distribution function that is convex, then concave, on a fine grid."""
    x = np.sort(sample)
    n = len(x)
    steps = np.diff(x)
    best = np.inf
    for mode in range(n):
        # Unknowns: the function at the samples and the distance. Its slope rises up to the mode and
        # falls after it; at the mode it may jump, which two values there allow for.
        values = n + 1
        place = [i if i <= mode else i + 1 for i in range(n)]
        slopes = []
        for i in range(n - 1):
            left = mode + 1 if i == mode else place[i]
            row = np.zeros(values + 1)
            row[place[i + 1] if i + 1 != mode else mode] += 1 / steps[i]
            row[left] -= 1 / steps[i]
            slopes.append(row)
        rows = [a - b for a, b in itertools.pairwise(slopes[:mode])]
        rows += [b - a for a, b in itertools.pairwise(slopes[mode:])]
        rows += [-row for row in slopes]
        jump = np.zeros(values + 1)
        jump[mode], jump[mode + 1] = 1, -1
        rows.append(jump)
        bounds = [0.0] * len(rows)
        for i in range(n):
            below = mode if i == mode else place[i]
            above = mode + 1 if i == mode else place[i]
            up, down = np.zeros(values + 1), np.zeros(values + 1)
            up[below], up[-1] = -1, -1
            down[above], down[-1] = 1, -1
            low, high = np.zeros(values + 1), np.zeros(values + 1)
            low[above], low[-1] = -1, -1
            high[below], high[-1] = 1, -1
            if i == mode:
                rows += [high, low]
                bounds += [i / n, -(i + 1) / n]
            else:
                rows += [low, high]
                bounds += [-(i + 1) / n, i / n]
        cost = np.zeros(values + 1)
        cost[-1] = 1
        found = linprog(
            cost, A_ub=np.array(rows), b_ub=bounds, bounds=[(None, None)] * (values + 1)
        )
        best = min(best, float(found.fun))
    return best


@pytest.mark.parametrize("seed", range(8))
def test_the_dip_is_the_distance_to_the_nearest_unimodal_function(seed: int) -> None:
    sample = np.random.default_rng(seed).normal(size=9) + 4.0 * (seed % 2) * (np.arange(9) > 4)
    assert dip(sample) == pytest.approx(max(dip_by_linear_programming(sample), 1 / 18), abs=1e-6)


def test_the_dip_does_not_care_for_scale_and_direction() -> None:
    sample = np.random.default_rng(0).normal(size=80)
    assert dip(3.0 - 2.0 * sample) == pytest.approx(dip(sample))


@pytest.mark.parametrize("shape", ["uniform", "gaussian", "long gaussian"])
@pytest.mark.parametrize("n_features", [2, 8])
def test_one_heap_is_one_cluster(shape: str, n_features: int) -> None:
    found = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        draw = rng.uniform if shape == "uniform" else rng.normal
        points = draw(size=(120, n_features))
        if shape == "long gaussian":
            points = points @ np.diag(np.linspace(1, 8, n_features))
        found.append(unimodality_p_value(points, np.random.RandomState(seed)) > 0.02)
    assert sum(found) >= 4


@pytest.mark.parametrize("n_clusters", [2, 4])
def test_clusters_are_more_than_one_heap(n_clusters: int, random_state: int) -> None:
    points, _ = blobs(160, random_state, n_clusters=n_clusters, n_features=6)
    assert unimodality_p_value(points, np.random.RandomState(0)) < 0.01


def test_noise_has_no_clusters() -> None:
    noise = np.random.default_rng(0).normal(size=(150, 6))
    choice = choose_n_clusters(noise, candidates=range(2, 4), random_state=0)
    assert choice.n_clusters == 1
    assert choice.unimodal_p is not None
    assert choice.unimodal_p > 0.02
