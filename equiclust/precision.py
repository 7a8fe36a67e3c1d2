"""Whether float32 can hold values without losing what they show, and how it can."""

from __future__ import annotations

import numpy as np

from equiclust.typing import Array, BoolArray, Float32Array

__all__ = ["LARGEST", "as_float32", "float32_holds"]

LARGEST = 1e37
"""Largest magnitude kept in float32: sums of some ten such values still fit."""

# A step from one pixel to the next is lost when rounding moves it by more than this share.
_LOST = 2.0**-6
# Steps below the rounding of float64 itself show nothing, unless the numbers are whole.
_ROUNDING = 2.0**-45
# Share of the steps that may be lost.
_TOLERATED = 0.1


def float32_holds(values: Array) -> bool:
    """Whether values and the steps between neighbours survive in float32.

    Small structure on a large offset, such as differences of 1 about 1e11, does not, nor do values
    beyond 1e37 or far below 1e-37. The largest rounding error is compared with the step to the next
    value along the last axis.

    Parameters
    ----------
    values : ndarray (..., n)
        Numbers of any type; those that are not finite are left out.

    Returns
    -------
    bool
        False when a finite value is above 1e37 in magnitude, or more than a tenth of the steps
        change by more than a 64th.
    """
    whole = np.asarray(values).dtype.kind in "biu"
    exact = np.atleast_1d(np.asarray(values, dtype=np.float64))
    finite = np.isfinite(exact)
    if not finite.any():
        return True
    exact = np.where(finite, exact, 0.0)
    if np.abs(exact).max() > LARGEST:
        return False
    error = np.abs(exact - exact.astype(np.float32))[..., :-1]
    if not error.any():
        return True
    step = np.abs(np.diff(exact, axis=-1))
    both = finite[..., 1:] & finite[..., :-1]
    shown = both & (step > (0.0 if whole else _ROUNDING) * np.abs(exact[..., :-1]))
    lost = np.count_nonzero(shown & (error > _LOST * step))
    return bool(lost <= _TOLERATED * np.count_nonzero(shown))


def as_float32(values: Array, hidden: BoolArray | None = None) -> tuple[Float32Array, float, float]:
    """Copy as float32, relative to an offset and a scale where float32 cannot hold the values.

    Parameters
    ----------
    values : ndarray (..., h, w)
        Numbers of any type.
    hidden : ndarray (h, w), bool, optional
        `True` = ignore: such values, which may be anything, decide nothing, and may be others in
        the copy.

    Returns
    -------
    tuple of ndarray, float and float
        The copy, the offset and the scale: values are ``offset + scale * copy``.
    """
    # Short whole numbers are exact, so that they need not be looked at.
    exact_anyway = np.can_cast(values.dtype, np.float32)
    if hidden is not None and not exact_anyway:
        values = _without_hidden(values, hidden)
    if exact_anyway or float32_holds(values):
        return np.array(values, dtype=np.float32), 0.0, 1.0
    exact = np.asarray(values, dtype=np.float64)
    finite = exact[np.isfinite(exact)]
    # Large or small values need a scale alone, and 0 stays 0; whole numbers are never so large.
    by_scale = values.dtype.kind == "f" and float32_holds(finite / np.abs(finite).max())
    offset = 0.0 if by_scale else float(np.median(finite))
    scale = float(np.abs(finite - offset).max())
    return ((exact - offset) / scale).astype(np.float32), offset, scale


def _without_hidden(values: Array, hidden: BoolArray) -> Array:
    """One of the values that are seen in place of all that are not."""
    seen = values[..., ~hidden]
    finite = seen[np.isfinite(seen)]
    return np.where(hidden, finite[0], values) if finite.size else np.zeros_like(values)
