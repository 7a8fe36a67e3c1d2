"""Exact medians of millions of pixels, in one pass over them."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from equiclust.compiled import compiled, inlined
from equiclust.typing import Array

__all__ = ["MedianOfPixels", "Of", "median_of_pixels"]

# Pixels from which fewer are sorted than counted.
_MANY = 1 << 16
# The median is bracketed by a sample: every 64th pixel, 4,096 to 32,768 of them; the bracket is
# this many standard errors of the median's rank wide, on either side.
_SHARE, _LEAST, _MOST = 64, 1 << 12, 1 << 15
_SAFETY = 4.0
# Pixels that are counted at once, and passed over where the median cannot be.
_AT_ONCE = 32


class Of(IntEnum):
    """What of pixels the median is taken of."""

    VALUES = 0
    """The pixels themselves."""
    BELOW_ZERO = 1
    """The sizes of those below 0."""
    DEVIATIONS = 2
    """Their distances from a level."""


class MedianOfPixels(NamedTuple):
    """Median of some pixels, and how many there are.

    Parameters
    ----------
    median : numpy.floating
        Of the type of the pixels, float64 for `Of.BELOW_ZERO`; NaN of none.
    n_seen : int
        Pixels that are not NaN.
    n_below_zero : int
        Pixels below 0.
    """

    median: Any
    n_seen: int
    n_below_zero: int


def median_of_pixels(pixels: Array, of: Of = Of.VALUES, level: float = 0.0) -> MedianOfPixels:
    """Median of pixels that are not NaN, as `numpy.median` gives it.

    A sample says between which two values the median lies almost certainly. One pass counts what is
    lower and collects what lies between, where the median is then found by its rank (Floyd & Rivest
    1975, CACM 18, 165). If it is not there, or too many pixels are, since they have few values, the
    median of the sample is tried, and then all pixels are sorted. So the sample decides how long it
    takes, and never what is found.

    Parameters
    ----------
    pixels : ndarray, float32 or float64
        Of any shape, contiguous, of the machine's byte order, and not infinite.
    of : Of, default Of.VALUES
        What of them the median is taken of.
    level : float, default 0.0
        Of `Of.DEVIATIONS`.

    Returns
    -------
    MedianOfPixels
    """
    flat = pixels.reshape(-1)
    level = flat.dtype.type(level)
    if flat.size >= _MANY:
        wanted = min(max(flat.size // _SHARE, _LEAST), _MOST)
        sample = _measured(flat[:: flat.size // wanted], of, level)
        for low, high in _brackets(sample):
            found = _within(flat, of, level, low, high)
            if found is not None:
                return found
    return _of_all(flat, of, level)


def _of_all(flat: Array, of: Of, level: Any) -> MedianOfPixels:
    measured = _measured(flat, of, level).astype(_type_of_mean(flat, of))
    median = np.median(measured) if measured.size else np.float64(np.nan)
    n_seen, n_below_zero = np.sum(~np.isnan(flat)), np.sum(flat < 0.0)
    return MedianOfPixels(median, int(n_seen), int(n_below_zero))


def _measured(flat: Array, of: Of, level: Any) -> Array:
    if of is Of.BELOW_ZERO:
        return -flat[flat < 0.0]
    seen = flat[~np.isnan(flat)]
    return seen if of is Of.VALUES else np.abs(seen - level)


def _brackets(sample: Array) -> list[tuple[Any, Any]]:
    """Values of a sample between which the median of all lies almost certainly, or if they are few.

    None of an empty sample.
    """
    n = len(sample)
    if n == 0:
        return []
    # The rank of the median of all is binomial in the sample.
    reach = int(_SAFETY * 0.5 * np.sqrt(n)) + 1
    ranks = max(n // 2 - reach, 0), n // 2, min(n // 2 + reach, n - 1)
    low, middle, high = np.partition(sample, ranks)[list(ranks)]
    return [(low, high), (middle, middle)]


def _within(flat: Array, of: Of, level: Any, low: Any, high: Any) -> MedianOfPixels | None:
    """The median if it lies from `low` to `high` and there are few pixels there."""
    inside = np.empty(flat.size // 8 + 2, flat.dtype)
    nan = flat.dtype.type(np.nan)
    n_seen, n_below_zero, n_lower, n_inside = _count(flat, of, level, nan, low, high, inside)
    n = n_below_zero if of is Of.BELOW_ZERO else n_seen
    first, second = (n - 1) // 2 - n_lower, n // 2 - n_lower
    if first < 0 or second >= n_inside or (n_inside >= inside.size and low < high):
        return None
    if low == high:
        return MedianOfPixels(low.astype(_type_of_mean(flat, of)), n_seen, n_below_zero)
    ordered = np.partition(inside[:n_inside], (first, second))
    median = np.mean(ordered[[first, second]], dtype=_type_of_mean(flat, of))
    return MedianOfPixels(median, n_seen, n_below_zero)


def _type_of_mean(flat: Array, of: Of) -> np.dtype[Any]:
    """In which the mean of the two pixels in the middle is taken."""
    return np.dtype(np.float64) if of is Of.BELOW_ZERO else flat.dtype


@inlined
def _measure(value: Any, of: int, level: Any, nan: Any) -> Any:
    """What is sorted; NaN for pixels that do not count."""
    if of == 1:
        return -value if value < 0 else nan
    return abs(value - level) if of == 2 else value


@compiled
def _count(
    flat: Array, of: int, level: Any, nan: Any, low: Any, high: Any, inside: Array
) -> tuple[int, int, int, int]:
    """Pixels that are not NaN, below 0, below `low` once measured, and from `low` to `high`.

    The last are written to `inside` as far as it reaches, and what follows them behind them.
    """
    n_seen, n_below_zero, n_lower, n_inside = 0, 0, 0, 0
    last = inside.size - 1
    for start in range(0, flat.size, _AT_ONCE):
        part = flat[start : start + _AT_ONCE]
        seen, below_zero, lower, within = np.int32(0), np.int32(0), np.int32(0), np.int32(0)
        for i in range(part.size):
            value = _measure(part[i], of, level, nan)
            seen += np.int32(part[i] == part[i])
            below_zero += np.int32(part[i] < 0)
            lower += np.int32(value < low)
            within += np.int32((value >= low) & (value <= high))
        n_seen += int(seen)
        n_below_zero += int(below_zero)
        n_lower += int(lower)
        if within == 0:
            continue
        for i in range(part.size):
            value = _measure(part[i], of, level, nan)
            inside[min(n_inside, last)] = value
            n_inside += int((value >= low) & (value <= high))
    return n_seen, n_below_zero, n_lower, n_inside
