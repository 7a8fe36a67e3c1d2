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
# Members of a group of references, which are filled up to whole ones.
_GROUP = 16
# Products of a block of samples. More do not stay in the cache.
_MOST_PRODUCTS = 2**20
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
        Of any precision; each row in one piece.
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
            np.ascontiguousarray(exact),
            centre,
            unit,
            columns,
            padded,
            float(np.sqrt(squares.max())),
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

    @property
    def block_size(self) -> int:
        """Number of samples to rank at once, so that their products stay in the cache."""
        return max(_MOST_PRODUCTS // len(self.exact), 1)


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
    # Numba takes half a second to import, and few samples need no products.
    from equiclust.evaluation.neighbour_kernels import rank_rows

    shape = len(points), n_nearest + _N_MORE
    squares, indices = np.empty(shape), np.empty(shape, dtype=np.int64)
    largest = np.empty(len(points))
    # What is too far away for single precision is found out by `least_other`.
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = (points - references.centre) / references.unit
        products = (-2.0 * scaled).astype(np.float32) @ references.columns
        products += references.squares
        rank_rows(products, points, references.exact, squares, indices, largest)
        length = np.linalg.norm(scaled, axis=1)
        # Each product of d terms, and the rounding of its factors, is off by no more than this.
        n_terms = points.shape[1] + 8
        error = _ROUNDING * n_terms * (length + references.farthest) ** 2
        least_other = (largest + length**2 - error) * references.unit**2
    return Ranked(squares, indices, least_other)
