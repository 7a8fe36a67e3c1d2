"""`LatentClusterer`: latents to labels, memberships and outlier scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from scipy.spatial import KDTree
from sklearn.base import ClusterMixin
from sklearn.utils.validation import check_is_fitted

from equiclust._deprecated import FormerAttribute
from equiclust.clustering.blocks import draw_rows, in_blocks
from equiclust.clustering.labels import canonical_order
from equiclust.clustering.latent_checks import (
    check_enough_samples,
    check_latents,
    distinct_rows,
)
from equiclust.clustering.manifold import N_NEAREST, ManifoldModel
from equiclust.clustering.methods import CentreModel, MixtureModel, Model, SpectralModel
from equiclust.clustering.neighbours import nearest
from equiclust.clustering.whitening import Whitening, check_whitening
from equiclust.io.estimators import SaveLoadMixin, check_fits, check_ranks
from equiclust.typing import Array, Float64Array, IntArray
from equiclust.validation import check_choice, check_flag, check_random_state, check_whole, is_auto

__all__ = ["LatentClusterer", "Placed", "make_clusterer"]

_MODELS: Mapping[str, type[Model]] = {
    "kmeans": CentreModel,
    "gmm": MixtureModel,
    "spectral": SpectralModel,
    "manifold": ManifoldModel,
}

# An outlier score is the distance to the tenth neighbour among at most ten thousand samples; ten as
# in a manifold, so that one search finds the neighbours for both.
_OUTLIER_NEIGHBOURS = N_NEAREST
_MAX_REFERENCES = 10_000
_EXPLAINED_VARIANCE = 0.95

_ARRAY_RANKS = {
    "whitening.mean": 1,
    "whitening.scale": 1,
    "whitening.axes": 2,
    "references": 2,
    "unit": 1,
    "labels": 1,
}


class Placed(NamedTuple):
    """Where samples lie in the space of a clusterer, and what follows from that.

    Attributes
    ----------
    points : ndarray (n, c)
        Whitened.
    memberships : ndarray (n, n_clusters)
        As from `LatentClusterer.predict_proba`.
    outlier_scores : ndarray (n,)
        As from `LatentClusterer.outlier_scores`.
    """

    points: Float64Array
    memberships: Float64Array
    outlier_scores: Float64Array


def make_clusterer(
    method: str,
    n_clusters: int,
    *,
    whiten: bool | float = 0.5,
    n_components: float | int | Literal["auto"] | None = "auto",
    standardise: bool = True,
    n_init: int = 10,
    random_state: int | np.random.RandomState | None = None,
) -> LatentClusterer:
    """Make a `LatentClusterer` and check its parameters; it is not fitted yet.

    Parameters
    ----------
    method : {"kmeans", "gmm", "spectral", "manifold"}
        How the whitened latents are clustered.
    n_clusters : int
        Number of clusters.
    whiten : bool or float, default 0.5
        As in `LatentClusterer`.
    n_components : int, float, "auto" or None, default "auto"
        As in `LatentClusterer`.
    standardise : bool, default True
        As in `LatentClusterer`.
    n_init : int, default 10
        As in `LatentClusterer`.
    random_state : int, RandomState or None, default None
        For the clustering.

    Returns
    -------
    LatentClusterer

    Raises
    ------
    InputError
        When a value is out of range.

    Examples
    --------
    >>> from equiclust import make_clusterer
    >>> from equiclust.evaluation import clustering_accuracy
    >>> from sklearn.datasets import make_moons
    >>> latents, kinds = make_moons(200, noise=0.04, random_state=0)
    >>> spectral = make_clusterer("spectral", 2, random_state=0).fit(latents)
    >>> clustering_accuracy(kinds, spectral.labels_)
    1.0
    """
    clusterer = LatentClusterer(
        n_clusters,
        method=method,
        whiten=whiten,
        n_components=n_components,
        standardise=standardise,
        n_init=n_init,
        random_state=random_state,
    )
    clusterer._check_parameters()
    return clusterer


# scikit-learn carries no annotations, hence the ignored error.
class LatentClusterer(ClusterMixin, SaveLoadMixin):  # type: ignore[misc]
    """Clusters of latents, which are standardised and whitened first.

    The result does not depend on the order of the training samples, and `predict` of them equals
    `labels_`. Of more than 50,000 samples that many are drawn to learn from, and all are labelled
    in blocks, so that no more than 1 GB is needed beside the latents in double precision.

    Parameters
    ----------
    n_clusters : int, default 8
        Number of clusters.
    method : {"kmeans", "gmm", "spectral", "manifold"}, default "kmeans"
        k-means, Gaussian mixture (its covariances chosen by BIC), spectral clustering, or a mixture
        in a UMAP embedding, see `equiclust.clustering.manifold`.
    whiten : bool or float, default 0.5
        Each principal axis is divided by its standard deviation to this power: True or 1 gives all
        the same variance, False or 0 changes none. Full whitening gives axes of noise the same
        weight as all others; half of it is safe.
    n_components : int, float, "auto" or None, default "auto"
        Number of principal axes, or the share of the variance that they explain, or all. "auto" is
        all for "manifold", whose neighbourhoods gain from small axes, and else 0.95.
    standardise : bool, default True
        Scale every column to unit variance first.
    n_init : int, default 10
        Starts of k-means, of which the one with the smallest variance within clusters is kept. In
        many whitened dimensions the best one is rare. No other method uses it.
    random_state : int, RandomState or None, default None
        For the clustering.

    Attributes
    ----------
    labels_ : ndarray (n,), int
        Label of each training sample; the largest cluster is 0, ties by first appearance.
    whitening_ : Whitening
        The map applied to latents before they are clustered.
    model_ : Model
        Fitted to the whitened latents.
    n_features_in_ : int
        Length of a latent.

    Examples
    --------
    >>> from equiclust import LatentClusterer
    >>> from sklearn.datasets import make_blobs
    >>> centres = [[0, 0, 0], [9, 0, 0], [0, 9, 0]]
    >>> latents, kinds = make_blobs([30, 20, 10], centers=centres, random_state=0)
    >>> LatentClusterer(3, random_state=0).fit(latents).predict(centres)
    array([0, 1, 2])
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
        n_init: int = 10,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.method = method
        self.whiten = whiten
        self.n_components = n_components
        self.standardise = standardise
        self.n_init = n_init
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:
        """Find the clusters.

        Parameters
        ----------
        X : array-like (n, d)
            Latents.
        y : object, default None
            Ignored.

        Returns
        -------
        LatentClusterer
            Itself.

        Raises
        ------
        InputError
            When `X` is not finite or has fewer distinct samples than clusters, or a parameter is
            out of range.
        """
        latents = check_latents(self, X, reset=True)
        self._check_parameters()
        generator = check_random_state(self.random_state)
        # In lexicographic order, so that the order they came in cannot matter.
        self._fit(draw_rows(latents, generator, n_distinct=self.n_clusters), generator)
        labels = self._memberships(latents).argmax(axis=1)
        order = canonical_order(labels, self.n_clusters)
        self.model_ = self.model_.reordered(order)
        self.labels_ = np.argsort(order)[labels]
        return self

    def _check_parameters(self) -> None:
        check_whole("n_clusters", self.n_clusters)
        check_choice("method", self.method, _MODELS)
        check_whitening(self.whiten, self._n_components_or_share)
        check_flag("standardise", self.standardise)
        check_whole("n_init", self.n_init, largest=10**6)
        check_random_state(self.random_state)

    @property
    def _n_components_or_share(self) -> float | int | None:
        if is_auto(self.n_components):
            return None if self.method == "manifold" else _EXPLAINED_VARIANCE
        return self.n_components

    def _fit(self, latents: Float64Array, generator: np.random.RandomState) -> None:
        self.whitening_ = Whitening.fit(
            latents,
            standardise=self.standardise,
            whiten=self.whiten,
            n_components=self._n_components_or_share,
        )
        points = self.whitening_.apply(latents)
        n_distinct = len(distinct_rows(points)[0])
        check_enough_samples(self.n_clusters, n_distinct, len(latents))
        seed = int(generator.randint(2**31 - 1))
        kind = _MODELS[self.method]
        if kind is CentreModel:
            self.model_ = CentreModel.fit(points, self.n_clusters, seed, n_init=self.n_init)
        else:
            self.model_ = kind.fit(points, self.n_clusters, seed)
        chosen = generator.permutation(len(points))[:_MAX_REFERENCES]
        self._set_references(points[np.sort(chosen)])
        median = float(np.median(self._neighbour_distance(points)))
        self._unit = median if median > 0 else 1.0

    def _set_references(self, references: Float64Array) -> None:
        self._references = KDTree(references)
        # The neighbours by which a manifold places a sample are then also those of its outlier
        # score, and need not be found twice.
        self._same_references = isinstance(self.model_, ManifoldModel) and np.array_equal(
            distinct_rows(references)[0], self.model_.references
        )

    def _neighbour_distance(self, points: Float64Array) -> Float64Array:
        nth = min(_OUTLIER_NEIGHBOURS, self._references.n)
        return nearest(self._references, points, nth).distances[:, -1]

    def _memberships(self, latents: Float64Array) -> Float64Array:
        def of_block(own: Float64Array) -> Float64Array:
            return self.model_.memberships(self.whitening_.apply(own))

        return in_blocks(of_block, latents)

    def _place(self, latents: Float64Array) -> Placed:
        """Points, memberships and outlier scores together, at less cost than one after another."""
        points = self.whitening_.apply(latents)
        if self._same_references and isinstance(self.model_, ManifoldModel):
            neighbours = self.model_.neighbours(points)
            memberships = self.model_.memberships_of(neighbours)
            distance = neighbours.distances[:, -1]
        else:
            memberships = self.model_.memberships(points)
            distance = self._neighbour_distance(points)
        return Placed(points, memberships, np.asarray(distance / self._unit))

    def predict_proba(self, X: npt.ArrayLike) -> Float64Array:
        """Membership of latents in each cluster.

        Parameters
        ----------
        X : array-like (n, d)
            Latents, of the training or new.

        Returns
        -------
        ndarray (n, n_clusters)
            Rows sum to one; `predict` returns the largest.
        """
        check_is_fitted(self)
        return self._memberships(check_latents(self, X))

    def predict(self, X: npt.ArrayLike) -> IntArray:
        """Label of latents.

        Parameters
        ----------
        X : array-like (n, d)
            Latents, of the training or new.

        Returns
        -------
        ndarray (n,), int
            From 0 to `n_clusters - 1`.
        """
        return np.asarray(self.predict_proba(X).argmax(axis=1))

    def membership(self, latents: npt.ArrayLike) -> Float64Array:
        """Membership in the cluster that `predict` returns.

        Parameters
        ----------
        latents : array-like (n, d)
            Latents, of the training or new.

        Returns
        -------
        ndarray (n,)
            From `1 / n_clusters` to 1.
        """
        return np.asarray(self.predict_proba(latents).max(axis=1))

    confidence = FormerAttribute("membership")

    def outlier_scores(self, latents: npt.ArrayLike) -> Float64Array:
        """Distance to the tenth nearest training sample, in the whitened space.

        Parameters
        ----------
        latents : array-like (n, d)
            Latents, of the training or new. A training sample is its own first neighbour.

        Returns
        -------
        ndarray (n,)
            In units of the median over the training samples; where that is 0, because most of them
            coincide, in units of the whitened axes.
        """
        check_is_fitted(self)

        def of_block(own: Float64Array) -> Float64Array:
            return self._neighbour_distance(self.whitening_.apply(own))

        return np.asarray(in_blocks(of_block, check_latents(self, latents)) / self._unit)

    def _arrays(self) -> dict[str, Array]:
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

    def _restore(self, arrays: dict[str, Array], learned: Mapping[str, Any]) -> None:
        check_ranks(arrays, _ARRAY_RANKS)
        mean, scale = arrays["whitening.mean"], arrays["whitening.scale"]
        axes, references = arrays["whitening.axes"], arrays["references"]
        check_fits(mean.shape == scale.shape == axes.shape[:1], "whitening")
        check_fits(len(references) > 0 and references.shape[1] == axes.shape[1], "references")
        prefix = "model."
        model = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
        self.model_ = _MODELS[self.method].restore(model, self.n_clusters, axes.shape[1])
        self.whitening_ = Whitening(mean, scale, axes)
        self._set_references(references)
        self._unit = float(arrays["unit"][0])
        self.labels_, self.n_features_in_ = arrays["labels"], len(mean)
