"""`TextureClusters`: the kinds of texture among the latents of tiles."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from statistics import median_low
from typing import Literal, Self

import numpy as np

from ensembles import ConsensusClustering
from ensembles.base_clusterings import concatenate_latents, latent_spreads
from equiclust.clustering import Choice, choose_n_clusters
from equiclust.typing import Float32Array

__all__ = ["TextureClusters"]


# Mean adjusted Rand index of halves that agree.
_AGREED = 0.5


@dataclass(frozen=True, eq=False)
class TextureClusters:
    """Clusters of tiles by their texture.

    Parameters
    ----------
    consensus : ConsensusClustering
        Fitted on smoothed latents.
    choice : Choice, optional
        How the number of clusters was chosen; None for clusters read from disk.
    """

    consensus: ConsensusClustering
    choice: Choice | None = None

    @classmethod
    def fit(
        cls,
        latents: Float32Array,
        *,
        n_clusters: int | Literal["auto"] = "auto",
        method: str = "kmeans",
        random_state: int = 0,
    ) -> Self:
        """Find the clusters.

        Parameters
        ----------
        latents : ndarray (n, n_networks, d), float32
            Smoothed, of a sample of tiles.
        n_clusters : int or "auto", default "auto"
            Number of clusters. "auto" estimates it as `choose_n_clusters` does, but divides tiles
            whose textures change gradually if the halves of the sample agree on how.
        method : {"kmeans", "gmm", "spectral", "manifold"}, default "kmeans"
            Clustering method.
        random_state : int, default 0
            Seed.

        Returns
        -------
        TextureClusters
            Fitted.

        Raises
        ------
        InputError
            When the latents cannot be clustered.
        """
        by_member = np.swapaxes(latents, 0, 1).astype(np.float64)
        if n_clusters == "auto":
            scales = latent_spreads(by_member)
            choice = _divided(
                choose_n_clusters(
                    concatenate_latents(by_member, scales), gaps=False, random_state=random_state
                )
            )
        else:
            choice = Choice(n_clusters, {}, ())
        consensus = ConsensusClustering(
            choice.n_clusters, method=method, reliability=0.0, random_state=random_state
        )
        return cls(consensus.fit(by_member), choice)

    @property
    def n_clusters(self) -> int:
        """How many clusters there are."""
        return self.consensus.n_clusters

    def memberships(self, latents: Float32Array) -> Float32Array:
        """Membership of tiles in every cluster, the mean over the base clusterings.

        Parameters
        ----------
        latents : ndarray (n, n_networks, d), float32
            Smoothed; NaN for tiles that were left out.

        Returns
        -------
        ndarray (n, n_clusters), float32
            Rows add up to 1; NaN for tiles that were left out.
        """
        found = np.full((len(latents), self.n_clusters), np.nan, dtype=np.float32)
        seen = np.isfinite(latents[:, 0, 0])
        if seen.any():
            found[seen] = self.consensus.memberships(np.swapaxes(latents[seen], 0, 1))
        return found

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the clusters as JSON and safetensors.

        Parameters
        ----------
        folder : path-like
            Where they go.
        """
        self.consensus.save(folder)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Clusters that `save` wrote.

        Parameters
        ----------
        folder : path-like
            Where they lie.

        Raises
        ------
        InputError
            When there are none.
        """
        return cls(ConsensusClustering.load(folder))


def _divided(choice: Choice) -> Choice:
    """What the votes say where the samples are one heap, which overlapping tiles nearly always are.

    A map is to be divided even so, unless halves of the tiles agree on no division.
    """
    stable = max((row["stability"] for row in choice.scores), default=0.0)
    if choice.n_clusters > 1 or not choice.votes or stable < _AGREED:
        return choice
    return replace(choice, n_clusters=median_low(choice.votes.values()))
