"""Nearest neighbours of some thousand samples, to the last bit those that UMAP finds itself."""

from __future__ import annotations

import numpy as np

from equiclust.compiled import compiled, inlined
from equiclust.typing import Array

__all__ = ["MOST_COMPARED", "known_neighbours"]

MOST_COMPARED = 4095
"""Number of samples up to which UMAP compares all pairs, one call of a function after another."""


def known_neighbours(points: Array, n_neighbors: int) -> tuple[Array, Array]:
    """Indices and distances of the nearest samples, for `umap.UMAP(precomputed_knn=...)`.

    Parameters
    ----------
    points : ndarray (n, d)
        Samples.
    n_neighbors : int
        Less than `n`; a sample is its own first neighbour.

    Returns
    -------
    indices : ndarray (n, n_neighbors), int
    distances : ndarray (n, n_neighbors), float32
    """
    # It takes seconds to import.
    from umap.utils import fast_knn_indices

    distances = np.zeros((len(points), len(points)), dtype=np.float32)
    _compare_all(np.ascontiguousarray(points, dtype=np.float32), distances)
    indices = fast_knn_indices(distances, n_neighbors)
    return indices, np.take_along_axis(distances, indices, axis=1)


def _distance(one: Array, other: Array) -> float:
    """Euclidean, with sums in any order, as UMAP computes it."""
    total = 0.0
    for k in range(one.shape[0]):
        total += (one[k] - other[k]) ** 2
    return float(np.sqrt(total))


_euclidean = inlined(_distance, fastmath=True)


@compiled
def _compare_all(points: Array, distances: Array) -> None:
    for i in range(len(points)):
        for j in range(i + 1, len(points)):
            distances[i, j] = distances[j, i] = _euclidean(points[i], points[j])
