"""Scores computed side by side are those computed in turn."""

from __future__ import annotations

import numpy as np
import pytest
from joblib import parallel_config

from equiclust.clustering import choose_n_clusters
from tests.clustering.shapes import noise


def test_the_number_of_processes_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("equiclust.clustering.cluster_scores._LEAST_SIDE_BY_SIDE", 2)
    points = np.concatenate([noise(30, 0, n_features=4), noise(30, 1, n_features=4) + 6])
    chosen = []
    for n_jobs in (1, 2):
        with parallel_config(n_jobs=n_jobs):
            chosen.append(choose_n_clusters(points, candidates=(2, 4), random_state=0))
    assert chosen[0] == chosen[1]
    assert chosen[0].n_clusters == 2
