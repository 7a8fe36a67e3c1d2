"""Nearest neighbours in latent space, among few latents or millions."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from equiclust.argument_types import checks_types
from equiclust.binary_scale import range_exponent
from equiclust.evaluation.neighbour_products import References, rank_neighbours
from equiclust.exceptions import InputError
from equiclust.optional import import_optional
from equiclust.typing import Float32Array, Float64Array, IntArray
from equiclust.validation import check_samples, check_whole

__all__ = ["EXACT_BELOW", "LatentIndex"]


EXACT_BELOW = 10_000_000
"""Number of latents from which a graph of neighbours replaces the comparison with all of them."""

# Latents that are compared at once.
_BLOCK = 2**14
# Distances that are held at once where latents are compared pair by pair.
_MOST_PAIRS = 2**22


@checks_types
class LatentIndex:
    """Index of latents to find the nearest ones.

    With fewer latents than `exact_below`, a query is compared with all of them, a thousand queries
    with a million latents of 64 numbers in some five seconds. Above, the search follows a graph of
    near neighbours made by nearest neighbour descent (Dong, Moses & Li 2011; `pynndescent`), which
    finds nearly all of them in a fraction of the time, but takes minutes to make.

    An exact index needs `12 n d` bytes, and a query 30 MB and the space for its result.

    Parameters
    ----------
    latents : array-like (n, d)
        Compared by Euclidean distance.
    exact_below : int, default 10,000,000
        Number of latents from which the search is approximate.
    random_state : int or None, default 0
        Of the graph.

    Attributes
    ----------
    latents : ndarray (n, d), float32
    is_exact : bool
        Whether a query is compared with all latents.

    Raises
    ------
    InputError
        When there are no latents, or one is not finite.

    Examples
    --------
    >>> from equiclust import LatentIndex
    >>> distances, indices = LatentIndex([[0.0], [1.0], [5.0]]).query([[0.75]], 2)
    >>> distances, indices
    (array([[0.25, 0.75]], dtype=float32), array([[1, 0]]))
    """

    def __init__(
        self,
        latents: npt.ArrayLike,
        *,
        exact_below: int = EXACT_BELOW,
        random_state: int | None = 0,
    ) -> None:
        self.latents = _checked(latents)
        self.is_exact = len(self.latents) < exact_below
        if self.is_exact:
            starts = range(0, len(self.latents), _BLOCK)
            self._blocks = [References.of(self.latents[k : k + _BLOCK]) for k in starts]
        else:
            self._exponent = range_exponent(self.latents.astype(np.float64))
            self._graph = self._approximate(random_state)

    def query(self, latents: npt.ArrayLike, n: int = 10) -> tuple[Float32Array, IntArray]:
        """Find the nearest latents.

        Parameters
        ----------
        latents : array-like (m, d)
            Latents to compare with those of the index.
        n : int, default 10
            Number of neighbours. Where the index holds fewer, all are returned.

        Returns
        -------
        distances : ndarray (m, n), float32
            Euclidean, nearest first.
        indices : ndarray (m, n), int64
            Of the neighbours, in the index.

        Raises
        ------
        InputError
            When the latents are not finite or of another length, or `n` is below 1.
        """
        points = _checked(latents)
        if points.shape[1] != self.latents.shape[1]:
            raise InputError(
                f"latents must have {self.latents.shape[1]} numbers each, got {points.shape[1]}"
            )
        check_whole("n", n)
        k = min(n, len(self.latents))
        found = self._compare(points, k) if self.is_exact else self._follow(points, k)
        return found[0].astype(np.float32), found[1].astype(np.int64)

    def _compare(self, points: Float32Array, k: int) -> tuple[Float64Array, IntArray]:
        """Distances `(m, k)` and indices of the nearest of all latents."""
        exact = points.astype(np.float64)
        distances, indices = np.zeros((len(points), 0)), np.zeros((len(points), 0), np.int64)
        for number, references in enumerate(self._blocks):
            far, near = _nearest_of_block(references, exact, min(k, len(references.exact)))
            distances = np.concatenate([distances, far], axis=1)
            indices = np.concatenate([indices, near + number * _BLOCK], axis=1)
            # The blocks follow each other, so that of equal distances the first latent is first.
            order = np.argsort(distances, axis=1, kind="stable")[:, :k]
            distances = np.take_along_axis(distances, order, axis=1)
            indices = np.take_along_axis(indices, order, axis=1)
        return distances, indices

    def _follow(self, points: Float32Array, k: int) -> tuple[Float64Array, IntArray]:
        """Distances `(m, k)` and indices of the nearest that the graph leads to."""
        indices, _ = self._graph.query(np.ldexp(points, -self._exponent), k)
        differences = self.latents[indices].astype(np.float64) - points[:, None]
        return np.linalg.norm(differences, axis=2), np.asarray(indices)

    def _approximate(self, random_state: int | None) -> Any:
        pynndescent = import_optional(
            "pynndescent", extra="large", purpose="an approximate index of latents"
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scaled = np.ldexp(self.latents, -self._exponent)
            index = pynndescent.NNDescent(scaled, random_state=random_state)
            index.prepare()
        return index


def _nearest_of_block(
    references: References, points: Float64Array, k: int
) -> tuple[Float64Array, IntArray]:
    """Distances `(m, k)` and indices of the nearest of the latents of a block."""
    distances, indices = np.empty((len(points), k)), np.empty((len(points), k), np.int64)
    by_products = references.has_enough(k)
    size = references.block_size if by_products else max(_MOST_PAIRS // _BLOCK, 1)
    for start in range(0, len(points), size):
        rows = slice(start, start + size)
        if by_products:
            ranked = rank_neighbours(references, points[rows], k)
            distances[rows] = np.sqrt(ranked.squares[:, :k])
            indices[rows] = ranked.indices[:, :k]
            unsure = start + np.flatnonzero(~(ranked.squares[:, k - 1] < ranked.least_other))
        else:
            unsure = np.arange(start, min(start + size, len(points)))
        if len(unsure):
            far = cdist(points[unsure], references.exact.astype(np.float64))
            order = np.argsort(far, axis=1, kind="stable")[:, :k]
            distances[unsure], indices[unsure] = np.take_along_axis(far, order, axis=1), order
    return distances, indices


def _checked(latents: npt.ArrayLike) -> Float32Array:
    points = check_samples("latents", latents)
    largest = float(np.abs(points).max(initial=0.0))
    single = np.finfo(np.float32)
    least, most = float(single.tiny), float(single.max)
    if largest > most or 0 < largest < least:
        raise InputError(
            f"latents must have numbers that float32 can hold, {least:.1e} to "
            f"{most:.1e}, got {largest:.1e}: divide all latents by that"
        )
    return np.ascontiguousarray(points, dtype=np.float32)
