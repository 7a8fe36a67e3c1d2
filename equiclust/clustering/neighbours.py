"""The nearest of some thousand references, for millions of samples in many dimensions.

In many dimensions a tree compares nearly every reference with every sample, one pair after another.
Here matrix products find the neighbours (`equiclust.evaluation.neighbour_products`) of all samples
for which rounding cannot matter; the others are left to the tree. The result is therefore that of
the tree, whatever the batch.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

from equiclust.evaluation.neighbour_products import Ranked, References, rank_neighbours
from equiclust.typing import BoolArray, Float64Array, IntArray

__all__ = ["Neighbours", "nearest"]

# In few dimensions the tree is faster, and for few samples it does not matter.
_FEW_DIMENSIONS = 8
_LEAST_WORK = 2**27


class Neighbours(NamedTuple):
    """The nearest references of `n` samples.

    Attributes
    ----------
    distances : ndarray (n, k)
        Nearest first.
    indices : ndarray (n, k), int
        Of the references.
    """

    distances: Float64Array
    indices: IntArray


def nearest(tree: KDTree, points: Float64Array, n_nearest: int) -> Neighbours:
    """The references nearest to each sample, as `KDTree.query` finds them.

    Parameters
    ----------
    tree : KDTree over (m, d)
        The references.
    points : ndarray (n, d)
        Samples.
    n_nearest : int
        Between 1 and `m`.

    Returns
    -------
    Neighbours
        Beside it some 20 MB are needed.
    """
    if len(points) * tree.n * tree.m < _LEAST_WORK or tree.m <= _FEW_DIMENSIONS:
        return _by_tree(tree, points, n_nearest)
    references = References.of(np.asarray(tree.data))
    if not references.has_enough(n_nearest):
        return _by_tree(tree, points, n_nearest)
    distances = np.empty((len(points), n_nearest))
    indices = np.empty((len(points), n_nearest), dtype=np.int64)
    size = references.block_size
    for start in range(0, len(points), size):
        rows = slice(start, start + size)
        ranked = rank_neighbours(references, points[rows], n_nearest)
        distances[rows] = np.sqrt(ranked.squares[:, :n_nearest])
        indices[rows] = ranked.indices[:, :n_nearest]
        unsure = start + np.flatnonzero(~_is_that_of_tree(ranked, n_nearest))
        if len(unsure):
            distances[unsure], indices[unsure] = _by_tree(tree, points[unsure], n_nearest)
    return Neighbours(distances, indices)


def _is_that_of_tree(ranked: Ranked, n_nearest: int) -> BoolArray:
    """For which samples no other reference can be as near, and no two are equally near."""
    alone = ranked.squares[:, n_nearest - 1] < ranked.least_other
    differ = ranked.squares[:, 1 : n_nearest + 1] > ranked.squares[:, :n_nearest]
    return np.asarray(alone & differ.all(axis=1))


def _by_tree(tree: KDTree, points: Float64Array, n_nearest: int) -> Neighbours:
    distances, indices = tree.query(points, k=range(1, n_nearest + 1))
    return Neighbours(np.asarray(distances), np.asarray(indices, dtype=np.int64))
