"""The gap statistic agrees with a formula written out, and tells clusters from none."""

from __future__ import annotations

import numpy as np
import pytest

from equiclust.clustering.gap_statistic import gap_statistic
from tests.clustering.shapes import blobs


def test_one_cluster_is_the_variance_about_the_mean(random_state: int) -> None:
    """With one centre nothing is left to k-means: W is the sum of squares about the mean."""
    points = np.random.default_rng(random_state).normal(size=(4000, 2))
    low, high = points.min(axis=0), points.max(axis=0)
    # The variance of a uniform distribution is a twelfth of its squared width.
    expected = np.log(np.sum((high - low) ** 2) / 12) - np.log(points.var(axis=0).sum())
    assert gap_statistic(points, [1], seed=random_state)[0] == pytest.approx(expected, abs=0.01)


def test_even_points_have_no_gap_and_clusters_have_one(random_state: int) -> None:
    even = np.random.default_rng(random_state).uniform(size=(600, 2))
    assert np.abs(gap_statistic(even, [1, 2, 4, 8], seed=0)).max() < 0.05
    points, _ = blobs(600, random_state, n_clusters=4, n_features=6)
    gaps = gap_statistic(points, [2, 3, 4, 5], seed=0)
    assert int(np.argmax(np.diff(gaps) < 0.0)) == 2


def test_what_has_no_width_has_no_gap() -> None:
    points = np.arange(4.0)[:, None]
    assert np.isnan(gap_statistic(points, [4], seed=0)[0])
