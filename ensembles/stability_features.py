"""Features of an object from which the stability in its label is estimated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.spatial.distance import cdist

from ensembles.base_clusterings import PlacedObjects
from equiclust.typing import BoolArray, Float64Array, IntArray

__all__ = ["N_FEATURES", "StabilityFeatures"]

N_FEATURES = 3
_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class StabilityFeatures:
    """Labels, distances and outlier scores of objects in every base clustering.

    Parameters
    ----------
    labels : ndarray (n_clusterings, n), int
        Labels by common names.
    distances : ndarray (n_clusterings, n, n_clusters)
        Distance to the centre of each cluster in the clustering's whitened latents.
    log_outlier_scores : ndarray (n_clusterings, n)
        Natural logarithm of the outlier scores.
    """

    labels: IntArray
    distances: Float64Array
    log_outlier_scores: Float64Array

    @classmethod
    def measure(
        cls, placed: PlacedObjects, centres: Sequence[Float64Array], labels: IntArray
    ) -> Self:
        """Measure the features of objects.

        Parameters
        ----------
        placed : PlacedObjects
        centres : sequence of ndarray (n_clusters, c)
            Centres of each clustering's clusters in its whitened latents.
        labels : ndarray (n_clusterings, n), int
            Labels by common names.
        """
        pairs = zip(placed.points, centres, strict=True)
        distances = np.stack([cdist(own, own_centres) for own, own_centres in pairs])
        return cls(labels, distances, np.log(np.maximum(placed.outlier_scores, _TINY)))

    def evidence(self, labels: IntArray) -> Float64Array:
        """Evidence for one label of each object, larger for more certain labels.

        Parameters
        ----------
        labels : ndarray (n,), int
            By common names.

        Returns
        -------
        ndarray (n, 3)
            Share of the clusterings that give the label; mean relative margin
            ``(other - own) / (other + own)`` between the distances to the label's centre and to
            the nearest other one; minus the mean log outlier score.
        """
        votes = (self.labels == labels).mean(axis=0)
        margins = self._margins(labels).mean(axis=0)
        return np.stack([votes, margins, -self.log_outlier_scores.mean(axis=0)], axis=1)

    def calibration_pairs(self) -> tuple[Float64Array, BoolArray]:
        """Evidence for the labels of each clustering, and whether its counterpart agrees.

        Clusterings come in pairs, one after the other, which share neither members nor objects. The
        evidence for the labels of one is measured by the clusterings of all other pairs; the
        outcome is whether the other one of its pair gives the same label.

        Returns
        -------
        evidence : ndarray (n_clusterings * n, 3)
        agrees : ndarray (n_clusterings * n,), bool
        """
        evidence, agrees = [], []
        clusterings = np.arange(len(self.labels))
        for clustering in clusterings:
            labels = self.labels[clustering]
            others = self._of_clusterings(clusterings // 2 != clustering // 2)
            evidence.append(others.evidence(labels))
            agrees.append(self.labels[clustering ^ 1] == labels)
        return np.concatenate(evidence), np.concatenate(agrees)

    def _of_clusterings(self, chosen: BoolArray) -> StabilityFeatures:
        return StabilityFeatures(
            self.labels[chosen], self.distances[chosen], self.log_outlier_scores[chosen]
        )

    def _margins(self, labels: IntArray) -> Float64Array:
        """Relative margin of the label, -1 to 1, `(n_clusterings, n)`."""
        if self.distances.shape[2] == 1:
            return np.ones(self.labels.shape)
        own = np.take_along_axis(self.distances, labels[None, :, None], axis=2)[..., 0]
        others = self.distances.copy()
        np.put_along_axis(
            others, np.broadcast_to(labels[None, :, None], (*own.shape, 1)), np.inf, 2
        )
        nearest = others.min(axis=2)
        return np.asarray((nearest - own) / np.maximum(nearest + own, _TINY))
