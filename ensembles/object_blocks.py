"""Objects of an ensemble in blocks, and the draw of those from which its consensus learns."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from joblib import cpu_count

from equiclust.clustering.blocks import blocks
from equiclust.typing import Array, Float64Array, IntArray

__all__ = ["MAX_BY_MEMBER", "MAX_LEARNED", "draw_objects", "in_object_blocks"]

MAX_LEARNED = 20_000
"""Number of objects that a consensus learns from: of more, this number is drawn."""

MAX_BY_MEMBER = 4_000
"""Number of those drawn that each member's own clustering learns from."""

_BLOCK = 5_000


def draw_objects(n: int, seed: int) -> IntArray:
    """Objects to learn from.

    Parameters
    ----------
    n, seed : int
        Number of objects, and random state of the draw.

    Returns
    -------
    ndarray (m,), int
        In order; all of at most 20,000, else as many.
    """
    if n <= MAX_LEARNED:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).permutation(n)[:MAX_LEARNED])


def in_object_blocks(
    function: Callable[[Float64Array], tuple[Array, ...]], latents: Array
) -> tuple[Array, ...]:
    """What a function of objects gives for many of them, in as many threads as there are cores.

    Parameters
    ----------
    function : callable
        From latents `(n_members, m, d)` to arrays whose last axis is that of the objects; called by
        several threads at once.
    latents : ndarray (n_members, n, d)
        Made double precision one block of 5,000 objects after another; up to 20,000 are one block.

    Returns
    -------
    tuple of ndarray (..., n)
    """
    n = latents.shape[1]
    if n <= MAX_LEARNED:
        return function(latents.astype(np.float64))
    with ThreadPoolExecutor(cpu_count()) as threads:
        parts = threads.map(
            lambda rows: function(latents[:, rows].astype(np.float64)), blocks(n, _BLOCK)
        )
        return tuple(np.concatenate(own, axis=-1) for own in zip(*parts, strict=True))
