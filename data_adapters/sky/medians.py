"""Exact medians of millions of pixels, in one pass over them."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from equiclust.compiled import compiled, inlined
from equiclust.typing import Array, BoolArray

__all__ = ["MedianOfPixels", "Of", "median_of_pixels"]

# Pixels from which fewer are sorted than counted.
_MANY = 1 << 16
# The median is bracketed by a sample: every 32nd pixel, 4,096 to 131,072 of them; the bracket is
# this many standard errors of the median's rank wide, on either side. It is found in turn by every
# 32nd pixel of the sample.
_SHARE, _LEAST, _MOST = 32, 1 << 12, 1 << 17
_SAFETY = 4.0
# Pixels are counted in blocks that stay in the processor's cache, of lines whose pixels are taken
# column by column: columns where the median cannot be are passed over.
_LINE, _LINES = 128, 8


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
        sample = np.ascontiguousarray(flat[:: flat.size // wanted])
        for low, high in _brackets(sample, of, level):
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


def _brackets(sample: Array, of: Of, level: Any) -> list[tuple[Any, Any]]:
    """Values of a sample between which the median of all lies almost certainly, or if they are few.

    None of an empty sample.
    """
    counted = _counted(sample, of, level, *_rough_bracket(sample, of, level))
    reach = _reach(counted.n)
    if counted.n == 0:
        return []
    ranks = (
        max(counted.n // 2 - reach, 0),
        counted.n // 2,
        min(counted.n // 2 + reach, counted.n - 1),
    )
    found = counted.at(ranks)
    if found is None:
        found = np.partition(_measured(sample, of, level), ranks)[list(ranks)]
    low, middle, high = found
    return [(low, high), (middle, middle)]


def _rough_bracket(sample: Array, of: Of, level: Any) -> tuple[Any, Any]:
    """Values between which the bracket that a sample gives lies almost certainly."""
    few = np.sort(_measured(sample[::_SHARE], of, level))
    if len(few) == 0:
        return (sample.dtype.type(np.nan),) * 2
    reach = _reach(len(few)) + _reach(len(few) * _SHARE) // _SHARE + 1
    return few[max(len(few) // 2 - reach, 0)], few[min(len(few) // 2 + reach, len(few) - 1)]


def _reach(n: int) -> int:
    """Ranks in a sample of `n` around its middle within which the median of all lies."""
    # It is binomial.
    return int(_SAFETY * 0.5 * np.sqrt(n)) + 1


class _Counted(NamedTuple):
    """Pixels, once measured, of which those from `low` to `high` are known."""

    n: int
    n_seen: int
    n_below_zero: int
    n_lower: int
    n_inside: int
    inside: Array
    low: Any
    high: Any

    def at(self, ranks: tuple[int, ...]) -> Array | None:
        """The values of ascending ranks among all that count, if they are known."""
        own = [rank - self.n_lower for rank in ranks]
        if own[0] < 0 or own[-1] >= self.n_inside:
            return None
        if self.low == self.high:
            return np.full(len(own), self.low)
        if self.n_inside >= self.inside.size:
            return None
        return np.asarray(np.partition(self.inside[: self.n_inside], own)[own])


def _counted(flat: Array, of: Of, level: Any, low: Any, high: Any) -> _Counted:
    inside = np.empty(flat.size // 8 + 2, flat.dtype)
    nan = flat.dtype.type(np.nan)
    n_seen, n_below_zero, n_lower, n_inside = _count(flat, of, level, nan, low, high, inside)
    n = n_below_zero if of is Of.BELOW_ZERO else n_seen
    return _Counted(n, n_seen, n_below_zero, n_lower, n_inside, inside, low, high)


def _within(flat: Array, of: Of, level: Any, low: Any, high: Any) -> MedianOfPixels | None:
    """The median if it lies from `low` to `high` and there are few pixels there."""
    counted = _counted(flat, of, level, low, high)
    middle = counted.at(((counted.n - 1) // 2, counted.n // 2))
    if middle is None:
        return None
    median = np.mean(middle, dtype=_type_of_mean(flat, of))
    return MedianOfPixels(median, counted.n_seen, counted.n_below_zero)


def _type_of_mean(flat: Array, of: Of) -> np.dtype[Any]:
    """In which the mean of the two pixels in the middle is taken."""
    return np.dtype(np.float64) if of is Of.BELOW_ZERO else flat.dtype


@inlined
def _measure(value: Any, of: int, level: Any, nan: Any) -> Any:
    """What is sorted; NaN for pixels that do not count."""
    if of == 1:
        return -value if value < 0 else nan
    return abs(value - level) if of == 2 else value


@inlined
def _count_block(block: Array, of: int, level: Any, nan: Any, low: Any) -> tuple[int, int, int]:
    seen, below_zero, lower = np.int32(0), np.int32(0), np.int32(0)
    for i in range(block.size):
        seen += np.int32(block[i] == block[i])
        below_zero += np.int32(block[i] < 0)
        lower += np.int32(_measure(block[i], of, level, nan) < low)
    return int(seen), int(below_zero), int(lower)


@inlined
def _mark(line: Array, of: int, level: Any, nan: Any, low: Any, high: Any, hits: BoolArray) -> None:
    """Columns where a pixel lies from `low` to `high`."""
    for i in range(line.size):
        value = _measure(line[i], of, level, nan)
        hits[i] |= (value >= low) & (value <= high)


@compiled
def _count(
    flat: Array, of: int, level: Any, nan: Any, low: Any, high: Any, inside: Array
) -> tuple[int, int, int, int]:
    """Pixels that are not NaN, below 0, below `low` once measured, and from `low` to `high`.

    The last are written to `inside` as far as it reaches, and what follows them behind them.
    """
    n_seen, n_below_zero, n_lower, n_inside = 0, 0, 0, 0
    last = inside.size - 1
    hits = np.empty(_LINE, np.bool_)
    for start in range(0, flat.size, _LINE * _LINES):
        block = flat[start : start + _LINE * _LINES]
        seen, below_zero, lower = _count_block(block, of, level, nan, low)
        n_seen += seen
        n_below_zero += below_zero
        n_lower += lower
        hits[:] = False
        for first in range(0, block.size, _LINE):
            _mark(block[first : first + _LINE], of, level, nan, low, high, hits)
        for column in range(_LINE):
            if hits[column]:
                for i in range(column, block.size, _LINE):
                    value = _measure(block[i], of, level, nan)
                    inside[min(n_inside, last)] = value
                    n_inside += int((value >= low) & (value <= high))
    return n_seen, n_below_zero, n_lower, n_inside
