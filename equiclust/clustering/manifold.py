"""A mixture on the manifold: clusters where samples crowd together, whatever shape they have."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.spatial import KDTree
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from equiclust.clustering.latent_checks import distinct_rows
from equiclust.io.estimators import check_fits, check_ranks

__all__ = ["ManifoldModel", "embed"]

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

_N_NEIGHBORS = 15
# Fewer samples have no manifold that could be seen.
_FEWEST = 20
# More samples than these show nothing new.
_MOST_REFERENCES = 10_000
# New samples ask so many of the old ones.
_N_ASKED = 10
_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class ManifoldModel:
    """Gaussian mixture in a UMAP embedding, after N2D [1]_ [2]_.

    The embedding, of as many dimensions as clusters, keeps who is whose neighbour and lets distance
    go: clusters that are long, bent, or thin become compact. New samples take the mean membership
    of their nearest old ones in the original space, weighted by one over the distance; an old
    sample gets its own back.

    Parameters
    ----------
    references : ndarray (m, d)
        Samples that the embedding was made of.
    shares : ndarray (m, n_clusters)
        Their memberships.

    References
    ----------
    .. [1] McConville, R., Santos-Rodríguez, R., Piechocki, R. & Craddock, I. 2021, "N2D: (Not too)
       deep clustering via clustering the local manifold of an autoencoded embedding", ICPR.
    .. [2] McInnes, L., Healy, J. & Melville, J. 2018, "UMAP: Uniform manifold approximation and
       projection for dimension reduction", arXiv:1802.03426.
    """

    references: Array
    shares: Array

    @classmethod
    def fit(cls, points: Array, n_clusters: int, seed: int) -> Self:
        """Learn from samples `(n, d)`; of more than ten thousand, so many are drawn."""
        drawn = np.sort(np.random.default_rng(seed).permutation(len(points))[:_MOST_REFERENCES])
        # Samples that are alike are one neighbour, but count as many in the mixture.
        references, where, _ = distinct_rows(points[drawn])
        embedded = embed(references, max(n_clusters, 2), seed=seed)
        mixture = _mixture(embedded[where], n_clusters, seed)
        return cls(references, np.asarray(mixture.predict_proba(embedded)))

    @classmethod
    def of_embedded(cls, points: Array, embedded: Array, n_clusters: int, seed: int) -> Self:
        """Learn from samples `(n, d)` whose embedding `(n, e)` is known."""
        mixture = _mixture(embedded, n_clusters, seed)
        return cls(points, np.asarray(mixture.predict_proba(embedded)))

    @classmethod
    def restore(cls, arrays: dict[str, npt.NDArray[Any]], n_clusters: int, n_features: int) -> Self:
        """The model that `arrays` tells of."""
        check_ranks(arrays, {"references": 2, "shares": 2})
        references, shares = arrays["references"], arrays["shares"]
        check_fits(references.shape[1] == n_features, "references and n_features")
        check_fits(shares.shape == (len(references), n_clusters), "shares and n_clusters")
        return cls(references, shares)

    def memberships(self, points: Array) -> Array:
        """Membership `(n, n_clusters)` of samples `(n, d)`; rows sum to one."""
        asked = min(_N_ASKED, len(self.references))
        distances, nearest = KDTree(self.references).query(points, k=asked)
        distances = distances.reshape(len(points), asked)
        weights = 1.0 / np.maximum(distances, _TINY)
        # Where an old sample lies, no other is asked.
        met = distances <= _TINY
        weights = np.where(met.any(axis=1, keepdims=True), met, weights)
        weights /= weights.sum(axis=1, keepdims=True)
        shares = self.shares[nearest.reshape(len(points), asked)]
        return np.asarray(np.einsum("nj,njk->nk", weights, shares))

    def reordered(self, order: Labels) -> Self:
        """The same model with cluster `order[k]` called `k`."""
        return type(self)(self.references, self.shares[:, order])

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All that was learned."""
        return {"references": self.references, "shares": self.shares}


def embed(points: Array, n_dimensions: int, *, seed: int) -> Array:
    """Distinct samples `(n, d)` where UMAP places them, `(n, n_dimensions)`; few as they are."""
    if len(points) < max(_FEWEST, 3 * n_dimensions):
        return points
    with warnings.catch_warnings():
        # It warns of parts that are not used here, and of what it decides by itself.
        warnings.simplefilter("ignore")
        from umap import UMAP

        found = UMAP(
            n_neighbors=_N_NEIGHBORS,
            n_components=n_dimensions,
            min_dist=0.0,
            n_jobs=1,
            random_state=seed,
        ).fit_transform(points)
    return np.asarray(found, dtype=np.float64)


def _mixture(points: Array, n_clusters: int, seed: int) -> GaussianMixture:
    if len(points) == 1:
        # GaussianMixture wants two samples.
        points = np.repeat(points, 2, axis=0)
    mixture = GaussianMixture(n_clusters, n_init=5, max_iter=300, reg_covar=1e-3, random_state=seed)
    with warnings.catch_warnings():
        # A start that has not settled is still compared with the others by its likelihood.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return mixture.fit(points)
