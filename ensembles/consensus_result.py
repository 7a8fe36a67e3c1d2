"""`ConsensusResult`: what a consensus says of objects."""

from __future__ import annotations

from dataclasses import dataclass

from equiclust._deprecated import FormerAttribute
from equiclust.typing import Float64Array, IntArray

__all__ = ["ConsensusResult"]


@dataclass(frozen=True, eq=False)
class ConsensusResult:
    """Labels of `n` objects, their stability, agreement and outlier scores.

    Parameters
    ----------
    labels : ndarray (n,), int
        Labels, -1 = "don't know".
    best_labels : ndarray (n,), int
        The most likely label of every object.
    stability : ndarray (n,)
        Probability that one more clustering gives `best_labels`, 0 to 1; it says how reproducible
        they are, not how right.
    agreement : ndarray (n,)
        Share of the members whose own clustering gives `best_labels`, 0 to 1.
    member_labels : ndarray (n_members, n), int
        Labels by each member's own clustering, by the names of the consensus.
    outlier_scores : ndarray (n,)
        Geometric mean over the members, see `LatentClusterer.outlier_scores`.

    Examples
    --------
    >>> import numpy as np
    >>> from ensembles import ConsensusClustering
    >>> from sklearn.datasets import make_blobs
    >>> latents, kinds = make_blobs([30, 20], centers=[[0, 0], [9, 0]], random_state=0)
    >>> members = np.stack([latents, latents[:, ::-1]])
    >>> consensus = ConsensusClustering(2, method="kmeans", random_state=0).fit(members)
    >>> new = np.array([[0.0, 0.0], [9.0, 0.0]])
    >>> result = consensus.predict_consensus(np.stack([new, new[:, ::-1]]))
    >>> result.labels, result.agreement, result.member_labels.shape
    (array([0, 1]), array([1., 1.]), (2, 2))
    """

    labels: IntArray
    best_labels: IntArray
    stability: Float64Array
    agreement: Float64Array
    member_labels: IntArray
    outlier_scores: Float64Array

    confidence = FormerAttribute("stability")
