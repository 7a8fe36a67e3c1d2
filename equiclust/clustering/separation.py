r"""How many clusters are apart: held-out dips between all pairs of the clusters of a partition.

For every number of clusters, Gaussian mixtures in several embeddings that differ by their seed give
one partition, by average linkage of how often two samples are together (evidence accumulation
[1]_). Of every pair of its clusters, Fisher's discriminant, learned from half of the samples, puts
the other half on a line; the dip [2]_ of these says how far they are from having one mode. Two
parts of one cluster have small dips, and no number of clusters above the true one can do without
such a pair. A partition is worth as much as its weakest pair.

Samples of one cluster along a bent curve can have two modes on a straight line. So the dip is also
measured of those samples alone that lie near the boundary of the two clusters, where a curve is
straight: there, samples of one cluster have no gap.

References
----------
.. [1] Fred, A. & Jain, A. 2005, "Combining multiple clusterings using evidence accumulation", IEEE
   Trans. Pattern Anal. Mach. Intell. 27, 835.
.. [2] Hartigan, J. A. & Hartigan, P. M. 1985, "The dip test of unimodality", Ann. Statist. 13, 70.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import cdist, squareform
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from equiclust.clustering.unimodality import scaled_dip, within_covariance
from equiclust.typing import BoolArray, Float64Array, IntArray

__all__ = [
    "CHANCE",
    "CLEAR_BOUNDARY_DIP",
    "LEAST_BOUNDARY_DIP",
    "N_AXES",
    "Separation",
    "accumulated_partition",
    "best_separated",
    "near_boundary",
    "pair_p_value",
    "pair_separation",
    "separation",
]

N_AXES = 20
"""Axes on which discriminants are learned; the first are those of largest variance."""

_N_HALVES = 2
_N_STARTS = 3
# Half of a smaller cluster gives no discriminant.
_FEWEST = 4
# Least scaled dip, and least agreement of the embeddings, of a partition that counts.
_LEAST_DIP = 0.38
_LEAST_AGREEMENT = 0.8
CHANCE = 0.25
"""Scaled dip of samples of one mode."""

LEAST_BOUNDARY_DIP, CLEAR_BOUNDARY_DIP = 0.55, 0.8
"""Scaled dips near a boundary with a gap, where there are signs of one already and where there are
none. Measured, see `benchmarks/n_clusters.py`."""

# Share of the samples of the smaller cluster that are near the boundary, and the number of samples
# of the other cluster to which the distance counts.
_NEAR = 0.5
_N_NEAREST = 5

# Dips that the parts of 4,000 uniform squares of 300 samples exceeded with these frequencies.
_PAIR_DIPS = (
    0.247,
    0.287,
    0.366,
    0.435,
    0.481,
    0.522,
    0.573,
    0.606,
    0.627,
    0.665,
    0.698,
    0.726,
    0.85,
)
_PAIR_P_VALUES = (0.99, 0.9, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0001)


class Separation(NamedTuple):
    """What speaks for a partition.

    Attributes
    ----------
    dip : float
        Scaled dip of its weakest pair of clusters, 0.3 by chance.
    agreement : float
        Mean adjusted Rand index of the partitions by single embeddings.
    boundary_dip : float, default 0
        The least scaled dip of samples near the boundary of a pair of clusters.
    """

    dip: float
    agreement: float
    boundary_dip: float = 0.0


def separation(
    points: Float64Array, embeddings: Sequence[Float64Array], n_clusters: int, *, seed: int
) -> Separation:
    """Separation of the clusters of a partition.

    Parameters
    ----------
    points : ndarray (n, d)
        Samples, on axes of falling variance.
    embeddings : sequence of ndarray (n, e)
        Of the same samples; two or more.
    n_clusters : int
        At least 2.
    seed : int

    Returns
    -------
    Separation
    """
    labels, agreement = accumulated_partition(embeddings, n_clusters, seed=seed)
    found = np.unique(labels)
    if len(found) < n_clusters:
        return Separation(0.0, agreement)
    dips, boundary_dips = [], []
    for one, other in itertools.combinations(found, 2):
        either = (labels == one) | (labels == other)
        own, is_second = points[either, :N_AXES], labels[either] == other
        near = near_boundary(own, is_second)
        dips.append(pair_separation(own, is_second, seed=seed))
        boundary_dips.append(pair_separation(own[near], is_second[near], seed=seed))
    return Separation(min(dips), agreement, min(boundary_dips))


def accumulated_partition(
    embeddings: Sequence[Float64Array], n_clusters: int, *, seed: int
) -> tuple[IntArray, float]:
    """One partition by mixtures in several embeddings.

    Parameters
    ----------
    embeddings : sequence of ndarray (n, e)
        Of the same samples; two or more.
    n_clusters : int
        At least 2.
    seed : int

    Returns
    -------
    labels : ndarray (n,), int
        From 1; of fewer clusters where the embeddings put all samples of two together.
    agreement : float
        Mean adjusted Rand index of the partitions by single embeddings.
    """
    partitions = [_mixture_labels(one, n_clusters, seed + k) for k, one in enumerate(embeddings)]
    pairs = itertools.combinations(partitions, 2)
    agreement = float(np.mean([adjusted_rand_score(one, other) for one, other in pairs]))
    return _accumulated(partitions, n_clusters), agreement


def pair_separation(points: Float64Array, is_second: BoolArray, *, seed: int) -> float:
    """Mean dip of the samples of two clusters along discriminants that other samples give.

    Parameters
    ----------
    points : ndarray (n, d)
    is_second : ndarray (n,), bool
        Whether a sample belongs to the second of the two.
    seed : int
        For the halves.

    Returns
    -------
    float
        Scaled as in `equiclust.clustering.unimodality`; 0 where a cluster has fewer than four
        samples.
    """
    sizes = int(is_second.sum()), int((~is_second).sum())
    if min(sizes) < _FEWEST:
        return 0.0
    generator = np.random.RandomState(seed)
    dips = []
    for _ in range(_N_HALVES):
        order = generator.permutation(len(points))
        # Both halves have as many samples of either cluster.
        order = order[np.argsort(is_second[order], kind="stable")]
        positions = np.empty(len(points))
        for seen, unseen in ((order[::2], order[1::2]), (order[1::2], order[::2])):
            direction, middle = _discriminant(points[seen], is_second[seen])
            positions[unseen] = points[unseen] @ direction - middle
        dips.append(scaled_dip(positions))
    return float(np.mean(dips))


def near_boundary(points: Float64Array, is_second: BoolArray) -> IntArray:
    """Samples of two clusters that are nearest to the other cluster.

    Parameters
    ----------
    points : ndarray (n, d)
    is_second : ndarray (n,), bool
        Whether a sample belongs to the second of the two.

    Returns
    -------
    ndarray (m,), int
        Rows, as many of either cluster: half as many as the smaller one has.
    """
    first, second = np.flatnonzero(~is_second), np.flatnonzero(is_second)
    between = cdist(points[first], points[second])
    n_near = int(np.ceil(_NEAR * min(between.shape)))
    n_nearest = min(_N_NEAREST, *between.shape)
    distances = (
        np.partition(own, n_nearest - 1, axis=1)[:, :n_nearest].mean(axis=1)
        for own in (between, between.T)
    )
    nearest = [
        rows[np.argsort(own, kind="stable")[:n_near]]
        for rows, own in zip((first, second), distances, strict=True)
    ]
    return np.concatenate(nearest)


def pair_p_value(dip: float) -> float:
    """Probability that two parts of one cluster have as large a dip as that.

    Parameters
    ----------
    dip : float
        From `pair_separation`.

    Returns
    -------
    float
        From 0.0001, for all smaller probabilities, to 0.99. That of parts by two-means of a uniform
        distribution in a square, which have larger dips than parts of a Gaussian or of a cluster in
        more dimensions; below 0.0005 it is extrapolated.
    """
    return float(np.exp(np.interp(dip, _PAIR_DIPS, np.log(_PAIR_P_VALUES))))


def best_separated(candidates: Mapping[int, Separation]) -> int | None:
    """The number of clusters after which separation falls most.

    Parameters
    ----------
    candidates : mapping of int to Separation

    Returns
    -------
    int or None
        Of the partitions on which the embeddings agree, and whose clusters have dips beyond chance,
        the one with the largest ratio of its dip to that of any with more clusters, times its
        number of clusters, since coarse partitions are separated best. None where there is none.
    """
    agreed = [one for one in sorted(candidates) if candidates[one].agreement >= _LEAST_AGREEMENT]
    worth = {}
    for place, number in enumerate(agreed):
        dip = candidates[number].dip
        finer = max((candidates[one].dip for one in agreed[place + 1 :]), default=0.0)
        if dip >= _LEAST_DIP:
            worth[number] = number * dip / max(finer, CHANCE)
    return max(worth, key=lambda number: worth[number]) if worth else None


def _mixture_labels(embedding: Float64Array, n_clusters: int, seed: int) -> IntArray:
    mixture = GaussianMixture(
        n_clusters, n_init=_N_STARTS, reg_covar=1e-3, random_state=seed % 2**31
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.asarray(mixture.fit_predict(embedding))


def _accumulated(partitions: Sequence[IntArray], n_clusters: int) -> IntArray:
    together = np.mean([one[:, None] == one for one in partitions], axis=0)
    tree = linkage(squareform(1.0 - together, checks=False), "average")
    return np.asarray(fcluster(tree, n_clusters, "maxclust"))


def _discriminant(points: Float64Array, is_second: BoolArray) -> tuple[Float64Array, float]:
    """Fisher's discriminant with unit distance between the means, and where their middle lies."""
    means = points[~is_second].mean(axis=0), points[is_second].mean(axis=0)
    deviations = points - np.where(is_second[:, None], means[1], means[0])
    direction = np.linalg.solve(within_covariance(deviations), means[1] - means[0])
    length = float(direction @ (means[1] - means[0]))
    direction = direction / (length if length > 0 else 1.0)
    return direction, float(direction @ (means[0] + means[1]) / 2)
