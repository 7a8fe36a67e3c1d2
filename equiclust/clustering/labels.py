"""Order of labels, centres of clusters, and memberships by distance to them."""

from __future__ import annotations

import warnings

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from equiclust.typing import Float64Array, IntArray

__all__ = ["canonical_order", "centre_memberships", "kmeans_centres", "within_cluster_variance"]


def canonical_order(labels: IntArray, n_clusters: int) -> IntArray:
    """Old label of each new label: the largest cluster first, ties by first appearance.

    Parameters
    ----------
    labels : ndarray (n,), int
        Values from 0 to `n_clusters - 1`.
    n_clusters : int
        Number of labels; those that do not occur come last.

    Returns
    -------
    ndarray (n_clusters,), int
        A permutation `order`: the cluster with label `order[k]` gets the label `k`.
    """
    sizes = np.bincount(labels, minlength=n_clusters)
    first = np.full(n_clusters, len(labels))
    np.minimum.at(first, labels, np.arange(len(labels)))
    return np.lexsort((first, -sizes)).astype(np.int64)


def centre_memberships(
    points: Float64Array, centres: Float64Array, variance: float
) -> Float64Array:
    r"""Membership of each sample in each cluster, from its distances to the centres.

    :math:`p_k \propto \exp(-|x - c_k|^2 / 2 s^2)`: that in a mixture of spherical Gaussians with
    equal weights and variance :math:`s^2`. The nearest centre has the highest membership.

    Parameters
    ----------
    points : ndarray (n, d)
        Samples.
    centres : ndarray (k, d)
        Cluster centres.
    variance : float
        :math:`s^2 > 0`.

    Returns
    -------
    ndarray (n, k)
        Rows sum to one.
    """
    # cdist treats each pair alone, so that the result of a sample does not depend on its batch.
    squared = cdist(points, centres, "sqeuclidean")
    squared -= squared.min(axis=1, keepdims=True)
    memberships = np.exp(-0.5 * squared / variance)
    return np.asarray(memberships / memberships.sum(axis=1, keepdims=True))


def within_cluster_variance(
    points: Float64Array, centres: Float64Array, counts: IntArray | None = None
) -> float:
    """Mean squared distance to the nearest centre, divided by the number of dimensions.

    Parameters
    ----------
    points : ndarray (n, d)
        Samples.
    centres : ndarray (k, d)
        Cluster centres.
    counts : ndarray (n,), int, optional
        How often each sample occurs; by default once.

    Returns
    -------
    float
        Above 0: at least the rounding error.
    """
    nearest = cdist(points, centres, "sqeuclidean").min(axis=1)
    mean = np.average(nearest, weights=counts) / points.shape[1]
    return float(max(mean, np.finfo(np.float64).eps * max(1.0, np.square(points).max())))


def kmeans_centres(
    points: Float64Array,
    counts: IntArray,
    n_clusters: int,
    *,
    n_init: int,
    seed: int,
    max_iter: int = 300,
) -> Float64Array:
    """Centres by the best of several runs of scikit-learn's k-means.

    Parameters
    ----------
    points : ndarray (n, d)
        Samples.
    counts : ndarray (n,), int
        How often each sample occurs.
    n_clusters, n_init, seed : int
        Number of centres, number of runs and random state, as in `sklearn.cluster.KMeans`.
    max_iter : int, default 300
        Most iterations of a run.

    Returns
    -------
    ndarray (n_clusters, d)
        Some are equal where fewer than `n_clusters` samples differ.
    """
    kmeans = KMeans(n_clusters, n_init=n_init, max_iter=max_iter, random_state=seed)
    with warnings.catch_warnings():
        # It warns where samples coincide: some clusters then stay empty, as documented above.
        warnings.simplefilter("ignore", ConvergenceWarning)
        kmeans.fit(points, sample_weight=counts)
    return np.asarray(kmeans.cluster_centers_)
