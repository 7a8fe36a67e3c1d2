"""Samples without a valley are one cluster, and clusters are more than one."""

from __future__ import annotations

import numpy as np
import pytest

from equiclust.clustering import choose_n_clusters
from equiclust.clustering.unimodality import unimodality_p_value
from tests.clustering.shapes import blobs


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
    assert choice.unimodal_p > 0.01


def test_the_p_value_does_not_depend_on_scale_and_direction() -> None:
    points, _ = blobs(160, 0, n_clusters=2, n_features=3)
    points[:, 0] *= 0.3
    one, other = (
        unimodality_p_value(values, np.random.RandomState(0))
        for values in (points, 3.0 - 2.0 * points)
    )
    assert one == pytest.approx(other)


@pytest.mark.parametrize("degrees", [180, 240])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_bend_is_one_cluster(degrees: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    angles = np.radians(degrees) * rng.uniform(-0.5, 0.5, 240)
    points = np.stack([np.cos(angles), np.sin(angles), 0 * angles, 0 * angles], axis=1)
    points += 0.08 * rng.normal(size=points.shape)
    # On a straight line it has two modes.
    assert unimodality_p_value(points, np.random.RandomState(0)) < 0.01
    assert choose_n_clusters(points, candidates=range(2, 5), random_state=0).n_clusters == 1
