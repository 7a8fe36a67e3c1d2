r"""Nearest neighbours by matrix products: many times faster than pair by pair, and as exact.

A matrix product in single precision gives all squared distances at once, but rounds. So it only
proposes candidates, a few more than are asked for; their distances are then computed in double
precision. A bound of the rounding errors says how near any other reference can be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from equiclust.typing import Array, Float32Array, Float64Array, IntArray

__all__ = ["Ranked", "References", "rank_neighbours"]

# Candidates beyond those that are asked for.
_N_MORE = 4
# Members of a group of references, of which the nearest stands for all.
_GROUP = 16
# Numbers in the largest arrays of a block of samples. Larger ones do not stay in the cache.
_MOST_PRODUCTS, _MOST_DIFFERENCES = 2**20, 2**19
_ROUNDING = 2.0**-24


class Ranked(NamedTuple):
    """Candidates for the nearest neighbours of `n` samples, a few more than were asked for.

    Attributes
    ----------
    squares : ndarray (n, k)
        Squared distances, increasing; added up in the order of `scipy.spatial.KDTree`. Of equal
        ones, that of the lower index is first.
    indices : ndarray (n, k), int
        Of the references.
    least_other : ndarray (n,)
        No reference that is not a candidate has a smaller squared distance. -infinity or NaN where
        nothing can be said, because a sample is too far away.
    """

    squares: Float64Array
    indices: IntArray
    least_other: Float64Array


@dataclass(frozen=True, eq=False)
class References:
    """References, and the same in single precision, from their mean and in units of the farthest.

    Parameters
    ----------
    exact : ndarray (m, d)
        Of any precision; each column in one piece.
    centre : ndarray (d,)
    unit : float
    columns : ndarray (d, m), float32
    squares : ndarray (m,), float32
        Squared lengths of the columns; both are filled up to whole groups.
    farthest : float
        Largest length.
    """

    exact: Array
    centre: Float64Array
    unit: float
    columns: Float32Array
    squares: Float32Array
    farthest: float

    @classmethod
    def of(cls, exact: Array) -> Self:
        """Prepare references.

        Parameters
        ----------
        exact : ndarray (m, d)
            Finite, of any precision; of a size whose squares float64 can hold.

        Returns
        -------
        References
        """
        centre = exact.mean(axis=0, dtype=np.float64)
        scaled = exact - centre
        unit = float(np.abs(scaled).max()) or 1.0
        scaled /= unit
        squares = np.square(scaled).sum(axis=1)
        n_more = -len(exact) % _GROUP
        columns = np.pad(scaled, ((0, n_more), (0, 0))).T.astype(np.float32, order="C")
        # What fills the last group is nobody's neighbour.
        padded = np.pad(squares, (0, n_more), constant_values=np.inf).astype(np.float32)
        return cls(
            np.asfortranarray(exact), centre, unit, columns, padded, float(np.sqrt(squares.max()))
        )

    def has_enough(self, n_nearest: int) -> bool:
        """Whether there are references enough to rank neighbours.

        Parameters
        ----------
        n_nearest : int
            Number of neighbours asked for.

        Returns
        -------
        bool
        """
        return len(self.exact) >= _GROUP * (n_nearest + _N_MORE)

    def block_size(self, n_nearest: int) -> int:
        """Number of samples to rank at once, so that all numbers stay in the cache.

        Parameters
        ----------
        n_nearest : int
            Number of neighbours asked for.

        Returns
        -------
        int
            At least 1.
        """
        n_references, n_features = map(int, self.exact.shape)
        by_differences = _MOST_DIFFERENCES // (n_features * (n_nearest + _N_MORE))
        return max(min(_MOST_PRODUCTS // n_references, by_differences), 1)


def rank_neighbours(references: References, points: Float64Array, n_nearest: int) -> Ranked:
    """Rank the references nearest to each sample.

    Parameters
    ----------
    references : References
        At least 16 times `n_nearest + 4` of them.
    points : ndarray (n, d)
        Samples.
    n_nearest : int
        Number of neighbours asked for; four more are ranked.

    Returns
    -------
    Ranked
    """
    # What is too far away for single precision is found out by `least_other`.
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = (points - references.centre) / references.unit
        products = (-2.0 * scaled).astype(np.float32) @ references.columns
        products += references.squares
        candidates, least_other = _smallest(products, n_nearest + _N_MORE)
        # Of a sample for which no product is finite, candidates may be what fills the last group.
        candidates = np.sort(np.minimum(candidates, len(references.exact) - 1), axis=1)
        squares = _squared_distances(points, references.exact, candidates)
        length = np.linalg.norm(scaled, axis=1)
        # Each product of d terms, and the rounding of its factors, is off by no more than this.
        n_terms = points.shape[1] + 8
        error = _ROUNDING * n_terms * (length + references.farthest) ** 2
        least_other = (least_other + length**2 - error) * references.unit**2
    order = np.argsort(squares, axis=1, kind="stable")
    indices = np.take_along_axis(candidates, order, axis=1)
    return Ranked(np.take_along_axis(squares, order, axis=1), indices, least_other)


def _smallest(values: Float32Array, number: int) -> tuple[IntArray, Float64Array]:
    """Columns `(n, number)` of the smallest values of each row, and the largest of these.

    Columns are grouped, and only those groups are looked at whose smallest value is one of the
    smallest `number`: no other can hold any of those.
    """
    n_rows, n_columns = values.shape
    n_groups = n_columns // _GROUP
    least = values.reshape(n_rows, _GROUP, n_groups).min(axis=1)
    groups = np.argpartition(least, number - 1, axis=1)[:, :number]
    columns = groups[:, None, :] + n_groups * np.arange(_GROUP)[:, None]
    columns = columns.reshape(n_rows, -1)
    own = np.take_along_axis(values, columns, axis=1)
    chosen = np.argpartition(own, number - 1, axis=1)[:, :number]
    largest = np.take_along_axis(own, chosen[:, -1:], axis=1)[:, 0]
    return np.take_along_axis(columns, chosen, axis=1), largest.astype(np.float64)


def _squared_distances(
    points: Float64Array, references: Array, candidates: IntArray
) -> Float64Array:
    """Squared distances `(n, m)` to the candidates `(n, m)` of each sample, summed as in scipy.

    One column after another, which is three times as fast as one pair after another.
    """
    n_features = points.shape[1]
    columns = np.take(references.T, candidates.ravel(), axis=1).astype(np.float64, copy=False)
    by_sample = columns.reshape(n_features, *candidates.shape)
    by_sample -= points.T[:, :, None]
    squares = np.square(columns, out=columns)
    n_fours = n_features // 4
    fours = squares[: 4 * n_fours].reshape(n_fours, 4, -1).sum(axis=0)
    total = fours[0] + fours[1] + fours[2] + fours[3]
    for k in range(4 * n_fours, n_features):
        total += squares[k]
    return np.asarray(total.reshape(candidates.shape))
