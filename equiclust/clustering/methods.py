"""Fitted k-means, Gaussian mixtures and spectral clusterings, with one interface."""

from __future__ import annotations

import warnings
from copy import copy
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from equiclust.clustering.labels import (
    centre_memberships,
    kmeans_centres,
    within_cluster_variance,
)
from equiclust.clustering.spectral import SpectralClustering
from equiclust.io.estimators import check_fits, check_ranks
from equiclust.typing import Array, Float64Array, IntArray

__all__ = ["CentreModel", "MixtureModel", "Model", "SpectralModel"]

Arrays = dict[str, Array]

_COVARIANCE_TYPES = ("full", "tied", "diag", "spherical")


class Model(Protocol):
    """A fitted division of space into clusters."""

    @classmethod
    def fit(cls, points: Float64Array, n_clusters: int, seed: int) -> Self:
        """Fit the model.

        Parameters
        ----------
        points : ndarray (n, d)
            Samples.
        n_clusters : int
            Number of clusters, at most that of distinct samples.
        seed : int
            Random state.

        Returns
        -------
        Model
        """

    @classmethod
    def restore(cls, arrays: Arrays, n_clusters: int, n_features: int) -> Self:
        """Rebuild a model from its arrays.

        Parameters
        ----------
        arrays : dict of str to ndarray
            As of `arrays`.
        n_clusters, n_features : int
            Number of clusters, and length `d` of a sample.

        Returns
        -------
        Model

        Raises
        ------
        InputError
            When the arrays do not fit.
        """

    def memberships(self, points: Float64Array) -> Float64Array:
        """Membership of samples in each cluster.

        Parameters
        ----------
        points : ndarray (n, d)
            Samples.

        Returns
        -------
        ndarray (n, n_clusters)
            Rows sum to one.
        """

    def reordered(self, order: IntArray) -> Self:
        """A copy in which cluster `order[k]` has the label `k`.

        Parameters
        ----------
        order : ndarray (n_clusters,), int
            A permutation.

        Returns
        -------
        Model
        """

    def arrays(self) -> Arrays:
        """Arrays from which `restore` rebuilds the model.

        Returns
        -------
        dict of str to ndarray
        """


@dataclass(frozen=True, eq=False)
class CentreModel(Model):
    """Centres by scikit-learn's k-means; a sample belongs to the nearest.

    Parameters
    ----------
    centres : ndarray (k, d)
        Cluster centres.
    variance : float
        Mean squared distance to the nearest centre, divided by `d`.
    """

    centres: Float64Array
    variance: float

    @classmethod
    def fit(cls, points: Float64Array, n_clusters: int, seed: int, n_init: int = 10) -> Self:
        """Fit samples by the best of several runs of k-means.

        Parameters
        ----------
        points : ndarray (n, d)
            Samples.
        n_clusters : int
            Number of clusters.
        seed : int
            Random state.
        n_init : int, default 10
            Number of runs.

        Returns
        -------
        CentreModel
        """
        counts = np.ones(len(points), dtype=np.int64)
        centres = kmeans_centres(points, counts, n_clusters, n_init=n_init, seed=seed)
        return cls(centres, within_cluster_variance(points, centres))

    @classmethod
    def restore(cls, arrays: Arrays, n_clusters: int, n_features: int) -> Self:
        """The model of `arrays`."""
        check_ranks(arrays, {"centres": 2, "variance": 1})
        expected = (n_clusters, n_features)
        check_fits(arrays["centres"].shape == expected, "centres and n_clusters")
        return cls(arrays["centres"], float(arrays["variance"][0]))

    def memberships(self, points: Float64Array) -> Float64Array:
        """Membership `(n, n_clusters)` of samples `(n, d)`; rows sum to one."""
        return centre_memberships(points, self.centres, self.variance)

    def reordered(self, order: IntArray) -> Self:
        """A copy in which cluster `order[k]` has the label `k`."""
        return type(self)(self.centres[order], self.variance)

    def arrays(self) -> Arrays:
        """Arrays for `restore`."""
        return {"centres": self.centres, "variance": np.array([self.variance])}


