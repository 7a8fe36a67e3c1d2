"""Latents of a member through its training: their map, and whether members agree on clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from sklearn.cluster import KMeans

from equiclust.evaluation.metrics import adjusted_rand_index
from equiclust.io.training_record import MemberRecord, read_shown_images, read_snapshot
from equiclust.typing import Float32Array, Float64Array, IntArray

__all__ = ["LatentMap", "member_agreement", "read_latent_map"]

_FEWEST_SHARED = 10


@dataclass(frozen=True, eq=False)
class LatentMap:
    """Positions of the same images at the end of several epochs.

    The axes are the first two principal components of the last snapshot, so that a point keeps its
    place when its latent does not change.

    Parameters
    ----------
    epochs : ndarray (s,), int
        Ascending.
    rows : ndarray (l,), int
        Numbers of the images.
    positions : ndarray (s, l, 2), float32
    shares : tuple of float
        Of the variance of the last snapshot, along each axis.
    """

    epochs: IntArray
    rows: IntArray
    positions: Float32Array
    shares: tuple[float, float]


def read_latent_map(member: MemberRecord) -> LatentMap:
    """Read the latents of all snapshots of a member, and lay them out.

    Parameters
    ----------
    member : MemberRecord

    Returns
    -------
    LatentMap
        Empty when no snapshot holds latents.
    """
    rows = read_shown_images(member).latent_rows
    found = [(epoch, read_snapshot(member, epoch).latents) for epoch in member.snapshots]
    known = [(epoch, latents) for epoch, latents in found if len(latents) == len(rows) > 0]
    # Those of another length of the latent are no snapshots of this network.
    known = [one for one in known if one[1].shape == known[-1][1].shape]
    epochs = np.array([epoch for epoch, _ in known], np.int64)
    if not known:
        return LatentMap(epochs, rows[:0], np.zeros((0, 0, 2), np.float32), (0.0, 0.0))
    centre, axes, shares = _axes(known[-1][1].astype(np.float64))
    positions = np.stack([(latents - centre) @ axes.T for _, latents in known])
    return LatentMap(epochs, rows, positions.astype(np.float32), shares)


def member_agreement(members: Sequence[MemberRecord], n_clusters: int) -> dict[int, float]:
    """How far members agree on clusters, by their latest snapshots.

    The latents of every member are clustered by k-means; two members are compared on the images
    that both have latents of.

    Parameters
    ----------
    members : sequence of MemberRecord
    n_clusters : int

    Returns
    -------
    dict of int to float
        Mean adjusted Rand index with the other members, by number; a member that shares fewer than
        ten images with every other one is left out.
    """
    labels = {one.number: _latest_labels(one, n_clusters) for one in members}
    indices: dict[int, list[float]] = {}
    for first, second in combinations(sorted(labels), 2):
        shared = sorted(labels[first].keys() & labels[second].keys())
        if len(shared) >= max(_FEWEST_SHARED, n_clusters):
            pair = [[labels[one][row] for row in shared] for one in (first, second)]
            index = adjusted_rand_index(*pair)
            for one in (first, second):
                indices.setdefault(one, []).append(index)
    return {number: float(np.mean(found)) for number, found in indices.items()}


def _latest_labels(member: MemberRecord, n_clusters: int) -> dict[int, int]:
    """Cluster of each image by its number."""
    rows = read_shown_images(member).latent_rows
    for epoch in reversed(member.snapshots):
        latents = read_snapshot(member, epoch).latents
        if len(latents) == len(rows) >= n_clusters:
            clustered = KMeans(n_clusters, n_init=4, random_state=0).fit_predict(latents)
            return dict(zip(rows.tolist(), clustered.tolist(), strict=True))
    return {}


def _axes(latents: Float64Array) -> tuple[Float64Array, Float64Array, tuple[float, float]]:
    """Centre, two axes `(2, d)` and their shares of the variance."""
    centre = latents.mean(axis=0)
    _, spread, axes = np.linalg.svd(latents - centre, full_matrices=False)
    shares = np.zeros(2)
    shares[: len(spread[:2])] = spread[:2] ** 2 / max(float((spread**2).sum()), 1e-30)
    kept = np.zeros((2, latents.shape[1]))
    kept[: len(axes[:2])] = axes[:2]
    # The sign of an axis is arbitrary: as it is chosen here, it stays from one look to the next.
    largest = np.abs(kept).argmax(axis=1)
    signs = np.where(kept[[0, 1], largest] < 0, -1.0, 1.0)
    return centre, kept * signs[:, None], (float(shares[0]), float(shares[1]))
