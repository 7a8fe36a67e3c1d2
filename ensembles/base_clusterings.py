"""Committees: half of the members each, and the clusters that they see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import adjusted_rand_score

from equiclust.clustering import LatentClusterer, make_clusterer

__all__ = ["BaseClustering", "concatenate_latents", "fit_base_clusterings", "stability"]

Array = npt.NDArray[np.float64]

N_PAIRS = 8
# So many objects show the clusters to a committee, however many there are.
_MOST_LEARNED = 2000
_FEWEST_LEARNED = 100


@dataclass(frozen=True, eq=False)
class BaseClustering:
    """Some members, and the clusters in their joint latents.

    Parameters
    ----------
    members : tuple of int
    clusterer : LatentClusterer
        Fitted.
    """

    members: tuple[int, ...]
    clusterer: LatentClusterer


def concatenate_latents(
    latents: Array, scales: Array, members: Sequence[int] | None = None
) -> Array:
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


def fit_base_clusterings(
    latents: Array, scales: Array, method: str, n_clusters: int, *, seed: int
) -> list[BaseClustering]:
    """Pairs of committees that share neither members nor objects.

    In each of eight drawings the members and the objects are dealt into two halves. The first
    committee learns from its half alone, and so does the second: where they agree, two answers
    agree that owe nothing to each other but the method. A single member sits on all committees, and
    objects of which there are few, too few for a half to show what there is, are shown to all.

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
        seats = _halves(len(latents), generator)
        shares = _shares(latents.shape[1], generator)
        for members, objects in zip(seats, shares, strict=True):
            vectors = concatenate_latents(latents, scales, members)
            clusterer = make_clusterer(
                method, n_clusters, random_state=int(generator.integers(2**31 - 1))
            )
            formed.append(BaseClustering(tuple(members), clusterer.fit(vectors[objects])))
    return formed


def _shares(n: int, generator: np.random.Generator) -> list[list[int]]:
    """Objects for two committees: halves, or all where a half would be too few."""
    if n < 2 * _FEWEST_LEARNED:
        return [list(range(n))] * 2
    return [half[:_MOST_LEARNED] for half in _halves(n, generator)]


def stability(base_clusterings: Sequence[BaseClustering], latents: Array, scales: Array) -> float:
    """Mean adjusted Rand index of the two committees of a pair, over all pairs."""
    labels = [
        one.clusterer.predict(concatenate_latents(latents, scales, one.members))
        for one in base_clusterings
    ]
    pairs = zip(labels[::2], labels[1::2], strict=True)
    return float(np.mean([adjusted_rand_score(first, second) for first, second in pairs]))


def _halves(n: int, generator: np.random.Generator) -> list[list[int]]:
    order = generator.permutation(n)
    if n == 1:
        return [[0], [0]]
    return [order[: n // 2].tolist(), order[n // 2 :].tolist()]
