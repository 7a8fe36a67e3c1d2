"""Consensus of many clusterings of the same objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from equiclust.evaluation.metrics import match_one_to_one
from equiclust.typing import Float64Array, IntArray

__all__ = ["Consensus", "Method", "align", "mean_memberships", "reach_consensus", "vote"]

Method = Literal["vote", "coassociation"]

_MAX_ITERATIONS = 20
# Number of objects by which the first reference is chosen.
_MAX_COMPARED = 2000


@dataclass(frozen=True, eq=False)
class Consensus:
    """Labels of objects, and the labels that the clusters of every clustering correspond to.

    Parameters
    ----------
    labels : ndarray (n,), int
    names : ndarray (n_clusterings, n_clusters), int
        ``names[m][k]`` is the label in the consensus of cluster `k` of clustering `m`.
    """

    labels: IntArray
    names: IntArray


def reach_consensus(memberships: Float64Array, method: Method, *, seed: int) -> Consensus:
    """Find the consensus of many clusterings.

    Parameters
    ----------
    memberships : ndarray (n_clusterings, n, n_clusters)
        Membership of each object in each cluster; rows sum to one.
    method : {"vote", "coassociation"}
        "vote" aligns the clusterings with a reference, takes the majority as the new reference, and
        repeats this until nothing changes (Strehl & Ghosh 2002, JMLR 3, 583, for the problem;
        Dimitriadou, Weingessel & Hornik 2002 for voting). "coassociation" clusters the objects by
        how often two of them share a cluster: the normalised cut of the bipartite graph of objects
        and clusters (Fern & Brodley 2004, ICML 36), which has ``n * n_clusterings`` edges.
    seed : int
        Seed of the objects compared in "vote", and of the k-means of "coassociation".

    Returns
    -------
    Consensus
        Of `n` objects.
    """
    if method == "vote":
        labels = _most_similar_labels(memberships.argmax(axis=2), seed)
    else:
        labels = _coassociation_labels(memberships.argmax(axis=2), memberships.shape[2], seed)
    return _agree(memberships, labels)


def vote(memberships: Float64Array, names: IntArray) -> tuple[IntArray, Float64Array]:
    """Labels by majority vote of the clusterings.

    Of labels with the same number of votes the one with the larger sum of memberships is taken, and
    if that is equal too, the lower one.

    Parameters
    ----------
    memberships : ndarray (n_clusterings, n, n_clusters)
    names : ndarray (n_clusterings, n_clusters), int
        As in `Consensus`.

    Returns
    -------
    labels : ndarray (n,), int
    shares : ndarray (n, n_clusters)
        Share of the votes for each label.
    """
    aligned = _renamed(memberships, names)
    n_clusterings, n, n_clusters = aligned.shape
    votes = np.zeros((n, n_clusters))
    for given in aligned.argmax(axis=2):
        votes[np.arange(n), given] += 1
    # The sum of memberships counts less than one vote.
    score = votes + aligned.sum(axis=0) / (n_clusterings + 1)
    return score.argmax(axis=1), votes / n_clusterings


def mean_memberships(memberships: Float64Array, names: IntArray) -> Float64Array:
    """Memberships in the clusters of the consensus, the mean over the clusterings.

    Parameters
    ----------
    memberships : ndarray (n_clusterings, n, n_clusters)
    names : ndarray (n_clusterings, n_clusters), int
        As in `Consensus`.

    Returns
    -------
    ndarray (n, n_clusters)
        Rows sum to one.
    """
    mean: Float64Array = _renamed(memberships, names).mean(axis=0)
    return mean


def align(labels: IntArray, reference: IntArray, n_clusters: int) -> IntArray:
    """New labels of clusters with which the largest number of objects agrees with a reference.

    The Hungarian method (Kuhn 1955, Naval Res. Logist. Q. 2, 83) on the contingency table.

    Parameters
    ----------
    labels, reference : ndarray (n,), int
        From 0 to `n_clusters - 1`.
    n_clusters : int

    Returns
    -------
    ndarray (n_clusters,), int
        ``align(labels, reference, n_clusters)[labels]`` are the new labels.
    """
    counts = np.zeros((n_clusters, n_clusters), dtype=np.int64)
    np.add.at(counts, (labels, reference), 1)
    return match_one_to_one(counts)


def _agree(memberships: Float64Array, labels: IntArray) -> Consensus:
    """Align the clusterings with the labels and vote, until the labels stay the same."""
    n_clusters = memberships.shape[2]
    given = memberships.argmax(axis=2)
    for _ in range(_MAX_ITERATIONS):
        names = np.stack([align(own, labels, n_clusters) for own in given])
        voted, _ = vote(memberships, names)
        if np.array_equal(voted, labels):
            break
        labels = voted
    return Consensus(labels, names)


def _renamed(memberships: Float64Array, names: IntArray) -> Float64Array:
    return np.stack([own[:, np.argsort(k)] for own, k in zip(memberships, names, strict=True)])


def _most_similar_labels(given: IntArray, seed: int) -> IntArray:
    """Labels of the clustering with the largest mean adjusted Rand index with all others."""
    n = given.shape[1]
    compared = np.random.default_rng(seed).permutation(n)[:_MAX_COMPARED]
    similarity = [
        np.mean([adjusted_rand_score(one[compared], other[compared]) for other in given])
        for one in given
    ]
    return np.asarray(given[int(np.argmax(similarity))])


def _coassociation_labels(given: IntArray, n_clusters: int, seed: int) -> IntArray:
    n_clusterings, n = given.shape
    columns = given + n_clusters * np.arange(n_clusterings)[:, None]
    rows = np.tile(np.arange(n), n_clusterings)
    incidence = csr_array(
        (np.ones(n_clusterings * n), (rows, columns.ravel())),
        shape=(n, n_clusterings * n_clusters),
    )
    sizes = np.maximum(np.asarray(incidence.sum(axis=0)).ravel(), 1.0)
    scaled = incidence.multiply(1.0 / np.sqrt(sizes)).tocsr()
    rank = min(n_clusters, min(scaled.shape) - 1)
    left, values, _ = svds(scaled, k=rank, rng=np.random.default_rng(seed))
    order = np.argsort(-values)
    vectors = left[:, order]
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(float).tiny)
    labels = KMeans(n_clusters, n_init=10, random_state=seed).fit_predict(vectors)
    return np.asarray(labels, dtype=np.int64)
