"""Running sums of the moments of a cube, in one pass over its pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from equiclust.compiled import compiled, inlined
from equiclust.precision import LARGEST
from equiclust.typing import Array, Float32Array, Float64Array

__all__ = ["ChannelValues", "MomentPlanes", "MomentSums"]

# Pixels of a block whose sums stay in the processor's cache while all channels are added; these
# sums lie one behind the other in memory.
_AT_ONCE = 128
_N_SUMS = 4
# Blocks whose moments are made at once.
_FINISHED = 1 << 10
_NONE_LOW, _NONE_HIGH = np.iinfo(np.int32).max, -1


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
        n_blocks = -(-shape[0] * shape[1] // _AT_ONCE)
        # Of every block the sums of brightness times width, of all pixels and of those with signal,
        # and of these with the offset and its square.
        self._sums = np.zeros((n_blocks, _N_SUMS * _AT_ONCE))
        self._peak = np.full(shape, -np.inf, dtype=dtype)
        # Lowest and highest rank.
        self._ends = np.full((n_blocks, 2 * _AT_ONCE), _NONE_HIGH, dtype=np.int32)
        self._ends[:, :_AT_ONCE] = _NONE_LOW

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
            Parts into which the pixels are divided between them.
        """
        part = slice(first, first + len(planes))
        # Whole arrays are handed over: parts of them would not be contiguous, and so not as fast.
        given: list[Any] = [
            planes.reshape(len(planes), -1),
            np.asarray(levels, dtype=self.dtype),
            self._widths[part],
            self._offsets[part],
            self._ranks[part],
            self._sums,
            self._peak.reshape(-1),
            self._ends,
        ]
        parts = np.linspace(0, len(self._sums), n_parts + 1).astype(int)
        _on_blocks(_add, given, parts.tolist(), workers)

    def finish(self, workers: Executor) -> MomentPlanes:
        """The moments; nothing can be added any more.

        Parameters
        ----------
        workers : concurrent.futures.Executor
            Threads.

        Returns
        -------
        MomentPlanes
        """
        integrated, centroid, dispersion, low, high = (np.empty(self._peak.shape) for _ in range(5))
        made: list[Array] = [integrated, centroid, dispersion, self._peak, low, high]
        given: list[Any] = [self._sums, self._ends, self._ordered, self._reference]
        given += [plane.reshape(-1) for plane in made]
        n_blocks = len(self._sums)
        _on_blocks(_finish, given, [*range(0, n_blocks, _FINISHED), n_blocks], workers)
        del given, self._sums, self._ends
        return MomentPlanes(
            integrated=self._shown(integrated),
            centroid=centroid,
            dispersion=self._shown(dispersion),
            peak=self._peak,
            low=low,
            high=high,
        )

    def _shown(self, plane: Float64Array) -> Float32Array | Float64Array:
        highest = np.fmax.reduce(plane, axis=None, initial=0.0)
        large = max(highest, -np.fmin.reduce(plane, axis=None, initial=0.0)) > LARGEST
        return plane if large else plane.astype(self.dtype, copy=False)


def _on_blocks(
    function: Callable[..., None], given: Sequence[Any], parts: Sequence[int], workers: Executor
) -> None:
    """Call a function for the blocks from each of the numbers to the next, in threads."""
    tasks = [workers.submit(function, *given, *blocks) for blocks in pairwise(parts)]
    for task in tasks:
        task.result()


@inlined
def _add_all(row: Array, level: Any, width: float, sums: Float64Array, peak: Array) -> int:
    """Add what is not blank, and count the signals."""
    n_signals = np.int32(0)
    for x in range(len(row)):
        value = row[x]
        weight = np.float64(value) * width
        sums[x] += weight if value == value else 0.0
        peak[x] = value if value > peak[x] else peak[x]
        n_signals += np.int32((value > level) & (value > 0))
    return int(n_signals)


@inlined
def _add_signal(row: Array, level: Any, width: float, offset: float, sums: Float64Array) -> None:
    for x in range(len(row)):
        value = row[x]
        weight = np.float64(value) * width if (value > level) & (value > 0) else 0.0
        sums[_AT_ONCE + x] += weight
        weight *= offset
        sums[2 * _AT_ONCE + x] += weight
        weight *= offset
        sums[3 * _AT_ONCE + x] += weight


@inlined
def _extend(row: Array, level: Any, rank: Any, ends: npt.NDArray[np.int32]) -> None:
    none_low, none_high = np.int32(_NONE_LOW), np.int32(_NONE_HIGH)
    for x in range(len(row)):
        is_signal = (row[x] > level) & (row[x] > 0)
        ends[x] = min(ends[x], rank if is_signal else none_low)
        ends[_AT_ONCE + x] = max(ends[_AT_ONCE + x], rank if is_signal else none_high)


@compiled
def _add(
    planes: Array,
    levels: Array,
    widths: Float64Array,
    offsets: Float64Array,
    ranks: npt.NDArray[np.int32],
    sums: Float64Array,
    peak: Array,
    ends: npt.NDArray[np.int32],
    first: int,
    last: int,
) -> None:
    for block in range(first, last):
        x = slice(block * _AT_ONCE, min((block + 1) * _AT_ONCE, planes.shape[1]))
        for c in range(planes.shape[0]):
            row = planes[c, x]
            if _add_all(row, levels[c], widths[c], sums[block], peak[x]) > 0:
                _add_signal(row, levels[c], widths[c], offsets[c], sums[block])
                _extend(row, levels[c], ranks[c], ends[block])


@compiled
def _finish(
    sums: Float64Array,
    ends: npt.NDArray[np.int32],
    ordered: Float64Array,
    reference: float,
    integrated: Float64Array,
    centroid: Float64Array,
    dispersion: Float64Array,
    peak: Array,
    low: Float64Array,
    high: Float64Array,
    first: int,
    last: int,
) -> None:
    for x in range(first * _AT_ONCE, min(last * _AT_ONCE, len(peak))):
        block, place = divmod(x, _AT_ONCE)
        own, extent = sums[block, place:], ends[block, place:]
        integrated[x] = own[0] if peak[x] > -np.inf else np.nan
        if peak[x] == -np.inf:
            peak[x] = np.nan
        centroid[x] = dispersion[x] = low[x] = high[x] = np.nan
        zeroth = own[_AT_ONCE]
        if zeroth > 0.0:
            mean = own[2 * _AT_ONCE] / zeroth
            # Rounding may leave a variance of nothing below 0.
            variance = max(own[3 * _AT_ONCE] / zeroth - mean * mean, 0.0)
            centroid[x], dispersion[x] = mean + reference, np.sqrt(variance)
            low[x], high[x] = ordered[extent[0]], ordered[extent[_AT_ONCE]]
