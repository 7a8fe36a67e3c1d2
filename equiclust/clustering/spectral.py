"""Spectral clustering with `predict` for samples that it was not fitted on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.spatial import KDTree
from scipy.spatial.distance import pdist
from sklearn.base import ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from equiclust.binary_scale import in_unit, range_exponent
from equiclust.clustering.blocks import MAX_FITTED
from equiclust.clustering.graph import bridges, landmark_eigenvectors, landmark_weights
from equiclust.clustering.labels import (
    canonical_order,
    centre_memberships,
    kmeans_centres,
    within_cluster_variance,
)
from equiclust.clustering.latent_checks import (
    check_enough_samples,
    check_latents,
    distinct_rows,
)
from equiclust.io.estimators import SaveLoadMixin, check_fits, check_ranks
from equiclust.typing import Array, Float64Array, IntArray
from equiclust.validation import check_random_state, check_whole

__all__ = ["SpectralClustering"]

# In the embedding a cluster is almost a point, so that with its own variance a sample between two
# clusters would have a membership of 1 in one of them. The variance is therefore at least this
# share of the mean squared distance between centres. Of 1/4, 1/6, 1/8, 1/12 and 1/24 this value
# made the mean membership of new samples of simulated mixtures closest to their accuracy.
_MIN_VARIANCE = 1 / 8

_ARRAY_RANKS = {
    "landmarks": 2,
    "coefficients": 2,
    "cluster_centers": 2,
    "eigenvalues": 1,
    "variance": 1,
    "labels": 1,
}


# scikit-learn carries no annotations, hence the ignored error.
class SpectralClustering(
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    ClusterMixin,  # type: ignore[misc]
    SaveLoadMixin,
):
    r"""Clusters of any shape, from a graph of near neighbours, with `predict` for new samples.

    Two samples are connected when they share near neighbours (`equiclust.clustering.graph`). The
    leading eigenvectors of that graph, with rows of unit length [1]_, are clustered by k-means. Up
    to `exact_limit` distinct samples every sample is a node of the graph; above, samples are
    connected through `n_landmarks` k-means centres [2]_. New samples are embedded by the Nyström
    formula [3]_, which is exact for the training samples: `predict` of these equals `labels_`,
    whatever the batch. The components of a disconnected graph are connected along the shortest gaps
    between them. The result does not depend on the order of the rows. The landmarks of more than
    50,000 distinct samples are those of as many that are drawn.

    Parameters
    ----------
    n_clusters : int, default 8
        Number of clusters.
    n_neighbors : int, optional
        Number of nearest samples (or landmarks), itself included, with which a sample is connected.
        By default 10, or the root of the number of samples where that is fewer, but at least 3.
    n_components : int, optional
        Number of eigenvectors; by default `n_clusters`.
    exact_limit : int, default 3000
        Most distinct samples for which no landmarks are used; memory grows with its square.
    n_landmarks : int, default 1000
        Number of landmarks above `exact_limit`.
    n_init : int, default 10
        Runs of k-means in the embedding.
    random_state : int, RandomState or None, default None
        For the landmarks and k-means.

    Attributes
    ----------
    labels_ : ndarray (n,), int
        Label of each training sample; the largest cluster is 0, ties by first appearance.
    eigenvalues_ : ndarray (c,)
        Of the graph's transition matrix, decreasing from one; near one for each component that is
        weakly connected.
    landmarks_ : ndarray (p, d)
        Nodes of the graph.
    coefficients_ : ndarray (p, c)
        Position of each landmark in the embedding, before rows are scaled to unit length.
    cluster_centers_ : ndarray (n_clusters, c)
        Centres in the embedding.
    n_features_in_ : int
        Length `d` of a sample.

    References
    ----------
    .. [1] Ng, A., Jordan, M. & Weiss, Y. 2001, "On spectral clustering: analysis and an
       algorithm", NIPS 14, 849.
    .. [2] Chen, X. & Cai, D. 2011, "Large scale spectral clustering with landmark-based
       representation", AAAI, 313.
    .. [3] Fowlkes, C., Belongie, S., Chung, F. & Malik, J. 2004, "Spectral grouping using the
       Nyström method", IEEE TPAMI 26, 214.

    Examples
    --------
    >>> from equiclust import SpectralClustering
    >>> from equiclust.evaluation import clustering_accuracy
    >>> from sklearn.datasets import make_circles
    >>> samples, kinds = make_circles(200, factor=0.4, noise=0.03, random_state=0)
    >>> clusterer = SpectralClustering(2, random_state=0).fit(samples)
    >>> clustering_accuracy(kinds, clusterer.labels_)
    1.0
    >>> inner, outer = clusterer.predict([[0.0, 0.4], [0.0, 1.0]])
    >>> bool(inner == outer)
    False
    """

    _file_stem = "clusterer"

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        n_neighbors: int | None = None,
        n_components: int | None = None,
        exact_limit: int = 3000,
        n_landmarks: int = 1000,
        n_init: int = 10,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.n_neighbors = n_neighbors
        self.n_components = n_components
        self.exact_limit = exact_limit
        self.n_landmarks = n_landmarks
        self.n_init = n_init
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:
        """Find the clusters.

        Parameters
        ----------
        X : array-like (n, d)
            Samples; repeated rows count as often as they occur.
        y : object, default None
            Ignored.

        Returns
        -------
        SpectralClustering
            Itself.

        Raises
        ------
        InputError
            When `X` is not finite or has fewer distinct samples than clusters, or a parameter is
            out of range.
        """
        points = check_latents(self, X, reset=True)
        self._check_parameters()
        rows, index, counts = distinct_rows(points)
        check_enough_samples(self.n_clusters, len(rows), len(points))
        self._fit(rows, counts, index)
        return self

    def _check_parameters(self) -> None:
        for name in ("n_clusters", "exact_limit", "n_landmarks", "n_init"):
            check_whole(name, getattr(self, name))
        for name in ("n_neighbors", "n_components"):
            if getattr(self, name) is not None:
                check_whole(name, getattr(self, name))
        check_random_state(self.random_state)

    def _fit(self, rows: Float64Array, counts: IntArray, index: IntArray) -> None:
        self._exponent = range_exponent(rows)
        rows = in_unit(rows, self._exponent)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self._set_landmarks(self._choose_landmarks(rows, counts, seed))
        weights = landmark_weights(rows, self._tree, self._n_neighbors)
        used = np.unique(weights.indices)
        if len(used) < self._tree.n:
            self._set_landmarks(np.asarray(self._tree.data)[used])
            weights = landmark_weights(rows, self._tree, self._n_neighbors)
        mixing = bridges(weights, self._tree, self._n_neighbors)
        self.eigenvalues_, coefficients = landmark_eigenvectors(
            weights @ mixing, counts, self.n_components or self.n_clusters
        )
        self.coefficients_ = mixing @ coefficients
        embedding = self._embedded(rows)
        centres = kmeans_centres(embedding, counts, self.n_clusters, n_init=self.n_init, seed=seed)
        self._variance = _membership_variance(embedding, centres, counts)
        labels = centre_memberships(embedding, centres, self._variance).argmax(axis=1)[index]
        order = canonical_order(labels, self.n_clusters)
        self.cluster_centers_, self.labels_ = centres[order], np.argsort(order)[labels]

    def _choose_landmarks(self, rows: Float64Array, counts: IntArray, seed: int) -> Float64Array:
        if len(rows) <= self.exact_limit or len(rows) <= self.n_landmarks:
            return rows
        if len(rows) > MAX_FITTED:
            chosen = np.random.RandomState(seed).permutation(len(rows))
            drawn = np.sort(chosen[: max(MAX_FITTED, self.n_landmarks)])
            rows, counts = rows[drawn], counts[drawn]
        return kmeans_centres(rows, counts, self.n_landmarks, n_init=1, seed=seed, max_iter=10)

    def _set_landmarks(self, landmarks: Float64Array) -> None:
        """Take landmarks in units of ``2**_exponent``, so that no squared distance overflows."""
        self.landmarks_ = np.ldexp(landmarks, self._exponent)
        self._tree = KDTree(landmarks)

    @property
    def _n_neighbors(self) -> int:
        n_landmarks = len(self.landmarks_)
        default = min(10, max(3, round(n_landmarks**0.5)))
        return min(n_landmarks, self.n_neighbors or default)

    @property
    def _n_features_out(self) -> int:
        return int(self.coefficients_.shape[1])

    def _embedded(self, points: Float64Array) -> Float64Array:
        weights = landmark_weights(points, self._tree, self._n_neighbors)
        embedding = weights @ self.coefficients_
        # The first eigenvector is constant, so that no row has length 0.
        return np.asarray(embedding / np.linalg.norm(embedding, axis=1, keepdims=True))

    def transform(self, X: npt.ArrayLike) -> Float64Array:
        """Position of samples in the embedding.

        Parameters
        ----------
        X : array-like (n, d)
            Samples, of the training or new.

        Returns
        -------
        ndarray (n, c)
            Rows of unit length.
        """
        check_is_fitted(self)
        return self._embedded(in_unit(check_latents(self, X), self._exponent))

    def predict_proba(self, X: npt.ArrayLike) -> Float64Array:
        """Membership of samples in each cluster, from their distances in the embedding.

        A sample with neighbours in two clusters is a member of both.

        Parameters
        ----------
        X : array-like (n, d)
            Samples, of the training or new.

        Returns
        -------
        ndarray (n, n_clusters)
            Rows sum to one; `predict` returns the largest.
        """
        return centre_memberships(self.transform(X), self.cluster_centers_, self._variance)

    def predict(self, X: npt.ArrayLike) -> IntArray:
        """Label of samples.

        Parameters
        ----------
        X : array-like (n, d)
            Samples, of the training or new.

        Returns
        -------
        ndarray (n,), int
            From 0 to `n_clusters - 1`.
        """
        return np.asarray(self.predict_proba(X).argmax(axis=1))

    def _arrays(self) -> dict[str, Array]:
        return {
            "landmarks": self.landmarks_,
            "coefficients": self.coefficients_,
            "cluster_centers": self.cluster_centers_,
            "eigenvalues": self.eigenvalues_,
            "variance": np.array([self._variance]),
            "labels": self.labels_,
        }

    def _restore(self, arrays: dict[str, Array], learned: Mapping[str, Any]) -> None:
        check_ranks(arrays, _ARRAY_RANKS)
        landmarks, coefficients = arrays["landmarks"], arrays["coefficients"]
        centres = arrays["cluster_centers"]
        check_fits(len(landmarks) == len(coefficients), "landmarks")
        check_fits(centres.shape == (self.n_clusters, coefficients.shape[1]), "cluster centres")
        self._exponent = range_exponent(landmarks)
        self._set_landmarks(in_unit(landmarks, self._exponent))
        self.n_features_in_ = landmarks.shape[1]
        self.coefficients_, self.cluster_centers_ = coefficients, centres
        self.eigenvalues_, self.labels_ = arrays["eigenvalues"], arrays["labels"]
        self._variance = float(arrays["variance"][0])


def _membership_variance(embedding: Float64Array, centres: Float64Array, counts: IntArray) -> float:
    within = within_cluster_variance(embedding, centres, counts)
    if len(centres) == 1:
        return within
    return max(within, _MIN_VARIANCE * float(pdist(centres, "sqeuclidean").mean()))
