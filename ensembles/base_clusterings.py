"""Base clusterings: each of the joint latents of half of the members."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.metrics import adjusted_rand_score

from ensembles.clusterer_fits import fit_clusterers
from equiclust.binary_scale import in_unit, range_exponent
from equiclust.clustering import LatentClusterer, make_clusterer
from equiclust.exceptions import InputError
from equiclust.typing import Array, Float64Array, IntArray

__all__ = [
    "BaseClustering",
    "PlacedObjects",
    "cluster_centres",
    "concatenate_latents",
    "fit_base_clusterings",
    "latent_spreads",
    "mean_agreement",
    "member_latents",
    "place_objects",
]

N_PAIRS = 8
# Largest number of objects that a base clustering is fitted to, and the smallest that a half of
# the objects may have to be used instead of all of them.
_MAX_FITTED = 2000
_MIN_FITTED = 300


@dataclass(frozen=True, eq=False)
class BaseClustering:
    """Some members of an ensemble, and a clustering of their joint latents.

    Parameters
    ----------
    members : tuple of int
        Indices of the members.
    clusterer : LatentClusterer
        Fitted to the concatenated latents of these members.
    """

    members: tuple[int, ...]
    clusterer: LatentClusterer


def member_latents(latents: npt.ArrayLike) -> Array:
    """Latents of the same objects by each member, checked.

    Parameters
    ----------
    latents : array-like (n_members, n, d)

    Returns
    -------
    ndarray (n_members, n, d)
        In their own precision where that is single, since they may be many, else in double.

    Raises
    ------
    InputError
        When they have another number of axes, are empty, or are not finite.
    """
    array = np.asarray(latents)
    if array.dtype != np.float32:
        array = np.asarray(array, dtype=np.float64)
    if array.ndim != 3 or not array.size or not np.all(np.isfinite(array)):
        raise InputError(
            f"X must hold finite latents of shape (n_members, n, d), got shape {array.shape}"
        )
    return array


def latent_spreads(latents: Array) -> Float64Array:
    """Spread of every member's latents: the root of the summed variances of their columns.

    Parameters
    ----------
    latents : ndarray (n_members, n, d)
        Made double precision, one member after another.

    Returns
    -------
    ndarray (n_members,)
    """
    return np.array([_spread(np.asarray(own, dtype=np.float64)) for own in latents])


def _spread(own: Float64Array) -> float:
    exponent = range_exponent(own)
    return float(np.ldexp(np.sqrt(in_unit(own, exponent).var(axis=0).sum()), exponent))


def concatenate_latents(
    latents: Array,
    scales: Array,
    members: Sequence[int] | None = None,
    *,
    dtype: npt.DTypeLike = np.float64,
) -> Array:
    """Concatenate the latents of several members, each with the same weight.

    Parameters
    ----------
    latents : ndarray (n_members, n, d)
    scales : ndarray (n_members,)
        Spread of every member's latents, by which they are divided where it is not 0.
    members : sequence of int, optional
        Indices of the `m` members to use; all of them by default.
    dtype : data type, default float64
        Of the result, which is computed in double precision, one member after another.

    Returns
    -------
    ndarray (n, m * d)
        One vector per object.
    """
    chosen = list(range(len(latents)) if members is None else members)
    divisors = np.where(scales > 0, scales, 1.0).astype(np.float64) * np.sqrt(len(chosen))
    _, n, width = latents.shape
    vectors = np.empty((n, len(chosen) * width), dtype)
    for place, member in enumerate(chosen):
        vectors[:, place * width : (place + 1) * width] = latents[member] / divisors[member]
    return vectors


def fit_base_clusterings(
    latents: Float64Array,
    scales: Float64Array,
    method: str,
    n_clusters: int,
    *,
    n_init: int = 10,
    seed: int,
) -> list[BaseClustering]:
    """Fit pairs of clusterings that share neither members nor objects.

    In each of eight draws the members and the objects are split at random into two halves. Each
    clustering of a pair is fitted to one half of the members' latents of one half of the objects,
    so that agreement between the two owes nothing to shared data. A single member belongs to both
    halves, and with fewer than 600 objects both clusterings are fitted to all of them. At most 2000
    objects are used for each.

    Parameters
    ----------
    latents : ndarray (n_members, n, d)
    scales : ndarray (n_members,)
        Spread of every member's latents.
    method : str
        As in `LatentClusterer`.
    n_clusters : int
    n_init : int, default 10
        Starts of every k-means.
    seed : int

    Returns
    -------
    list of BaseClustering
        The two clusterings of a pair follow each other.
    """
    generator = np.random.default_rng(seed)
    chosen, clusterers, joint = [], [], []
    for _ in range(N_PAIRS):
        member_halves = _halves(len(latents), generator)
        object_halves = _fitted_objects(latents.shape[1], generator)
        for members, objects in zip(member_halves, object_halves, strict=True):
            own_seed = int(generator.integers(2**31 - 1))
            chosen.append(tuple(members))
            clusterers.append(
                make_clusterer(method, n_clusters, n_init=n_init, random_state=own_seed)
            )
            joint.append(concatenate_latents(latents[:, objects], scales, members))
    fitted = fit_clusterers(clusterers, joint)
    return [BaseClustering(members, one) for members, one in zip(chosen, fitted, strict=True)]


def _fitted_objects(n: int, generator: np.random.Generator) -> list[list[int]]:
    """Objects that the two clusterings of a pair are fitted to."""
    if n < 2 * _MIN_FITTED:
        return [list(range(n))] * 2
    return [half[:_MAX_FITTED] for half in _halves(n, generator)]


def _halves(n: int, generator: np.random.Generator) -> list[list[int]]:
    order = generator.permutation(n)
    if n == 1:
        return [[0], [0]]
    return [order[: n // 2].tolist(), order[n // 2 :].tolist()]


def mean_agreement(
    base_clusterings: Sequence[BaseClustering], latents: Float64Array, scales: Float64Array
) -> float:
    """Mean adjusted Rand index between the two clusterings of a pair, over all pairs.

    Parameters
    ----------
    base_clusterings : sequence of BaseClustering
        As `fit_base_clusterings` returns them.
    latents : ndarray (n_members, n, d)
    scales : ndarray (n_members,)
        Spread of every member's latents.

    Returns
    -------
    float
        At most 1.
    """
    labels = [
        one.clusterer.predict(concatenate_latents(latents, scales, one.members))
        for one in base_clusterings
    ]
    pairs = zip(labels[::2], labels[1::2], strict=True)
    return float(np.mean([adjusted_rand_score(first, second) for first, second in pairs]))


class PlacedObjects(NamedTuple):
    """Objects in the space of every base clustering.

    Attributes
    ----------
    points : list of ndarray (n, c)
        Whitened latents.
    memberships : ndarray (n_clusterings, n, n_clusters)
    outlier_scores : ndarray (n_clusterings, n)
    """

    points: list[Float64Array]
    memberships: Float64Array
    outlier_scores: Float64Array


def place_objects(
    base_clusterings: Sequence[BaseClustering], latents: Array, scales: Float64Array
) -> PlacedObjects:
    """Place objects in the space of every base clustering.

    Parameters
    ----------
    base_clusterings : sequence of BaseClustering
    latents : ndarray (n_members, n, d)
    scales : ndarray (n_members,)
        Spread of every member's latents.

    Returns
    -------
    PlacedObjects
    """
    placed = [
        one.clusterer._place(concatenate_latents(latents, scales, one.members))
        for one in base_clusterings
    ]
    points, memberships, scores = zip(*placed, strict=True)
    return PlacedObjects(list(points), np.stack(memberships), np.stack(scores))


def cluster_centres(
    points: Sequence[Float64Array], labels: IntArray, n_clusters: int
) -> list[Float64Array]:
    """Centres of the clusters in the whitened latents of every base clustering.

    Parameters
    ----------
    points : sequence of ndarray (n, c)
        As of `PlacedObjects`.
    labels : ndarray (n_clusterings, n), int
        Labels that each of them gives, by common names.
    n_clusters : int

    Returns
    -------
    list of ndarray (n_clusters, c)
        Means of the clusters; of an empty cluster, the mean of all objects.
    """
    found = []
    for own, given in zip(points, labels, strict=True):
        centres = np.tile(own.mean(axis=0), (n_clusters, 1))
        for label in np.unique(given):
            centres[label] = own[given == label].mean(axis=0)
        found.append(centres)
    return found
