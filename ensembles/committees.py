"""Committees: half of the members each, clustering what half of the objects look like to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from equiclust.clustering import LatentClusterer, make_clusterer

__all__ = ["Committee", "form_committees", "joined"]

Array = npt.NDArray[np.float64]

N_PAIRS = 8
# So many objects show the clusters to a committee, however many there are.
_MOST_LEARNED = 2000


@dataclass(frozen=True, eq=False)
class Committee:
    """Some members, and the clusters in their joint latents.

    Parameters
    ----------
    members : tuple of int
    clusterer : LatentClusterer
        Fitted.
    """

    members: tuple[int, ...]
    clusterer: LatentClusterer


def joined(latents: Array, scales: Array, members: Sequence[int] | None = None) -> Array:
    """Latents of several members as one vector an object, each member's of like weight.

    Parameters
    ----------
    latents : ndarray (n_members, n, d)
    scales : ndarray (n_members,)
        Spread of each member's latents; a member of spread 0 says nothing.
    members : sequence of int, optional
        Those that count; all by default.

    Returns
    -------
    ndarray (n, m * d)
    """
    chosen = list(range(len(latents)) if members is None else members)
    divisors = np.where(scales > 0, scales, 1.0)[chosen] * np.sqrt(len(chosen))
    return np.concatenate(list(latents[chosen] / divisors[:, None, None]), axis=1)


def form_committees(
    latents: Array, scales: Array, method: str, n_clusters: int, *, seed: int
) -> list[Committee]:
    """Pairs of committees that share neither members nor objects.

    In each of eight drawings the members and the objects are dealt into two halves. The first
    committee learns from its half alone, and so does the second: where they agree, two answers
    agree that owe nothing to each other but the method. A single member sits on all committees.

    Parameters
    ----------
    latents : ndarray (n_members, n, d)
    scales : ndarray (n_members,)
    method : str
        As in `LatentClusterer`.
    n_clusters : int
    seed : int

    Returns
    -------
    list of Committee
        Those of a pair follow each other.
    """
    generator = np.random.default_rng(seed)
    formed = []
    for _ in range(N_PAIRS):
        halves = zip(
            _halves(len(latents), generator), _halves(latents.shape[1], generator), strict=True
        )
        for members, objects in halves:
            vectors = joined(latents, scales, members)
            clusterer = make_clusterer(
                method, n_clusters, random_state=int(generator.integers(2**31 - 1))
            )
            shown = vectors[objects[:_MOST_LEARNED]]
            enough = len(np.unique(shown, axis=0)) >= 2 * n_clusters
            formed.append(Committee(tuple(members), clusterer.fit(shown if enough else vectors)))
    return formed


def _halves(n: int, generator: np.random.Generator) -> list[list[int]]:
    order = generator.permutation(n)
    if n == 1:
        return [[0], [0]]
    return [order[: n // 2].tolist(), order[n // 2 :].tolist()]
