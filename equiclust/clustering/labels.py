"""Order of labels, centres and membership by distance: what every clusterer here shares."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

__all__ = ["canonical_order", "centre_memberships", "kmeans_centres", "within_cluster_variance"]

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


def canonical_order(labels: Labels, n_clusters: int) -> Labels:
    """Old label of each new one: the largest cluster first, ties by first appearance.

    Parameters
    ----------
    labels : ndarray (n,), int
        Values from 0 to `n_clusters - 1`.
    n_clusters : int
        How many labels there may be; those that do not occur come last.

    Returns
    -------
    ndarray (n_clusters,), int
        A permutation `order`: the cluster once called `order[k]` shall be called `k`.
    """
    sizes = np.bincount(labels, minlength=n_clusters)
    first = np.full(n_clusters, len(labels))
    np.minimum.at(first, labels, np.arange(len(labels)))
    return np.lexsort((first, -sizes)).astype(np.int64)


def centre_memberships(points: Array, centres: Array, variance: float) -> Array:
    r"""Membership of each point in each cluster from its distances to their centres.

    :math:`p_k \propto \exp(-|x - c_k|^2 / 2 s^2)`: what a mixture of equal round Gaussians of
    variance :math:`s^2` believes. The nearest centre has the highest membership.

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
    # cdist takes each pair by itself: a point's result does not depend on its batch.
    squared = cdist(points, centres, "sqeuclidean")
    squared -= squared.min(axis=1, keepdims=True)
    memberships = np.exp(-0.5 * squared / variance)
    return np.asarray(memberships / memberships.sum(axis=1, keepdims=True))


def within_cluster_variance(
    points: Array, centres: Array, counts: npt.NDArray[np.int64] | None = None
) -> float:
    """Mean squared distance to the nearest centre, by dimension; never below rounding.

    Parameters
    ----------
    points : ndarray (n, d)
        Samples.
    centres : ndarray (k, d)
        Cluster centres.
    counts : ndarray (n,), int, optional
        How often each sample occurs.
    """
    nearest = cdist(points, centres, "sqeuclidean").min(axis=1)
    mean = np.average(nearest, weights=counts) / points.shape[1]
    return float(max(mean, np.finfo(np.float64).eps * max(1.0, np.square(points).max())))


def kmeans_centres(
    points: Array,
    counts: npt.NDArray[np.int64],
    n_clusters: int,
    *,
    n_init: int,
    seed: int,
    max_iter: int = 300,
) -> Array:
    """Centres of the best of `n_init` runs of scikit-learn's k-means.

    Parameters
    ----------
    points : ndarray (n, d)
        Samples.
    counts : ndarray (n,), int
        How often each sample occurs.
    n_clusters, n_init, seed, max_iter : int
        As in `sklearn.cluster.KMeans`.

    Returns
    -------
    ndarray (n_clusters, d)
        Some are equal where the samples have fewer distinct places.
    """
    kmeans = KMeans(n_clusters, n_init=n_init, max_iter=max_iter, random_state=seed)
    with warnings.catch_warnings():
        # It warns where places coincide: some clusters then stay empty, as documented above.
        warnings.simplefilter("ignore", ConvergenceWarning)
        kmeans.fit(points, sample_weight=counts)
    return np.asarray(kmeans.cluster_centers_)
