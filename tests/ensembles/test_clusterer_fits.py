"""Clusterers fitted side by side are those fitted in turn, whatever the number of processes."""

from __future__ import annotations

import numpy as np
import pytest
from joblib import parallel_config

from ensembles.clusterer_fits import fit_clusterers
from equiclust.clustering import make_clusterer
from tests.clustering.shapes import noise


@pytest.mark.parametrize("method", ["kmeans", pytest.param("manifold", marks=pytest.mark.slow)])
def test_the_number_of_processes_does_not_matter(method: str) -> None:
    vectors = [noise(300 + k, k, n_features=4) for k in range(3)]
    fits = []
    for n_jobs in (1, 2):
        clusterers = [make_clusterer(method, 3, random_state=k) for k in range(3)]
        with parallel_config(n_jobs=n_jobs):
            fits.append(fit_clusterers(clusterers, vectors))
    for own, one, other in zip(vectors, *fits, strict=True):
        assert len(one.labels_) == len(own)
        np.testing.assert_array_equal(one.labels_, other.labels_)
        np.testing.assert_array_equal(one.predict_proba(own), other.predict_proba(own))