@dataclass(frozen=True, eq=False)
class MixtureModel(Model):
    """scikit-learn's Gaussian mixture, its type of covariance chosen by BIC.

    Full, tied, diagonal and spherical covariances are tried, and the mixture with the lowest
    Bayesian information criterion (Schwarz 1978, Ann. Statist. 6, 461) is kept, so that few samples
    get a simple model.

    Parameters
    ----------
    mixture : GaussianMixture
        Fitted.
    """

    mixture: GaussianMixture

    @classmethod
    def fit(cls, points: Float64Array, n_clusters: int, seed: int) -> Self:
        """Fit samples `(n, d)`."""
        if len(points) == 1:
            # GaussianMixture needs two samples.
            points = np.repeat(points, 2, axis=0)
        candidates = [_fit_mixture(points, n_clusters, name, seed) for name in _COVARIANCE_TYPES]
        return cls(min(candidates, key=lambda mixture: float(mixture.bic(points))))

    @classmethod
    def restore(cls, arrays: Arrays, n_clusters: int, n_features: int) -> Self:
        """The model of `arrays`."""
        check_ranks(arrays, {"weights": 1, "means": 2, "covariance_type": 1})
        code = int(arrays["covariance_type"][0])
        means, precisions = arrays["means"], arrays["precisions_cholesky"]
        check_fits(0 <= code < len(_COVARIANCE_TYPES), "covariance_type")
        covariance_type = _COVARIANCE_TYPES[code]
        shapes = {
            "full": (n_clusters, n_features, n_features),
            "tied": (n_features, n_features),
            "diag": (n_clusters, n_features),
            "spherical": (n_clusters,),
        }
        check_fits(means.shape == (n_clusters, n_features), "means and n_clusters")
        check_fits(precisions.shape == shapes[covariance_type], "precisions and means")
        check_fits(len(arrays["weights"]) == n_clusters, "weights and n_clusters")
        return cls(_mixture_of(covariance_type, arrays["weights"], means, precisions))

    def memberships(self, points: Float64Array) -> Float64Array:
        """Membership `(n, n_clusters)` of samples `(n, d)`; rows sum to one."""
        shares = np.asarray(self.mixture.predict_proba(points))
        # Far away the logarithms are so large that rounding keeps them from adding up to one.
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))

    def reordered(self, order: IntArray) -> Self:
        """A copy in which cluster `order[k]` has the label `k`."""
        covariance_type = self.mixture.covariance_type
        precisions = self.mixture.precisions_cholesky_
        precisions = precisions if covariance_type == "tied" else precisions[order]
        weights, means = self.mixture.weights_[order], self.mixture.means_[order]
        return type(self)(_mixture_of(covariance_type, weights, means, precisions))

    def arrays(self) -> Arrays:
        """Arrays for `restore`."""
        return {
            "weights": self.mixture.weights_,
            "means": self.mixture.means_,
            "precisions_cholesky": self.mixture.precisions_cholesky_,
            "covariance_type": np.array([_COVARIANCE_TYPES.index(self.mixture.covariance_type)]),
        }


def _fit_mixture(
    points: Float64Array, n_clusters: int, covariance_type: str, seed: int
) -> GaussianMixture:
    # The mean variance of whitened axes is one: a cluster narrower than a tenth of that spread is
    # more likely a few samples than a cluster.
    mixture = GaussianMixture(
        n_clusters,
        covariance_type=covariance_type,
        reg_covar=1e-2,
        n_init=5,
        max_iter=300,
        random_state=seed,
    )
    with warnings.catch_warnings():
        # A run that has not converged is still compared with the others by its likelihood.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return mixture.fit(points)


def _mixture_of(
    covariance_type: str, weights: Float64Array, means: Float64Array, precisions: Float64Array
) -> GaussianMixture:
    mixture = GaussianMixture(len(weights), covariance_type=covariance_type)
    mixture.weights_, mixture.means_, mixture.precisions_cholesky_ = weights, means, precisions
    mixture.n_features_in_ = means.shape[1]
    return mixture


@dataclass(frozen=True, eq=False)
class SpectralModel(Model):
    """`SpectralClustering` as a model.

    Parameters
    ----------
    clustering : SpectralClustering
        Fitted.
    """

    clustering: SpectralClustering

    @classmethod
    def fit(cls, points: Float64Array, n_clusters: int, seed: int) -> Self:
        """Fit samples `(n, d)`."""
        return cls(SpectralClustering(n_clusters, random_state=seed).fit(points))

    @classmethod
    def restore(cls, arrays: Arrays, n_clusters: int, n_features: int) -> Self:
        """The model of `arrays`."""
        clustering = SpectralClustering(n_clusters)
        clustering._restore(arrays, {})
        check_fits(clustering.n_features_in_ == n_features, "landmarks and whitening")
        return cls(clustering)

    def memberships(self, points: Float64Array) -> Float64Array:
        """Membership `(n, n_clusters)` of samples `(n, d)`; rows sum to one."""
        return self.clustering.predict_proba(points)

    def reordered(self, order: IntArray) -> Self:
        """A copy in which cluster `order[k]` has the label `k`."""
        clustering = copy(self.clustering)
        clustering.cluster_centers_ = self.clustering.cluster_centers_[order]
        clustering.labels_ = np.argsort(order)[self.clustering.labels_]
        return type(self)(clustering)

    def arrays(self) -> Arrays:
        """Arrays for `restore`."""
        return self.clustering._arrays()
