"""Label spreading over a kernel graph, and latents smoothed over their neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from sklearn.metrics import pairwise_distances

from equiclust.typing import BoolArray, Float64Array, IntArray

__all__ = ["ReferenceGraph", "Seen", "distances_between", "smoothed"]

N_NEIGHBOURS = 5
"""Neighbours over which latents are smoothed."""

# Of latents with unit mean square length in each space: width of the kernel, and how much of its
# evidence an image has from its neighbours. Measured, see `benchmarks/teaching.py`.
_GAMMA, _ALPHA = 10.0, 0.5
# Kernels of less are as good as nothing, and their sums must not be 0.
_FARTHEST = 600.0
# Distance, in units of the mean length, below which two latents are of the same image.
_SAME = 1e-4
_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Seen:
    """Images as seen from the references: distances, which of them is itself, smoothed latents.

    Parameters
    ----------
    distances : ndarray (n, r)
        To every reference; infinite to itself.
    is_itself : ndarray (n, r), bool
        Whether the reference is the same image.
    smooth : ndarray (n, d)
        Latents smoothed over the neighbours.
    scale : ndarray (n,)
        Distance to the fifth neighbour.
    """

    distances: Float64Array
    is_itself: BoolArray
    smooth: Float64Array
    scale: Float64Array


@dataclass(frozen=True, eq=False)
class ReferenceGraph:
    """Images, labelled or not, over which labels spread.

    Parameters
    ----------
    points : ndarray (r, d)
        Their latents.
    """

    points: Float64Array

    @cached_property
    def _distances(self) -> Float64Array:
        found = distances_between(self.points, self.points)
        np.fill_diagonal(found, np.inf)
        return found

    @cached_property
    def degrees(self) -> Float64Array:
        """Sums of the kernels `(r,)`."""
        return np.asarray(_kernel(self._distances).sum(axis=1))

    @cached_property
    def _nearest(self) -> IntArray:
        return _nearest(self._distances)

    @cached_property
    def _halfway(self) -> Float64Array:
        """Latents smoothed once."""
        return _mixed(self.points, self.points, self._nearest)

    @cached_property
    def smooth(self) -> Float64Array:
        """Latents smoothed twice `(r, d)`."""
        return _mixed(self._halfway, self._halfway, self._nearest)

    @cached_property
    def scale(self) -> Float64Array:
        """Distance to the fifth neighbour `(r,)`."""
        return _local_scale(self._distances, self._nearest)

    @cached_property
    def _factor(self) -> Any:
        r"""Cholesky factor of :math:`I-\alpha S`."""
        roots = np.sqrt(self.degrees)
        system = -_ALPHA * _kernel(self._distances) / roots[:, None] / roots
        np.fill_diagonal(system, 1.0)
        return cho_factor(system, overwrite_a=True)

    def response(self, rows: IntArray) -> Float64Array:
        r"""What a label at each of some references contributes to the evidence everywhere.

        The columns of :math:`(1-\alpha)(I-\alpha S)^{-1}`, with the kernel matrix normalised by
        the square roots of its row and column sums (Zhou et al. 2004).

        Parameters
        ----------
        rows : ndarray (m,), int
            References with a label.

        Returns
        -------
        ndarray (r, m)
        """
        ones = np.zeros((len(self.points), len(rows)))
        ones[rows, np.arange(len(rows))] = 1 - _ALPHA
        return np.asarray(cho_solve(self._factor, ones))

    def see(self, points: Float64Array) -> Seen:
        """Find images among the references.

        Parameters
        ----------
        points : ndarray (n, d)

        Returns
        -------
        Seen
        """
        distances = distances_between(points, self.points)
        is_itself = distances <= _SAME
        distances[is_itself] = np.inf
        nearest = _nearest(distances)
        halfway = _mixed(points, self.points, nearest)
        smooth = _mixed(halfway, self._halfway, nearest)
        return Seen(distances, is_itself, smooth, _local_scale(distances, nearest))

    def evidence(
        self, seen: Seen, of_references: Float64Array, given: Float64Array
    ) -> Float64Array:
        """Evidence for each kind at images that `see` found, from that of the references.

        Parameters
        ----------
        seen : Seen
        of_references : ndarray (r, k)
            Their evidence.
        given : ndarray (r, k)
            1 where a reference has that label.

        Returns
        -------
        ndarray (n, k)
        """
        kernel = _kernel(seen.distances)
        degrees = kernel.sum(axis=1)
        spread = kernel @ (of_references / np.sqrt(self.degrees)[:, None])
        own = seen.is_itself.astype(np.float64) @ given
        return np.asarray(_ALPHA * spread / np.sqrt(degrees)[:, None] + (1 - _ALPHA) * own)


def smoothed(points: Float64Array) -> Float64Array:
    """Latents, smoothed twice over their five nearest neighbours.

    Parameters
    ----------
    points : ndarray (n, d)

    Returns
    -------
    ndarray (n, d)
    """
    return ReferenceGraph(points).smooth


def distances_between(points: Float64Array, others: Float64Array) -> Float64Array:
    """Euclidean distances.

    Parameters
    ----------
    points : ndarray (n, d)
    others : ndarray (m, d)

    Returns
    -------
    ndarray (n, m)
    """
    return np.asarray(pairwise_distances(points, others), dtype=np.float64)


def _kernel(distances: Float64Array) -> Float64Array:
    kernel = np.exp(-np.minimum(_GAMMA * np.square(distances), _FARTHEST))
    kernel[np.isinf(distances)] = 0.0
    return np.asarray(np.maximum(kernel, np.finfo(np.float64).tiny))


def _nearest(distances: Float64Array) -> IntArray:
    k = min(N_NEIGHBOURS, distances.shape[1] - 1)
    return np.argpartition(distances, max(k - 1, 0), axis=1)[:, :k]


def _mixed(points: Float64Array, others: Float64Array, nearest: IntArray) -> Float64Array:
    if nearest.shape[1] == 0:
        return points
    return np.asarray(0.5 * points + 0.5 * others[nearest].mean(axis=1))


def _local_scale(distances: Float64Array, nearest: IntArray) -> Float64Array:
    found = np.take_along_axis(distances, nearest, axis=1)
    farthest = np.max(found, axis=1, initial=0.0, where=np.isfinite(found))
    return np.asarray(np.maximum(farthest, _TINY))
