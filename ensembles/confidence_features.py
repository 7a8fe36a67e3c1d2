"""Where the judges of an object see it: the evidence for and against its label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from equiclust.clustering import LatentClusterer

__all__ = ["N_EVIDENCE", "ConfidenceFeatures"]

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int64]

N_EVIDENCE = 3
_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class ConfidenceFeatures:
    """Where each judge sees each object.

    Attributes
    ----------
    given : ndarray (n_clusterings, n), int
        Labels by common names.
    distances : ndarray (n_clusterings, n, n_clusters)
        To the centre of each cluster, in the judge's whitened space.
    loneliness : ndarray (n_clusterings, n)
        Logarithm of the outlier scores.
    """

    given: Labels
    distances: Array
    log_outlier_scores: Array

    @classmethod
    def of(
        cls,
        clusterers: Sequence[LatentClusterer],
        centres: Sequence[Array],
        given: Labels,
        latents: Sequence[Array],
    ) -> ConfidenceFeatures:
        """Standing of objects by each judge's clusterer, centres, labels and latents `(n, d)`."""
        distances, lonely = [], []
        for clusterer, its_centres, own in zip(clusterers, centres, latents, strict=True):
            distances.append(cdist(clusterer.whitening_.apply(own), its_centres))
            lonely.append(np.log(np.maximum(clusterer.outlier_scores(own), _TINY)))
        return cls(given, np.stack(distances), np.stack(lonely))

    def evidence(self, labels: Labels) -> Array:
        """Share of the votes, margin and company `(n, 3)` of every object for its label."""
        votes = (self.given == labels).mean(axis=0)
        margins = self._margins(labels).mean(axis=0)
        return np.stack([votes, margins, -self.log_outlier_scores.mean(axis=0)], axis=1)

    def calibration_pairs(self) -> tuple[Array, Bools]:
        """What all others say of one judge's label, and whether its counterpart gives the same.

        Judges come in pairs, one after the other; each is asked about the other's labels.

        Returns
        -------
        evidence : ndarray (n_clusterings * n, 3)
        right : ndarray (n_clusterings * n,), bool
        """
        evidence, right = [], []
        clusterings = np.arange(len(self.given))
        for clustering in clusterings:
            labels = self.given[clustering]
            others = self._of_clusterings(clusterings // 2 != clustering // 2)
            evidence.append(others.evidence(labels))
            right.append(self.given[clustering ^ 1] == labels)
        return np.concatenate(evidence), np.concatenate(right)

    def _of_clusterings(self, chosen: Bools) -> ConfidenceFeatures:
        return ConfidenceFeatures(
            self.given[chosen], self.distances[chosen], self.log_outlier_scores[chosen]
        )

    def _margins(self, labels: Labels) -> Array:
        """Relative distance margin of the label, -1 to 1, `(n_clusterings, n)`."""
        if self.distances.shape[2] == 1:
            return np.ones(self.given.shape)
        own = np.take_along_axis(self.distances, labels[None, :, None], axis=2)[..., 0]
        others = self.distances.copy()
        np.put_along_axis(
            others, np.broadcast_to(labels[None, :, None], (*own.shape, 1)), np.inf, 2
        )
        nearest = others.min(axis=2)
        return np.asarray((nearest - own) / np.maximum(nearest + own, _TINY))
