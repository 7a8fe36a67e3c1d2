"""What k-means and the Gaussian mixture learn, behind the one face the pipeline needs."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from equiclust.clustering.labels import (
    centre_memberships,
    kmeans_centres,
    within_cluster_variance,
)
from equiclust.clustering.manifold import ManifoldModel
from equiclust.clustering.spectral import SpectralClustering
from equiclust.io.estimators import check_fits, check_ranks

__all__ = ["MODELS", "CentreModel", "MixtureModel", "Model", "SpectralModel"]

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
Arrays = dict[str, npt.NDArray[Any]]

_COVARIANCE_TYPES = ("full", "tied", "diag", "spherical")


class Model(Protocol):
    """A fitted division of space into clusters."""

    @classmethod
    def fit(cls, points: Array, n_clusters: int, seed: int) -> Self:
        """Learn from samples `(n, d)`."""

    @classmethod
    def restore(cls, arrays: Arrays, n_clusters: int, n_features: int) -> Self:
        """The model that `arrays` tells of."""

    def memberships(self, points: Array) -> Array:
        """Membership `(n, n_clusters)` of samples `(n, d)`; rows sum to one."""

    def reordered(self, order: Labels) -> Self:
        """The same model with cluster `order[k]` called `k`."""

    def arrays(self) -> Arrays:
        """All that was learned."""


@dataclass(frozen=True, eq=False)
class CentreModel:
    """Nearest centre, found by scikit-learn's k-means.

    Parameters
    ----------
    centres : ndarray (k, d)
        Cluster centres.
    variance : float
        Mean squared distance to the nearest centre, by dimension.
    """

    centres: Array
    variance: float

    @classmethod
    def fit(cls, points: Array, n_clusters: int, seed: int) -> Self:
        """Learn from samples `(n, d)`: the best of ten starts."""
        once = np.ones(len(points), dtype=np.int64)
        centres = kmeans_centres(points, once, n_clusters, n_init=10, seed=seed)
        return cls(centres, within_cluster_variance(points, centres))

    @classmethod
    def restore(cls, arrays: Arrays, n_clusters: int, n_features: int) -> Self:
        """The model that `arrays` tells of."""
        check_ranks(arrays, {"centres": 2, "variance": 1})
        expected = (n_clusters, n_features)
        check_fits(arrays["centres"].shape == expected, "centres and n_clusters")
        return cls(arrays["centres"], float(arrays["variance"][0]))

    def memberships(self, points: Array) -> Array:
        """Membership `(n, n_clusters)` of samples `(n, d)`; rows sum to one."""
        return centre_memberships(points, self.centres, self.variance)

    def reordered(self, order: Labels) -> Self:
        """The same model with cluster `order[k]` called `k`."""
        return type(self)(self.centres[order], self.variance)

    def arrays(self) -> Arrays:
        """All that was learned."""
        return {"centres": self.centres, "variance": np.array([self.variance])}


@dataclass(frozen=True, eq=False)
class MixtureModel:
    """scikit-learn's Gaussian mixture, with the covariances that the samples can pay for.

    Full, shared, diagonal and round covariances are tried, and the one of lowest BIC (Schwarz 1978,
    Ann. Statist. 6, 461) is kept: few samples get a simple model.

    Parameters
    ----------
    mixture : GaussianMixture
        Fitted.
    """

    mixture: GaussianMixture

    @classmethod
    def fit(cls, points: Array, n_clusters: int, seed: int) -> Self:
        """Learn from samples `(n, d)`."""
        if len(points) == 1:
            # GaussianMixture wants two samples.
            points = np.repeat(points, 2, axis=0)
        candidates = [_fit_mixture(points, n_clusters, kind, seed) for kind in _COVARIANCE_TYPES]
        return cls(min(candidates, key=lambda mixture: float(mixture.bic(points))))

    @classmethod
    def restore(cls, arrays: Arrays, n_clusters: int, n_features: int) -> Self:
        """The model that `arrays` tells of."""
        check_ranks(arrays, {"weights": 1, "means": 2, "covariance_type": 1})
        code = int(arrays["covariance_type"][0])
        means, precisions = arrays["means"], arrays["precisions_cholesky"]
        check_fits(0 <= code < len(_COVARIANCE_TYPES), "covariance_type")
        kind = _COVARIANCE_TYPES[code]
        shapes = {
            "full": (n_clusters, n_features, n_features),
            "tied": (n_features, n_features),
            "diag": (n_clusters, n_features),
            "spherical": (n_clusters,),
        }
        check_fits(means.shape == (n_clusters, n_features), "means and n_clusters")
        check_fits(precisions.shape == shapes[kind], "precisions and means")
        check_fits(len(arrays["weights"]) == n_clusters, "weights and n_clusters")
        return cls(_mixture_of(kind, arrays["weights"], means, precisions))

    def memberships(self, points: Array) -> Array:
        """Membership `(n, n_clusters)` of samples `(n, d)`; rows sum to one."""
        return np.asarray(self.mixture.predict_proba(points))

    def reordered(self, order: Labels) -> Self:
        """The same model with cluster `order[k]` called `k`."""
        kind, precisions = self.mixture.covariance_type, self.mixture.precisions_cholesky_
        precisions = precisions if kind == "tied" else precisions[order]
        weights, means = self.mixture.weights_[order], self.mixture.means_[order]
        return type(self)(_mixture_of(kind, weights, means, precisions))

    def arrays(self) -> Arrays:
        """All that was learned."""
        return {
            "weights": self.mixture.weights_,
            "means": self.mixture.means_,
            "precisions_cholesky": self.mixture.precisions_cholesky_,
            "covariance_type": np.array([_COVARIANCE_TYPES.index(self.mixture.covariance_type)]),
        }


def _fit_mixture(points: Array, n_clusters: int, kind: str, seed: int) -> GaussianMixture:
    # The mean variance of whitened axes is one: a cluster thinner than a tenth of that spread is
    # more likely a handful of samples than a shape.
    mixture = GaussianMixture(
        n_clusters,
        covariance_type=kind,
        reg_covar=1e-2,
        n_init=5,
        max_iter=300,
        random_state=seed,
    )
    with warnings.catch_warnings():
        # A start that has not settled is still compared with the others by its likelihood.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return mixture.fit(points)


def _mixture_of(kind: str, weights: Array, means: Array, precisions: Array) -> GaussianMixture:
    mixture = GaussianMixture(len(weights), covariance_type=kind)
    mixture.weights_, mixture.means_, mixture.precisions_cholesky_ = weights, means, precisions
    mixture.n_features_in_ = means.shape[1]
    return mixture


@dataclass(frozen=True, eq=False)
class SpectralModel:
    """`SpectralClustering` as a model.

    Parameters
    ----------
    clustering : SpectralClustering
        Fitted.
    """

    clustering: SpectralClustering

    @classmethod
    def fit(cls, points: Array, n_clusters: int, seed: int) -> Self:
        """Learn from samples `(n, d)`."""
        return cls(SpectralClustering(n_clusters, random_state=seed).fit(points))

    @classmethod
    def restore(cls, arrays: Arrays, n_clusters: int, n_features: int) -> Self:
        """The model that `arrays` tells of."""
        clustering = SpectralClustering(n_clusters)
        clustering._restore(arrays, {})
        check_fits(clustering.n_features_in_ == n_features, "landmarks and whitening")
        return cls(clustering)

    def memberships(self, points: Array) -> Array:
        """Membership `(n, n_clusters)` of samples `(n, d)`; rows sum to one."""
        return self.clustering.predict_proba(points)

    def reordered(self, order: Labels) -> Self:
        """The same model with cluster `order[k]` called `k`."""
        clustering = copy(self.clustering)
        clustering.cluster_centers_ = self.clustering.cluster_centers_[order]
        clustering.labels_ = np.argsort(order)[self.clustering.labels_]
        return type(self)(clustering)

    def arrays(self) -> Arrays:
        """All that was learned."""
        return self.clustering._arrays()


MODELS: Mapping[str, type[Model]] = {
    "kmeans": CentreModel,
    "gmm": MixtureModel,
    "spectral": SpectralModel,
    "manifold": ManifoldModel,
}
