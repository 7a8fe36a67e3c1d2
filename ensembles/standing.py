"""Where the members of a jury see each object: the evidence for and against its label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from equiclust.clustering import LatentClusterer

__all__ = ["N_EVIDENCE", "Standing"]

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int64]

N_EVIDENCE = 3
_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Standing:
    """Where the members see each object.

    Attributes
    ----------
    given : ndarray (n_members, n), int
    distances : ndarray (n_members, n, n_clusters)
        To the centre of each consensus cluster.
    loneliness : ndarray (n_members, n)
        Logarithm of the outlier scores.
    """

    given: Labels
    distances: Array
    loneliness: Array

    @classmethod
    def of(
        cls,
        members: Sequence[LatentClusterer],
        centres: Sequence[Array],
        given: Labels,
        latents: Array,
    ) -> Standing:
        """Standing of objects by each member's clusterer, its centres, labels and latents."""
        distances, lonely = [], []
        for member, its_centres, own in zip(members, centres, latents, strict=True):
            distances.append(cdist(member.whitening_.apply(own), its_centres))
            lonely.append(np.log(np.maximum(member.outlier_scores(own), _TINY)))
        return cls(given, np.stack(distances), np.stack(lonely))

    def evidence(self, labels: Labels) -> Array:
        """Share of the votes, margin and company `(n, 3)` of every object for its label."""
        votes = (self.given == labels).mean(axis=0)
        margins = self._margins(labels).mean(axis=0)
        return np.stack([votes, margins, -self.loneliness.mean(axis=0)], axis=1)

    def trials(self, judges: Bools) -> tuple[Array, Bools]:
        """What the others say of an object, and whether the judge agrees, trial by trial."""
        evidence, right = [], []
        n_members = len(self.given)
        for judge in range(n_members):
            seen = judges[judge]
            others = np.delete(np.arange(n_members), judge)
            if not len(others) or not seen.any():
                continue
            rest = Standing(
                self.given[others][:, seen],
                self.distances[others][:, seen],
                self.loneliness[others][:, seen],
            )
            labels = rest.majority()
            evidence.append(rest.evidence(labels))
            right.append(self.given[judge, seen] == labels)
        if not right:
            return np.zeros((0, N_EVIDENCE)), np.zeros(0, dtype=bool)
        return np.concatenate(evidence), np.concatenate(right)

    def majority(self) -> Labels:
        """Most frequent label; of several the one whose centre is nearest."""
        n_clusters = self.distances.shape[2]
        votes = (self.given[:, :, None] == np.arange(n_clusters)).sum(axis=0)
        distance = self.distances.mean(axis=0)
        return np.asarray((votes - distance / (1.0 + distance.max())).argmax(axis=1))

    def _margins(self, labels: Labels) -> Array:
        """How much nearer the label's cluster is than the next, from -1 to 1, `(n_members, n)`."""
        if self.distances.shape[2] == 1:
            return np.ones(self.given.shape)
        own = np.take_along_axis(self.distances, labels[None, :, None], axis=2)[..., 0]
        others = self.distances.copy()
        np.put_along_axis(
            others, np.broadcast_to(labels[None, :, None], (*own.shape, 1)), np.inf, 2
        )
        nearest = others.min(axis=2)
        return np.asarray((nearest - own) / np.maximum(nearest + own, _TINY))
