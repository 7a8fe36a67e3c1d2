"""Numbers of any size in a unit whose squares float64 can hold: a power of two, which is exact."""

from __future__ import annotations

import numpy as np

from equiclust.typing import Float64Array, IntArray

__all__ = ["in_unit", "range_exponent"]

# What lies farther away than this many units lies at infinity; its square is still finite.
_FARTHEST = 2.0**300


def range_exponent(points: Float64Array) -> int:
    """Exponent of the power of two just above the largest range of a column.

    Parameters
    ----------
    points : ndarray (..., d)
        Samples, finite.

    Returns
    -------
    int
        `e`, so that no two samples differ by more than ``2**e`` in a column; 0 where all are equal.
    """
    rows = points.reshape(-1, points.shape[-1])
    # Of halves, since the range of large numbers of both signs is none of float64.
    halves = np.ptp(rows / 2, axis=0) if len(rows) else np.zeros(1)
    largest = float(halves.max(initial=0.0))
    return int(np.frexp(largest)[1]) + 1 if largest > 0 else 0


def in_unit(points: Float64Array, exponent: int | IntArray) -> Float64Array:
    """Samples divided by a power of two.

    Parameters
    ----------
    points : ndarray (..., d)
        Samples, finite.
    exponent : int or ndarray (d,)
        Of the power, for all columns or for each.

    Returns
    -------
    ndarray (..., d)
        Exact, but for what is more than ``2**300`` units from 0, which is put there.
    """
    with np.errstate(over="ignore", under="ignore"):
        scaled = np.ldexp(points, -np.asarray(exponent))
    return np.asarray(np.clip(scaled, -_FARTHEST, _FARTHEST))
