"""Running sums of the moments of a cube, in one pass over its pixels."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from equiclust.compiled import compiled, inlined
from equiclust.precision import LARGEST
from equiclust.typing import Array, BoolArray, Float32Array, Float64Array

__all__ = ["ChannelValues", "MomentPlanes", "MomentSums"]

# Pixels of a row whose sums stay in the processor's cache while all channels are added.
_AT_ONCE = 128


class ChannelValues(NamedTuple):
    """Spectral axis of some channels.

    Parameters
    ----------
    values : ndarray (n_channels,), float64
        Spectral value of every channel.
    widths : ndarray (n_channels,), float64
        Width of every channel.
    """

    values: Float64Array
    widths: Float64Array


class MomentPlanes(NamedTuple):
    """Moment maps; NaN where a pixel has no value.

    Parameters
    ----------
    integrated, dispersion, peak : ndarray (h, w)
        Of the type of the cube, or float64 where that cannot hold the values.
    centroid, low, high : ndarray (h, w), float64
        In the unit of the spectral axis.
    """

    integrated: Array
    centroid: Float64Array
    dispersion: Array
    peak: Array
    low: Float64Array
    high: Float64Array


class MomentSums:
    """Running sums of `moment_maps`; spectral values are about their mean, to lose no digits.

    Parameters
    ----------
    shape : (int, int)
        Height and width in pixels.
    dtype : numpy.dtype
        Of the cube.
    channels : ChannelValues
        All channels that will be added.
    """

    def __init__(
        self, shape: tuple[int, int], dtype: np.dtype[Any], channels: ChannelValues
    ) -> None:
        self.dtype = dtype
        self._widths = channels.widths
        self._reference = float(np.mean(channels.values))
        self._offsets = channels.values - self._reference
        # Of the lowest and highest value the rank among all is kept, in half the memory.
        self._ordered = np.sort(channels.values)
        self._ranks = np.searchsorted(self._ordered, channels.values).astype(np.int32)
        self._total, self._zeroth, self._first, self._second = (np.zeros(shape) for _ in range(4))
        self._peak = np.full(shape, -np.inf, dtype=dtype)
        self._low = np.full(shape, len(channels.values), dtype=np.int32)
        self._high = np.full(shape, -1, dtype=np.int32)

    def add(
        self, first: int, planes: Array, levels: Sequence[float], workers: Executor, n_parts: int
    ) -> None:
        """Add some channels.

        Parameters
        ----------
        first : int
            The first of them, among all of the sums.
        planes : ndarray (n, h, w)
            Of `dtype`; blank pixels are NaN and none is infinite.
        levels : sequence of float
            A pixel above 0 and above the level of its channel is a signal.
        workers : concurrent.futures.Executor
            Threads.
        n_parts : int
            Parts into which the rows are divided between them.
        """
        part = slice(first, first + len(planes))
        of_channels: tuple[Array, ...] = (
            np.asarray(levels, dtype=self.dtype),
            self._widths[part],
            self._offsets[part],
            self._ranks[part],
        )
        sums: tuple[Array, ...] = (self._total, self._zeroth, self._first, self._second)
        sums += (self._peak, self._low, self._high)
        ends = np.linspace(0, planes.shape[1], n_parts + 1).astype(int)
        tasks = []
        for top, bottom in pairwise(ends):
            own: list[Any] = [planes[:, top:bottom], *of_channels]
            tasks.append(workers.submit(_add, *own, *(one[top:bottom] for one in sums)))
        for task in tasks:
            task.result()

    def finish(self) -> MomentPlanes:
        """The moments, which take the memory of the sums: nothing can be added any more.

        Returns
        -------
        MomentPlanes
        """
        bright = self._zeroth > 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            self._first /= self._zeroth
            self._second /= self._zeroth
            np.square(self._first, out=self._zeroth)
            self._second -= self._zeroth
            # Rounding may leave a variance of nothing below 0.
            np.maximum(self._second, 0.0, out=self._second)
            np.sqrt(self._second, out=self._second)
        self._first += self._reference
        seen = self._peak > -np.inf
        return MomentPlanes(
            integrated=self._shown(self._total, seen),
            centroid=_blanked(self._first, bright),
            dispersion=self._shown(self._second, bright),
            peak=_blanked(self._peak, seen),
            low=_blanked(self._ordered.take(self._low, mode="clip"), bright),
            high=_blanked(self._ordered.take(self._high, mode="clip"), bright),
        )

    def _shown(self, plane: Float64Array, where: BoolArray) -> Float32Array | Float64Array:
        _blanked(plane, where)
        highest = np.fmax.reduce(plane, axis=None, initial=0.0)
        large = max(highest, -np.fmin.reduce(plane, axis=None, initial=0.0)) > LARGEST
        return plane if large else plane.astype(self.dtype, copy=False)


def _blanked(plane: Array, where: BoolArray) -> Array:
    np.copyto(plane, np.nan, where=~where)
    return plane


@compiled
def _add(
    planes: Array,
    levels: Array,
    widths: Float64Array,
    offsets: Float64Array,
    ranks: npt.NDArray[np.int32],
    total: Float64Array,
    zeroth: Float64Array,
    first: Float64Array,
    second: Float64Array,
    peak: Array,
    low: npt.NDArray[np.int32],
    high: npt.NDArray[np.int32],
) -> None:
    for y in range(planes.shape[1]):
        for left in range(0, planes.shape[2], _AT_ONCE):
            x = slice(left, min(left + _AT_ONCE, planes.shape[2]))
            for c in range(planes.shape[0]):
                row = planes[c, y, x]
                if _add_all(row, levels[c], widths[c], total[y, x], peak[y, x]) > 0:
                    sums = zeroth[y, x], first[y, x], second[y, x]
                    _add_signal(row, levels[c], widths[c], offsets[c], *sums)
                    _extend(row, levels[c], ranks[c], low[y, x], high[y, x])


@inlined
def _add_all(row: Array, level: Any, width: float, total: Array, peak: Array) -> int:
    """Add what is not blank, and count the signals."""
    n_signals = np.int32(0)
    for x in range(len(row)):
        value = row[x]
        weight = np.float64(value) * width
        total[x] += weight if value == value else 0.0
        peak[x] = value if value > peak[x] else peak[x]
        n_signals += np.int32((value > level) & (value > 0))
    return int(n_signals)


@inlined
def _add_signal(
    row: Array,
    level: Any,
    width: float,
    offset: float,
    zeroth: Array,
    first: Array,
    second: Array,
) -> None:
    for x in range(len(row)):
        value = row[x]
        weight = np.float64(value) * width if (value > level) & (value > 0) else 0.0
        zeroth[x] += weight
        weight *= offset
        first[x] += weight
        weight *= offset
        second[x] += weight


@inlined
def _extend(row: Array, level: Any, rank: int, low: Array, high: Array) -> None:
    for x in range(len(row)):
        is_signal = (row[x] > level) & (row[x] > 0)
        low[x] = min(low[x], rank) if is_signal else low[x]
        high[x] = max(high[x], rank) if is_signal else high[x]
