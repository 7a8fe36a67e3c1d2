"""Clusters merged upwards, always the two that are least apart."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from equiclust.clustering.labels import canonical_order
from equiclust.clustering.separation import CHANCE, pair_p_value, pair_separation
from equiclust.typing import Float64Array, IntArray

__all__ = ["LEVEL", "Merge", "best_coarse_cut", "merge_clusters", "nodes_after"]

LEVEL = 0.01
"""Level of significance of a level of the tree, and of all splits together."""

# Factor by which the gap of a coarser level is wider; smaller ones arise by chance.
_LEAST_GAIN = 1.25


class Merge(NamedTuple):
    """Two nodes that become one.

    Nodes are numbered as in `scipy.cluster.hierarchy.linkage`: 0 to `n_clusters - 1` are the
    clusters, and the node that merge `k` makes is `n_clusters + k`.

    Attributes
    ----------
    first, second : int
        The two nodes.
    dip : float
        How far they are apart, see `equiclust.clustering.separation.pair_separation`.
    """

    first: int
    second: int
    dip: float


def merge_clusters(
    points: Float64Array, labels: IntArray, n_clusters: int, *, seed: int
) -> tuple[Merge, ...]:
    """Merge the two clusters that are least apart, until one is left.

    Parameters
    ----------
    points : ndarray (n, d)
        Samples, on axes of falling variance.
    labels : ndarray (n,), int
        From 0 to `n_clusters - 1`.
    n_clusters : int
        A label that does not occur is merged first.
    seed : int
        For the halves.

    Returns
    -------
    tuple of Merge
        `n_clusters - 1` of them.
    """
    nodes = {k: labels == k for k in range(n_clusters)}

    def apart(one: int, other: int) -> float:
        either = nodes[one] | nodes[other]
        return pair_separation(points[either], nodes[other][either], seed=seed)

    dips = {pair: apart(*pair) for pair in itertools.combinations(nodes, 2)}
    merges: list[Merge] = []
    while dips:
        first, second = min(dips, key=lambda pair: dips[pair])
        merges.append(Merge(first, second, dips[first, second]))
        made = n_clusters + len(merges) - 1
        nodes[made] = nodes.pop(first) | nodes.pop(second)
        dips = {pair: dip for pair, dip in dips.items() if not {first, second} & set(pair)}
        dips |= {(other, made): apart(other, made) for other in nodes if other != made}
    return tuple(merges)


def best_coarse_cut(merges: Sequence[Merge]) -> int:
    """The number of clusters above the leaves of the tree that is supported best.

    Parameters
    ----------
    merges : sequence of Merge

    Returns
    -------
    int
        Of the cuts into two or more clusters whose weakest gap is significant and at least a
        quarter wider than that of the cut below, the one for which it is wider by the largest
        factor; the number of leaves where there is none.
    """
    n_clusters = len(merges) + 1
    # The weakest gap between the clusters of each cut.
    dips = {n_clusters - k: merge.dip for k, merge in enumerate(merges)}
    gains = {
        number: dips[number] / max(dips[number + 1], CHANCE)
        for number in range(2, n_clusters)
        if pair_p_value(dips[number]) <= LEVEL
    }
    best = max(gains, key=lambda number: gains[number], default=n_clusters)
    return best if gains.get(best, 0.0) >= _LEAST_GAIN else n_clusters


def nodes_after(merges: Sequence[Merge], n_merges: int, sizes: IntArray) -> IntArray:
    """The cluster of each leaf after some of the merges.

    Parameters
    ----------
    merges : sequence of Merge
    n_merges : int
    sizes : ndarray (n_clusters,), int
        Number of samples of each leaf.

    Returns
    -------
    ndarray (n_clusters,), int
        From 0, the largest cluster first.
    """
    nodes = np.arange(len(sizes))
    for k, merge in enumerate(merges[:n_merges]):
        nodes[(nodes == merge.first) | (nodes == merge.second)] = len(sizes) + k
    found = np.unique(nodes, return_inverse=True)[1]
    order = canonical_order(np.repeat(found, sizes), int(found.max()) + 1)
    return np.asarray(np.argsort(order)[found])
