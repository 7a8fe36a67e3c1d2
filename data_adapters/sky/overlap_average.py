"""Values of overlapping tiles averaged on the map that the tiles were cut from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from data_adapters.sky.tiling import Tiling
from equiclust.compiled import compiled, inlined
from equiclust.exceptions import InputError
from equiclust.typing import BoolArray, Float32Array, Float64Array, IntArray
from equiclust.validation import check_whole

__all__ = ["BlendedRows", "OverlapAverage", "blend_tiles"]


class BlendedRows(NamedTuple):
    """Rows of the map that no later tile overlaps.

    Parameters
    ----------
    rows : slice
        Rows of the map.
    mean : ndarray (k, n_rows, w), float32
        Mean of the values of the tiles, weighted by `Tiling.window`; NaN where no tile has values.
    weight : ndarray (n_rows, w), float32
        Sum of the windows; `mean * weight` are the sums.
    coverage : ndarray (n_rows, w), int32
        Number of tiles with values.
    """

    rows: slice
    mean: Float32Array
    weight: Float32Array
    coverage: npt.NDArray[np.int32]


class OverlapAverage:
    """Average of the values of overlapping tiles, in the memory of one row of tiles.

    Where tiles overlap, the values are averaged with the weights `Tiling.window`. Sums are kept in
    float64: equal values come back as they were, to the last bit.

    Parameters
    ----------
    tiling : Tiling
    n_values : int
        Number of values of a tile or of each of its pixels, such as memberships in k clusters.

    Raises
    ------
    InputError
        When `n_values` is not at least 1.

    Examples
    --------
    >>> import numpy as np
    >>> from data_adapters.sky import OverlapAverage, Tiling
    >>> tiling = Tiling((64, 64), tile=32, step=16)
    >>> average = OverlapAverage(tiling, n_values=2)
    >>> one_row = np.tile([0.25, 0.75], (len(tiling.columns), 1))
    >>> blended = [average.add(one_row) for _ in tiling.rows]
    >>> whole = np.concatenate([part.mean for part in blended], axis=1)
    >>> whole.shape, whole[:, 0, 0]
    ((2, 64, 64), array([0.25, 0.75], dtype=float32))
    """

    def __init__(self, tiling: Tiling, n_values: int) -> None:
        check_whole("n_values", n_values)
        self.tiling = tiling
        self.n_values = n_values
        self._next = 0
        # The map with a margin, as far as tiles extend beyond it.
        self._left = -int(tiling.columns[0])
        width = int(tiling.columns[-1]) + tiling.tile + self._left
        self._sums = np.zeros((n_values, tiling.tile, width))
        self._weights = np.zeros((tiling.tile, width))
        self._coverage = np.zeros((tiling.tile, width), dtype=np.int32)

    def add(self, values: npt.ArrayLike) -> BlendedRows:
        """Add the values of the next row of tiles.

        Parameters
        ----------
        values : array-like (n_tile_columns, k) or (n_tile_columns, k, tile, tile)
            Values of every tile in the row, or of every pixel of every tile. A tile or pixel with
            a NaN among its values is left out.

        Returns
        -------
        BlendedRows
            The rows of the map that are finished now; with the last row of tiles, all that remain.

        Raises
        ------
        InputError
            When `values` has another shape, or all rows of tiles have been added.
        """
        array = np.asarray(values, dtype=np.float64)
        n, side = len(self.tiling.columns), self.tiling.tile
        if array.shape not in ((n, self.n_values), (n, self.n_values, side, side)):
            raise InputError(
                f"values must have shape ({n}, {self.n_values}), with ({side}, {side}) behind it "
                f"for those of pixels, got {array.shape}"
            )
        if self._next == len(self.tiling.rows):
            raise InputError(f"all {self._next} rows of tiles have been added, got one more")
        valid: BoolArray = np.all(~np.isnan(array), axis=1)
        clean = np.where(valid[:, None], array, 0.0)
        if array.ndim == 2:
            self._add_tiles(clean, valid)
        else:
            self._add_pixels(clean, valid)
        return self._finished()

    def _add_tiles(self, values: Float64Array, valid: BoolArray) -> None:
        """The window is a product: one line of the map is added up, and spread over the rows."""
        profile = self.tiling.profile
        line = np.zeros((self.n_values, self._sums.shape[-1]))
        weights, coverage = np.zeros(line.shape[1]), np.zeros(line.shape[1], dtype=np.int32)
        first = self.tiling.columns + self._left
        _add_tiles_to_line(line, weights, coverage, values, valid, first, profile)
        _spread(self._sums, line, profile)
        _spread(self._weights[None], weights[None], profile)
        self._coverage += coverage

    def _add_pixels(self, values: Float64Array, valid: BoolArray) -> None:
        window = self.tiling.profile[:, None] * self.tiling.profile
        for column, value, is_valid in zip(self.tiling.columns, values, valid, strict=True):
            columns = slice(column + self._left, column + self._left + self.tiling.tile)
            self._sums[..., columns] += value * window
            self._weights[:, columns] += is_valid * window
            self._coverage[:, columns] += is_valid

    def _finished(self) -> BlendedRows:
        origins, height = self.tiling.rows, self.tiling.shape[0]
        row = int(origins[self._next])
        self._next += 1
        is_last = self._next == len(origins)
        n_done = self.tiling.tile if is_last else int(origins[self._next]) - row
        rows = slice(min(max(row, 0), height), min(max(row + n_done, 0), height))
        blended = self._blended(rows, slice(rows.start - row, rows.stop - row))
        for array in (self._sums, self._weights, self._coverage):
            # numpy sees that source and target overlap, and copies.
            array[..., : self.tiling.tile - n_done, :] = array[..., n_done:, :]
            array[..., self.tiling.tile - n_done :, :] = 0
        return blended

    def _blended(self, rows: slice, held: slice) -> BlendedRows:
        columns = slice(self._left, self._left + self.tiling.shape[1])
        sums, weight = self._sums[:, held, columns], self._weights[held, columns]
        mean = np.full(sums.shape, np.nan)
        np.divide(sums, weight, out=mean, where=weight > 0.0)
        coverage = self._coverage[held, columns].copy()
        return BlendedRows(rows, mean.astype(np.float32), weight.astype(np.float32), coverage)


@inlined
def _add_scaled(target: Float64Array, values: Float64Array, factor: float) -> None:
    for x in range(len(target)):
        target[x] += factor * values[x]


@compiled
def _add_tiles_to_line(
    line: Float64Array,
    weights: Float64Array,
    coverage: npt.NDArray[np.int32],
    values: Float64Array,
    valid: BoolArray,
    first: IntArray,
    profile: Float64Array,
) -> None:
    """Add tiles from left to right to a line of the map."""
    for tile in range(len(first)):
        if valid[tile]:
            x = slice(first[tile], first[tile] + len(profile))
            for k in range(len(line)):
                _add_scaled(line[k, x], profile, values[tile, k])
            _add_scaled(weights[x], profile, 1.0)
            coverage[x] += np.int32(1)


@compiled
def _spread(sums: Float64Array, line: Float64Array, profile: Float64Array) -> None:
    """Add a line of the map to the rows of its tiles, with the weights along them."""
    for k in range(len(sums)):
        for y in range(len(profile)):
            _add_scaled(sums[k, y], line[k], profile[y])


def blend_tiles(tiling: Tiling, values: npt.ArrayLike) -> BlendedRows:
    """Average of the values of all tiles on the whole map.

    `OverlapAverage` gives the same row by row in less memory.

    Parameters
    ----------
    tiling : Tiling
    values : array-like (n, k) or (n, k, tile, tile)
        Values of every tile in the order of `Tiling.origins`, or of every pixel of every tile. A
        tile or pixel with a NaN among its values is left out.

    Returns
    -------
    BlendedRows
        All rows of the map.

    Raises
    ------
    InputError
        When `values` has another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from data_adapters.sky import Tiling, blend_tiles
    >>> tiling = Tiling((64, 64), tile=32, step=16)
    >>> is_right = (tiling.origins[:, 1] >= 32).astype(float)
    >>> blended = blend_tiles(tiling, is_right[:, None])
    >>> blended.mean.shape, blended.mean[0, 0, [0, 63]], int(blended.coverage[32, 32])
    ((1, 64, 64), array([0., 1.], dtype=float32), 4)
    >>> bool((np.diff(blended.mean[0, 0]) >= 0.0).all())
    True
    """
    array = np.asarray(values)
    if array.ndim not in (2, 4) or len(array) != len(tiling):
        raise InputError(
            f"values must have shape ({len(tiling)}, k) or ({len(tiling)}, k, {tiling.tile}, "
            f"{tiling.tile}), got {array.shape}"
        )
    average = OverlapAverage(tiling, array.shape[1])
    parts = [average.add(row) for row in np.split(array, len(tiling.rows))]
    return BlendedRows(
        slice(0, tiling.shape[0]),
        np.concatenate([part.mean for part in parts], axis=1),
        np.concatenate([part.weight for part in parts]),
        np.concatenate([part.coverage for part in parts]),
    )
