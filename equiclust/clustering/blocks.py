"""Samples in blocks, and draws of those from which is learned, so that a million fit in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from joblib import cpu_count

from equiclust.clustering.latent_checks import distinct_rows, lexicographic_order
from equiclust.typing import Array, Float64Array, IntArray

__all__ = ["MAX_FITTED", "blocks", "draw_rows", "draw_sorted", "in_blocks"]

MAX_FITTED = 50_000
"""Number of samples that a clustering is fitted to: of more, this number is drawn."""


def blocks(n: int, size: int = MAX_FITTED) -> Iterator[slice]:
    """Rows of an array, block by block.

    Parameters
    ----------
    n : int
        Number of rows.
    size : int, default 50,000
        Of a block.

    Yields
    ------
    slice
        At least one, which is empty where there are no rows.
    """
    for start in range(0, max(n, 1), size):
        yield slice(start, start + size)


def in_blocks(
    function: Callable[[Float64Array], Array], points: Float64Array, size: int = MAX_FITTED
) -> Array:
    """What a function of each sample gives for many of them, in as many threads as there are cores.

    Parameters
    ----------
    function : callable
        From samples `(m, d)` to an array of `m` rows; called by several threads at once.
    points : ndarray (n, d)
        Samples.
    size : int, default 50,000
        Of a block.

    Returns
    -------
    ndarray (n, ...)
    """
    if len(points) <= size:
        return function(points)
    with ThreadPoolExecutor(cpu_count()) as threads:
        parts = threads.map(lambda rows: function(points[rows]), blocks(len(points), size))
        return np.concatenate(list(parts))


def draw_sorted(points: Float64Array, generator: np.random.RandomState) -> IntArray:
    """Which samples to learn from: all of at most 50,000, else as many that are drawn.

    Parameters
    ----------
    points : ndarray (n, d)
        Samples.
    generator : RandomState
        Used where there are more than 50,000.

    Returns
    -------
    ndarray (m,), int
        In the lexicographic order of the samples, so that theirs does not matter.
    """
    order = lexicographic_order(points)
    if len(points) <= MAX_FITTED:
        return order
    return np.asarray(order[np.sort(generator.permutation(len(points))[:MAX_FITTED])])


def draw_rows(
    points: Float64Array, generator: np.random.RandomState, *, n_distinct: int
) -> Float64Array:
    """Samples to learn from, as many as `draw_sorted` draws, and of them enough distinct ones.

    Parameters
    ----------
    points : ndarray (n, d)
        Samples.
    generator : RandomState
        Used where there are more than 50,000.
    n_distinct : int
        Where fewer distinct samples than this are drawn, because some occur so often, every
        distinct sample counts once in the draw.

    Returns
    -------
    ndarray (m, d)
        In lexicographic order.
    """
    drawn = points[draw_sorted(points, generator)]
    if len(points) > MAX_FITTED and len(np.unique(drawn, axis=0)) < n_distinct:
        rows = distinct_rows(points)[0]
        drawn = rows[np.sort(generator.permutation(len(rows))[:MAX_FITTED])]
    return np.asarray(drawn)
