"""Scores of every number of clusters, computed side by side."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from statistics import median_low
from typing import Any, NamedTuple

import numpy as np
from joblib import delayed
from sklearn.cluster import HDBSCAN
from sklearn.metrics import adjusted_rand_score, silhouette_score

from equiclust.clustering.gap_statistic import gap_statistic
from equiclust.clustering.latent_checks import distinct_rows
from equiclust.clustering.manifold import ManifoldModel, embed
from equiclust.clustering.methods import CentreModel, MixtureModel
from equiclust.clustering.separation import Separation, separation
from equiclust.clustering.unimodality import MIN_SAMPLES
from equiclust.processes import Call, make_calls
from equiclust.typing import Float64Array, IntArray

__all__ = ["ClusterScores", "cluster_scores", "prediction_strength"]

# Fewer samples take less time than processes take to start.
_LEAST_SIDE_BY_SIDE = 300
# Dimensions of an embedding, number of embeddings in which dense regions are counted, and number of
# those whose partitions are accumulated, of which they are the first.
_N_DIMENSIONS = 5
_N_COUNTED = 3
_N_ACCUMULATED = 5
_NOT_SEPARATED = Separation(0.0, 0.0)
# A dense region has at least one in 25 of the samples, and at least five.
_DENSE_FRACTION = 25
_MIN_DENSE = 5


class ClusterScores(NamedTuple):
    """What speaks for every number of clusters.

    Attributes
    ----------
    columns : dict of str to list of float
        One value of every score for each number; higher is better, NaN where it is not defined.
    n_dense : int
        Number of dense regions.
    separations : list of Separation
        One for each number; empty where gaps are not looked for.
    """

    columns: dict[str, list[float]]
    n_dense: int
    separations: list[Separation]


def cluster_scores(
    points: Float64Array,
    everything: Float64Array,
    unscaled: Float64Array | None,
    halves: Sequence[Sequence[IntArray]],
    candidates: Sequence[int],
    *,
    seed: int,
) -> ClusterScores:
    """Score every number of clusters, with the same result however many processes there are.

    Parameters
    ----------
    points : ndarray (n, c)
        Samples, whitened, on the axes that matter most.
    everything : ndarray (n, d)
        The same samples on all axes, for their neighbourhoods.
    unscaled : ndarray (n, d) or None
        The same samples on principal axes, on which gaps are looked for; None for no look. It takes
        100 samples.
    halves : sequence of pairs of ndarray
        Rows of the two halves of every split.
    candidates : sequence of int
        Numbers of clusters.
    seed : int

    Returns
    -------
    ClusterScores
    """
    distinct, index, _ = distinct_rows(everything)
    looks = unscaled is not None and len(points) >= MIN_SAMPLES
    n_embeddings = _N_ACCUMULATED if looks else _N_COUNTED
    side_by_side = len(points) >= _LEAST_SIDE_BY_SIDE
    found = _call_groups(
        {
            "agreements": [delayed(_agreements)(everything, *h, candidates, seed) for h in halves],
            "gap": [delayed(gap_statistic)(points, candidates, seed=seed)],
            "embeddings": [
                delayed(embed)(distinct, _N_DIMENSIONS, seed=seed + k) for k in range(n_embeddings)
            ],
            "bic": [delayed(_bic)(points, k, seed) for k in candidates],
            "silhouette": [delayed(_silhouette)(points, k, seed) for k in candidates],
        },
        side_by_side=side_by_side,
    )
    agreements = _means(found["agreements"], len(candidates))
    columns = {
        "prediction_strength": [one.strength for one in agreements],
        "stability": [one.stability for one in agreements],
        "gap": found["gap"][0],
        "silhouette": found["silhouette"],
        "negative_bic": [-bic for bic in found["bic"]],
    }
    embeddings = found["embeddings"]
    n_dense = _n_dense(embeddings[:_N_COUNTED])
    if unscaled is None or not looks:
        return ClusterScores(columns, n_dense, [])
    axes = np.empty((len(distinct), unscaled.shape[1]))
    axes[index] = unscaled
    separations = make_calls(
        [delayed(_separation)(axes, embeddings, k, seed) for k in reversed(candidates)],
        side_by_side=side_by_side,
    )
    return ClusterScores(columns, n_dense, separations[::-1])


def _call_groups(groups: dict[str, list[Call]], *, side_by_side: bool) -> dict[str, list[Any]]:
    calls = [call for group in groups.values() for call in group]
    results = iter(make_calls(calls, side_by_side=side_by_side))
    return {name: list(islice(results, len(group))) for name, group in groups.items()}


def _separation(
    axes: Float64Array, embeddings: list[Float64Array], n_clusters: int, seed: int
) -> Separation:
    """0 for a single cluster, and where every sample is one."""
    if not 1 < n_clusters < len(axes):
        return _NOT_SEPARATED
    return separation(axes, embeddings, n_clusters, seed=seed)


def _n_dense(embeddings: Sequence[Float64Array]) -> int:
    """Number of dense regions: the median over embeddings that differ by their seed."""
    n = len(embeddings[0])
    smallest = max(_MIN_DENSE, n // _DENSE_FRACTION)
    if n < 2 * smallest:
        return 1
    counts = [
        int(HDBSCAN(smallest, copy=True).fit(embedded).labels_.max()) + 1 for embedded in embeddings
    ]
    return max(median_low(counts), 1)


def _silhouette(points: Float64Array, n_clusters: int, seed: int) -> float:
    """Mean silhouette of k-means; NaN where it is not defined."""
    labels = CentreModel.fit(points, n_clusters, seed).memberships(points).argmax(axis=1)
    if not 1 < len(np.unique(labels)) < len(points):
        return float("nan")
    return float(silhouette_score(points, labels))


def _bic(points: Float64Array, n_clusters: int, seed: int) -> float:
    return float(MixtureModel.fit(points, n_clusters, seed).mixture.bic(points))


class _Agreement(NamedTuple):
    """Agreement of the clusterings of two halves: prediction strength, and ARI on all samples."""

    strength: float
    stability: float


def _means(splits: Sequence[list[_Agreement]], n_candidates: int) -> list[_Agreement]:
    """One for each candidate, the mean over the splits."""
    if not splits:
        return [_Agreement(0.0, 0.0)] * n_candidates
    return [
        _Agreement(*map(float, np.mean(column, axis=0))) for column in zip(*splits, strict=True)
    ]


def _agreements(
    points: Float64Array, first: IntArray, second: IntArray, candidates: Sequence[int], seed: int
) -> list[_Agreement]:
    """One for each candidate; 0 where a half has fewer samples than clusters."""
    learned = []
    for half in (first, second):
        distinct = distinct_rows(points[half])[0]
        learned.append((distinct, embed(distinct, _N_DIMENSIONS, seed=seed)))
    found = []
    for k in candidates:
        if min(len(distinct) for distinct, _ in learned) < k:
            found.append(_Agreement(0.0, 0.0))
            continue
        one, other = (
            ManifoldModel.of_embedded(distinct, embedded, k, seed)
            .memberships(points)
            .argmax(axis=1)
            for distinct, embedded in learned
        )
        strengths = (
            prediction_strength(one[second], other[second]),
            prediction_strength(other[first], one[first]),
        )
        found.append(_Agreement(float(np.mean(strengths)), adjusted_rand_score(one, other)))
    return found


def prediction_strength(predicted: IntArray, own: IntArray) -> float:
    r"""Smallest share of pairs of a cluster that a clustering of other samples keeps together.

    :math:`\min_k \frac{1}{n_k (n_k - 1)} \sum_{i \neq j \in k} [p_i = p_j]` over the clusters `k`
    of the samples themselves, with :math:`p` the predicted labels.

    Parameters
    ----------
    predicted : ndarray (n,), int
        Labels by a clusterer that was fitted on other samples.
    own : ndarray (n,), int
        Labels by a clusterer that was fitted on these samples.

    Returns
    -------
    float
        From 0 to 1; clusters of one sample are left out.
    """
    shares = []
    for label in np.unique(own):
        sizes = np.bincount(predicted[own == label])
        n = int(sizes.sum())
        if n > 1:
            shares.append(float(np.sum(sizes * (sizes - 1))) / (n * (n - 1)))
    return min(shares, default=0.0)
