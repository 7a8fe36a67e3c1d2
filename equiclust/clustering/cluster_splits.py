"""A cluster looked at in its own space: whether it has parts with gaps between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from equiclust.clustering.blocks import in_blocks
from equiclust.clustering.labels import canonical_order
from equiclust.clustering.manifold import ManifoldModel, embed
from equiclust.clustering.separation import (
    N_AXES,
    accumulated_partition,
    best_separated,
    pair_p_value,
    separation,
)
from equiclust.clustering.whitening import Whitening
from equiclust.io.estimators import check_fits, check_ranks
from equiclust.typing import Array, Float64Array, IntArray

__all__ = ["MIN_MEMBERS", "Split", "find_split", "holm"]

MIN_MEMBERS = 40
"""Smaller clusters are not split."""

_NUMBERS = (2, 3, 4)
# Of more members, this number is drawn.
_MAX_MEMBERS = 1000
_WHITEN = 0.5
_N_DIMENSIONS = 5
_N_EMBEDDINGS = 5
# Adjusted Rand index of the parts in two embeddings below which the others need not be tried.
_PROMISING = 0.7


@dataclass(frozen=True, eq=False)
class Split:
    """Parts of a cluster, and which of them a sample belongs to.

    Parameters
    ----------
    dip : float
        Of the two parts that are least apart, see
        `equiclust.clustering.separation.pair_separation`.
    whitening : Whitening
        From latents to the cluster's own space.
    model : ManifoldModel
        The members there and their parts; a sample belongs to the part of its neighbours.
    """

    dip: float
    whitening: Whitening
    model: ManifoldModel

    @property
    def n_parts(self) -> int:
        """Number of parts, at least 2."""
        return int(self.model.shares.shape[1])

    @property
    def p_value(self) -> float:
        """Probability of such a gap between parts of one cluster."""
        return pair_p_value(self.dip)

    def predict(self, points: Float64Array) -> IntArray:
        """Part of each sample.

        Parameters
        ----------
        points : ndarray (n, d)

        Returns
        -------
        ndarray (n,), int
            From 0.
        """
        if not len(points):
            return np.zeros(0, dtype=np.int64)

        def of_block(own: Float64Array) -> Float64Array:
            return self.model.memberships(self.whitening.apply(own))

        return np.asarray(in_blocks(of_block, points).argmax(axis=1))

    def arrays(self) -> dict[str, Array]:
        """Arrays from which `restore` rebuilds it.

        Returns
        -------
        dict of str to ndarray
        """
        whitening = self.whitening
        return {
            "dip": np.array([self.dip]),
            "mean": whitening.mean,
            "scale": whitening.scale,
            "axes": whitening.axes,
            **self.model.arrays(),
        }

    @classmethod
    def restore(cls, arrays: Mapping[str, Array], n_features: int) -> Self:
        """Rebuild a split from its arrays.

        Parameters
        ----------
        arrays : mapping of str to ndarray
            As of `arrays`.
        n_features : int
            Length `d` of a sample.

        Returns
        -------
        Split

        Raises
        ------
        InputError
            When the arrays do not fit.
        """
        given = dict(arrays)
        ranks = {"dip": 1, "mean": 1, "scale": 1, "axes": 2, "references": 2, "shares": 2}
        check_ranks(given, ranks)
        mean, scale, axes = given["mean"], given["scale"], given["axes"]
        fit = mean.shape == scale.shape == (n_features,) and len(axes) == n_features
        check_fits(fit, "whitening and n_features")
        model = ManifoldModel.restore(given, given["shares"].shape[1], axes.shape[1])
        check_fits(given["shares"].shape[1] in _NUMBERS, "shares and numbers of parts")
        return cls(float(given["dip"][0]), Whitening(mean, scale, axes), model)


def find_split(points: Float64Array, *, level: float, seed: int) -> Split | None:
    """Find the parts of a cluster.

    Two to four parts are tried, by mixtures in five embeddings of the members alone, as for all
    samples in `equiclust.clustering.separation`.

    Parameters
    ----------
    points : ndarray (n, d)
        The distinct members of a cluster.
    level : float
        Largest p-value of the gap between any two parts.
    seed : int

    Returns
    -------
    Split or None
        None where the embeddings do not agree on parts, where parts have no gap between them, or
        where there are fewer than 40 members.
    """
    if len(points) < MIN_MEMBERS:
        return None
    drawn = np.sort(np.random.RandomState(seed).permutation(len(points))[:_MAX_MEMBERS])
    members = points[drawn]
    axes = Whitening.fit(members, standardise=False, whiten=False, n_components=N_AXES)
    whitening = Whitening.fit(members, standardise=True, whiten=_WHITEN, n_components=None)
    own, placed = whitening.apply(members), axes.apply(members)
    embeddings = [embed(own, _N_DIMENSIONS, seed=seed % 2**31 + k) for k in range(2)]
    promising = [k for k in _NUMBERS if _agrees(embeddings, k, seed)]
    if not promising:
        return None
    embeddings += [
        embed(own, _N_DIMENSIONS, seed=seed % 2**31 + k) for k in range(2, _N_EMBEDDINGS)
    ]
    found = {k: separation(placed, embeddings, k, seed=seed) for k in promising}
    number = best_separated({k: one for k, one in found.items() if pair_p_value(one.dip) <= level})
    if number is None:
        return None
    labels = accumulated_partition(embeddings, number, seed=seed)[0] - 1
    parts = np.argsort(canonical_order(labels, number))[labels]
    return Split(found[number].dip, whitening, ManifoldModel(own, np.eye(number)[parts]))


def _agrees(embeddings: Sequence[Float64Array], number: int, seed: int) -> bool:
    return accumulated_partition(embeddings, number, seed=seed)[1] >= _PROMISING


def holm(p_values: Sequence[float], n_tests: int, *, level: float) -> list[bool]:
    """Which hypotheses are rejected at a level that holds for all tests together.

    Parameters
    ----------
    p_values : sequence of float
        Of some of the tests; those of the others are larger.
    n_tests : int
    level : float

    Returns
    -------
    list of bool
        One for each of `p_values`, by Holm's step-down procedure [1]_.

    References
    ----------
    .. [1] Holm, S. 1979, "A simple sequentially rejective multiple test procedure", Scand. J.
       Statist. 6, 65.
    """
    rejected = [False] * len(p_values)
    order = np.argsort(np.asarray(p_values), kind="stable")
    for rank, place in enumerate(order.tolist()):
        if p_values[place] * (n_tests - rank) > level:
            break
        rejected[place] = True
    return rejected
