"""Latents in, labels, confidence and outlier scores out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from scipy.spatial import KDTree
from sklearn.base import ClusterMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from equiclust.clustering.labels import canonical_order
from equiclust.clustering.latent_checks import (
    check_enough_samples,
    check_latents,
    distinct_rows,
)
from equiclust.clustering.models import MODELS, Model
from equiclust.clustering.whitening import Whitening, check_whitening
from equiclust.io.estimators import SaveLoadMixin, check_fits, check_ranks
from equiclust.validation import check_choice, check_whole

__all__ = ["LatentClusterer", "make_clusterer"]

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

# How far the tenth neighbour is tells a lonely sample from one at the rim; more samples than these
# change its distance by no more than chance does.
_OUTLIER_NEIGHBOURS = 10
_MOST_REFERENCES = 10_000
_SHARE_KEPT = 0.95

_ARRAY_RANKS = {
    "whitening.mean": 1,
    "whitening.scale": 1,
    "whitening.axes": 2,
    "references": 2,
    "unit": 1,
    "labels": 1,
}


def make_clusterer(
    method: str,
    n_clusters: int,
    *,
    whiten: bool | float = 0.5,
    n_components: float | int | Literal["auto"] | None = "auto",
    standardise: bool = True,
    random_state: int | np.random.RandomState | None = None,
) -> LatentClusterer:
    """A clusterer of latents, not fitted yet.

    Parameters
    ----------
    method : {"kmeans", "gmm", "spectral", "manifold"}
        How the whitened latents are clustered.
    n_clusters : int
        How many clusters.
    whiten, n_components, standardise, random_state
        As in `LatentClusterer`.

    Raises
    ------
    InputError
        When a value is out of range.
    """
    clusterer = LatentClusterer(
        n_clusters,
        method=method,
        whiten=whiten,
        n_components=n_components,
        standardise=standardise,
        random_state=random_state,
    )
    clusterer._check_parameters()
    return clusterer


# scikit-learn carries no annotations, hence the ignored error.
class LatentClusterer(ClusterMixin, SaveLoadMixin):  # type: ignore[misc]
    """Standardise, whiten, cluster.

    The result does not depend on the order of the training samples, and `predict` of them equals
    `labels_`.

    Parameters
    ----------
    n_clusters : int
        How many clusters.
    method : {"kmeans", "gmm", "spectral", "manifold"}
        k-means, Gaussian mixture (its covariances chosen by BIC), spectral clustering, or a mixture
        in a UMAP embedding, see `equiclust.clustering.manifold`.
    whiten : bool or float
        Bring the principal axes to the same variance: wholly (True, 1), not at all (False, 0), or
        part of the way: an axis is divided by its standard deviation to this power. Whole whitening
        makes directions of mere noise count as much as any other; half of it is safe.
    n_components : int, float, "auto" or None
        How many principal axes are kept, or the share of the variance to explain by them, or all.
        "auto" keeps all for "manifold", whose neighbourhoods small axes refine, and else 0.95.
    standardise : bool
        Bring every column to unit variance first.
    random_state : int, RandomState or None
        For the clustering.

    Attributes
    ----------
    labels_ : ndarray (n,), int
        Label of each training sample; the largest cluster is 0, ties by first appearance.
    whitening_ : Whitening
        What is done to latents before they are clustered.
    model_ : Model
        What was learned from the whitened latents.
    n_features_in_ : int
        Length of a latent.
    """

    _file_stem = "clusterer"

    model_: Model

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        method: str = "kmeans",
        whiten: bool | float = 0.5,
        n_components: float | int | Literal["auto"] | None = "auto",
        standardise: bool = True,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.method = method
        self.whiten = whiten
        self.n_components = n_components
        self.standardise = standardise
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:
        """Learn the clusters.

        Parameters
        ----------
        X : array-like (n, d)
            Latents.
        y : ignored

        Raises
        ------
        InputError
            When `X` holds what is not finite, or fewer distinct samples than clusters, or a
            parameter is out of range.
        """
        latents = check_latents(self, X, reset=True)
        self._check_parameters()
        rows, _, counts = distinct_rows(latents)
        # In lexicographic order, so that the order they came in cannot matter.
        self._fit(np.repeat(rows, counts, axis=0))
        labels = self._memberships(latents).argmax(axis=1)
        order = canonical_order(labels, self.n_clusters)
        self.model_ = self.model_.reordered(order)
        self.labels_ = np.argsort(order)[labels]
        return self

    def _check_parameters(self) -> None:
        check_whole("n_clusters", self.n_clusters)
        check_whitening(self.whiten, self._share_kept)
        check_choice("method", self.method, MODELS)

    @property
    def _share_kept(self) -> float | int | None:
        if self.n_components == "auto":
            return None if self.method == "manifold" else _SHARE_KEPT
        return self.n_components

    def _fit(self, latents: Array) -> None:
        generator = check_random_state(self.random_state)
        self.whitening_ = Whitening.fit(
            latents,
            standardise=self.standardise,
            whiten=self.whiten,
            n_components=self._share_kept,
        )
        points = self.whitening_.apply(latents)
        n_distinct = len(distinct_rows(points)[0])
        check_enough_samples(self.n_clusters, n_distinct, len(latents))
        seed = int(generator.randint(2**31 - 1))
        self.model_ = MODELS[self.method].fit(points, self.n_clusters, seed)
        chosen = generator.permutation(len(points))[:_MOST_REFERENCES]
        self._references = KDTree(points[np.sort(chosen)])
        median = float(np.median(self._neighbour_distance(points)))
        self._unit = median if median > 0 else 1.0

    def _neighbour_distance(self, points: Array) -> Array:
        nth = min(_OUTLIER_NEIGHBOURS, self._references.n)
        return np.asarray(self._references.query(points, k=[nth])[0][:, 0])

    def _memberships(self, latents: Array) -> Array:
        return self.model_.memberships(self.whitening_.apply(latents))

    def predict_proba(self, X: npt.ArrayLike) -> Array:
        """Membership of latents in each cluster.

        Parameters
        ----------
        X : array-like (n, d)
            Latents, old or new.

        Returns
        -------
        ndarray (n, n_clusters)
            Rows sum to one; the largest is the one `predict` names.
        """
        check_is_fitted(self)
        return self._memberships(check_latents(self, X))

    def predict(self, X: npt.ArrayLike) -> Labels:
        """Label of latents.

        Parameters
        ----------
        X : array-like (n, d)
            Latents, old or new.

        Returns
        -------
        ndarray (n,), int
            From 0 to `n_clusters - 1`.
        """
        return np.asarray(self.predict_proba(X).argmax(axis=1))

    def confidence(self, latents: npt.ArrayLike) -> Array:
        """Membership in the cluster that `predict` names.

        Parameters
        ----------
        latents : array-like (n, d)
            Old or new.

        Returns
        -------
        ndarray (n,)
            From `1 / n_clusters` to 1.
        """
        return np.asarray(self.predict_proba(latents).max(axis=1))

    def outlier_scores(self, latents: npt.ArrayLike) -> Array:
        """How lonely latents are: distance to the tenth nearest training sample, whitened.

        Parameters
        ----------
        latents : array-like (n, d)
            Old or new. An old one counts as its own first neighbour.

        Returns
        -------
        ndarray (n,)
            In units of the median over the training samples; where that is 0, because most of them
            are repeated, in units of the whitened axes.
        """
        check_is_fitted(self)
        points = self.whitening_.apply(check_latents(self, latents))
        return np.asarray(self._neighbour_distance(points) / self._unit)

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        model = {f"model.{name}": array for name, array in self.model_.arrays().items()}
        return {
            "whitening.mean": self.whitening_.mean,
            "whitening.scale": self.whitening_.scale,
            "whitening.axes": self.whitening_.axes,
            "references": np.asarray(self._references.data),
            "unit": np.array([self._unit]),
            "labels": self.labels_,
            **model,
        }

    def _restore(self, arrays: dict[str, npt.NDArray[Any]], learned: Mapping[str, Any]) -> None:
        check_ranks(arrays, _ARRAY_RANKS)
        mean, scale = arrays["whitening.mean"], arrays["whitening.scale"]
        axes, references = arrays["whitening.axes"], arrays["references"]
        check_fits(mean.shape == scale.shape == axes.shape[:1], "whitening")
        check_fits(len(references) > 0 and references.shape[1] == axes.shape[1], "references")
        prefix = "model."
        model = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
        self.model_ = MODELS[self.method].restore(model, self.n_clusters, axes.shape[1])
        self.whitening_ = Whitening(mean, scale, axes)
        self._references, self._unit = KDTree(references), float(arrays["unit"][0])
        self.labels_, self.n_features_in_ = arrays["labels"], len(mean)
