"""A Gaussian mixture in a UMAP embedding: clusters are dense regions of any shape."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from scipy.spatial import KDTree
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from equiclust.clustering.latent_checks import distinct_rows
from equiclust.clustering.methods import Model
from equiclust.clustering.neighbours import Neighbours, nearest
from equiclust.clustering.umap_embedding import umap_embedding
from equiclust.io.estimators import check_fits, check_ranks
from equiclust.typing import Array, Float64Array, IntArray

__all__ = ["N_NEAREST", "ManifoldModel", "embed"]

N_NEAREST = 10
"""A new sample gets the mean membership of this number of references."""

_N_NEIGHBORS = 15
# Fewer samples are not embedded.
_MIN_SAMPLES = 20
# Of more samples this number is drawn.
_MAX_REFERENCES = 10_000
_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class ManifoldModel(Model):
    """Gaussian mixture in a UMAP embedding, after N2D [1]_ [2]_.

    The embedding, of as many dimensions as clusters, preserves neighbourhoods and not distances:
    clusters that are long, bent or thin become compact. A new sample gets the mean membership of
    its ten nearest references in the original space, weighted by one over the distance; a reference
    gets its own.

    Parameters
    ----------
    references : ndarray (m, d)
        Samples that were embedded.
    shares : ndarray (m, n_clusters)
        Their memberships; rows sum to one.

    References
    ----------
    .. [1] McConville, R., Santos-Rodríguez, R., Piechocki, R. & Craddock, I. 2021, "N2D: (Not too)
       deep clustering via clustering the local manifold of an autoencoded embedding", ICPR.
    .. [2] McInnes, L., Healy, J. & Melville, J. 2018, "UMAP: Uniform manifold approximation and
       projection for dimension reduction", arXiv:1802.03426.
    """

    references: Float64Array
    shares: Float64Array

    @classmethod
    def fit(cls, points: Float64Array, n_clusters: int, seed: int) -> Self:
        """Fit samples `(n, d)`; of more than ten thousand, ten thousand are drawn."""
        drawn = np.sort(np.random.default_rng(seed).permutation(len(points))[:_MAX_REFERENCES])
        # Equal samples are one neighbour, but count as many in the mixture.
        references, index, _ = distinct_rows(points[drawn])
        embedded = embed(references, max(n_clusters, 2), seed=seed)
        mixture = _mixture(embedded[index], n_clusters, seed)
        return cls(references, np.asarray(mixture.predict_proba(embedded)))

    @classmethod
    def of_embedded(
        cls, points: Float64Array, embedded: Float64Array, n_clusters: int, seed: int
    ) -> Self:
        """Fit samples whose embedding is known.

        Parameters
        ----------
        points : ndarray (n, d)
            Samples.
        embedded : ndarray (n, e)
            The same samples in the embedding.
        n_clusters, seed : int
            Number of clusters and random state.
        """
        mixture = _mixture(embedded, n_clusters, seed)
        return cls(points, np.asarray(mixture.predict_proba(embedded)))

    @classmethod
    def restore(cls, arrays: dict[str, Array], n_clusters: int, n_features: int) -> Self:
        """The model of `arrays`."""
        check_ranks(arrays, {"references": 2, "shares": 2})
        references, shares = arrays["references"], arrays["shares"]
        check_fits(references.shape[1] == n_features, "references and n_features")
        check_fits(shares.shape == (len(references), n_clusters), "shares and n_clusters")
        return cls(references, shares)

    def memberships(self, points: Float64Array) -> Float64Array:
        """Membership `(n, n_clusters)` of samples `(n, d)`; rows sum to one."""
        return self.memberships_of(self.neighbours(points))

    def neighbours(self, points: Float64Array) -> Neighbours:
        """The nearest references of samples.

        Parameters
        ----------
        points : ndarray (n, d)
            Samples.

        Returns
        -------
        Neighbours
            Ten of each sample, or all references where there are fewer.
        """
        n_nearest = min(N_NEAREST, len(self.references))
        return nearest(self._tree, points, n_nearest)

    @cached_property
    def _tree(self) -> KDTree:
        return KDTree(self.references)

    def memberships_of(self, neighbours: Neighbours) -> Float64Array:
        """Membership of samples whose nearest references are known.

        Parameters
        ----------
        neighbours : Neighbours
            Of the samples.

        Returns
        -------
        ndarray (n, n_clusters)
            Rows sum to one.
        """
        weights = 1.0 / np.maximum(neighbours.distances, _TINY)
        # Where a sample coincides with a reference, only that one counts.
        same = neighbours.distances <= _TINY
        weights = np.where(same.any(axis=1, keepdims=True), same, weights)
        weights /= weights.sum(axis=1, keepdims=True)
        return np.asarray(np.einsum("nj,njk->nk", weights, self.shares[neighbours.indices]))

    def reordered(self, order: IntArray) -> Self:
        """A copy in which cluster `order[k]` has the label `k`."""
        return type(self)(self.references, self.shares[:, order])

    def arrays(self) -> dict[str, Array]:
        """Arrays for `restore`."""
        return {"references": self.references, "shares": self.shares}


def embed(points: Float64Array, n_dimensions: int, *, seed: int) -> Float64Array:
    """Embed samples by UMAP.

    Parameters
    ----------
    points : ndarray (n, d)
        Distinct samples.
    n_dimensions : int
        Of the embedding.
    seed : int
        Random state.

    Returns
    -------
    ndarray (n, n_dimensions)
        The samples themselves, `(n, d)`, where there are fewer than 20 or `3 * n_dimensions`.
    """
    if len(points) < max(_MIN_SAMPLES, 3 * n_dimensions):
        return points
    return umap_embedding(
        points,
        n_neighbors=_N_NEIGHBORS,
        n_components=n_dimensions,
        min_dist=0.0,
        random_state=seed,
    )


def _mixture(points: Float64Array, n_clusters: int, seed: int) -> GaussianMixture:
    if len(points) == 1:
        # GaussianMixture needs two samples.
        points = np.repeat(points, 2, axis=0)
    mixture = GaussianMixture(n_clusters, n_init=5, max_iter=300, reg_covar=1e-3, random_state=seed)
    with warnings.catch_warnings():
        # A run that has not converged is still compared with the others by its likelihood.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return mixture.fit(points)
