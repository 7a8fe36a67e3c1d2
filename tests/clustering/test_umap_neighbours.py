"""With neighbours that are known already an embedding is UMAP's own, to the last bit."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from equiclust.clustering.umap_embedding import umap_embedding
from tests.clustering.shapes import noise


@pytest.mark.parametrize("n_neighbors", [15, 5])
@pytest.mark.parametrize("distance", [0.0, 1e3])
def test_the_embedding_is_that_of_umap(n_neighbors: int, distance: float) -> None:
    points = noise(120, 0, n_features=9)
    # Far apart, the graph has two pieces; rounded ones are often equally far from each other.
    points[60:] += distance
    points[:30] = np.round(points[:30])
    own = umap_embedding(points, n_neighbors=n_neighbors, n_components=3, random_state=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from umap import UMAP

        plain = UMAP(n_neighbors=n_neighbors, n_components=3, n_jobs=1, random_state=1)
        expected = plain.fit_transform(points)
    np.testing.assert_array_equal(own, expected)
