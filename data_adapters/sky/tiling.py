"""Maps cut into overlapping square tiles, and how much of each tile is masked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.typing import Array, BoolArray, Float32Array, Float64Array, IntArray

__all__ = ["RowBlock", "Tiling", "masked_fractions"]

WINDOW_WIDTH = 1.0 / 6.0
"""Standard deviation of the Gaussian window, in tiles."""


class RowBlock(NamedTuple):
    """Consecutive rows of tiles, and the rows of the map that they lie on.

    Parameters
    ----------
    tile_rows : range
        Indices into `Tiling.rows`.
    rows : slice
        Rows of the map.
    """

    tile_rows: range
    rows: slice


@checks_types
@dataclass(frozen=True)
class Tiling:
    """Square tiles on a centred grid over a map, beyond whose edge they may extend.

    A rotated or mirrored map is cut into the rotated or mirrored tiles: on an axis of length `L`
    the tile at `o` has its mirror image at `L - tile - o`. Neighbours are `step` apart; only where
    `step` is even and `L - tile` odd, so that no such grid exists, the middle two are one pixel
    closer. Tiles extend beyond the map by up to half a tile, or `step - 1` where that is more, so
    that the pixels at the edge are near the centre of some tile too; for a map narrower than
    `step`, further. Every pixel is covered and every tile overlaps the map.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the map in pixels.
    tile : int
        Side of the tiles in pixels.
    step : int
        Distance from one tile to the next in pixels, at most `tile`.

    Raises
    ------
    InputError
        When `shape` or `tile` has no pixel, or `step` is not from 1 to `tile`.

    Examples
    --------
    >>> from data_adapters.sky import Tiling
    >>> tiling = Tiling((96, 128), tile=32, step=16)
    >>> len(tiling), tiling.rows
    (63, array([-16,   0,  16,  32,  48,  64,  80]))

    Tiles at the edge extend beyond the map, where they are filled:

    >>> import numpy as np
    >>> tile = tiling.cut(np.ones((96, 128)), 0)
    >>> tile.shape, float(np.isnan(tile).mean())
    ((32, 32), 0.75)
    """

    shape: tuple[int, int]
    _: KW_ONLY
    tile: int
    step: int

    def __post_init__(self) -> None:
        if len(self.shape) != 2 or min(self.shape) < 1:
            raise InputError(
                f"shape must be a height and a width of at least 1 pixel, got {self.shape}"
            )
        if self.tile < 1:
            raise InputError(f"tile must be at least 1 pixel, got {self.tile}")
        if not 1 <= self.step <= self.tile:
            raise InputError(
                f"step must be from 1 to the tile's {self.tile} pixels, else pixels between the "
                f"tiles are lost, got {self.step}"
            )

    @cached_property
    def rows(self) -> IntArray:
        """First row of every row of tiles, `(n_tile_rows,)` int64; the first are negative."""
        return _origins(self.shape[0], self.tile, self.step)

    @cached_property
    def columns(self) -> IntArray:
        """First column of every column of tiles, `(n_tile_columns,)` int64."""
        return _origins(self.shape[1], self.tile, self.step)

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)

    @property
    def origins(self) -> IntArray:
        """First row and column of every tile, `(n, 2)` int64, row of tiles by row of tiles."""
        grid = np.meshgrid(self.rows, self.columns, indexing="ij")
        return np.stack([axis.ravel() for axis in grid], axis=1)

    @cached_property
    def profile(self) -> Float64Array:
        """Weights along one axis of a tile, `(tile,)` float64; their product is `window`."""
        from_centre = np.abs(np.arange(self.tile) - 0.5 * (self.tile - 1))
        return np.asarray(np.exp(-0.5 * (from_centre / (WINDOW_WIDTH * self.tile)) ** 2))

    @property
    def window(self) -> Float32Array:
        """Weight of a tile's pixels in the average, `(tile, tile)` float32, 1 at its centre.

        A round Gaussian, above 0 in the corners too: without overlap they have no other tile.
        """
        return (self.profile[:, None] * self.profile).astype(np.float32)

    def indices(self, tile_row: int) -> range:
        """Indices into `origins` of the tiles of one row.

        Parameters
        ----------
        tile_row : int
            Index into `rows`.

        Returns
        -------
        range
        """
        return range(tile_row * len(self.columns), (tile_row + 1) * len(self.columns))

    def row_blocks(self, max_rows: int | None = None) -> Iterator[RowBlock]:
        """Rows of tiles in order, as many together as `max_rows` rows of the map hold.

        Parameters
        ----------
        max_rows : int, optional
            By default all rows of tiles are one block.

        Returns
        -------
        iterator of RowBlock

        Raises
        ------
        InputError
            When `max_rows` rows of the map do not hold one row of tiles.
        """
        limit = self.shape[0] if max_rows is None else max_rows
        least = max(stop - start for start, stop in map(self._span, range(len(self.rows))))
        if limit < least:
            raise InputError(
                f"max_rows must be at least {least}, so that one row of tiles fits, got {max_rows}"
            )
        return self._row_blocks(limit)

    def _row_blocks(self, limit: int) -> Iterator[RowBlock]:
        first, n = 0, len(self.rows)
        while first < n:
            start, stop = self._span(first)
            last = first
            while last + 1 < n and self._span(last + 1)[1] - start <= limit:
                last += 1
                stop = self._span(last)[1]
            yield RowBlock(range(first, last + 1), slice(start, stop))
            first = last + 1

    def _span(self, tile_row: int) -> tuple[int, int]:
        """Rows of the map under a row of tiles."""
        origin = int(self.rows[tile_row])
        return max(origin, 0), min(origin + self.tile, self.shape[0])

    def cut(
        self,
        array: Array,
        index: int,
        *,
        fill: float | bool = np.nan,
        block: RowBlock | None = None,
    ) -> Array:
        """One tile of a map.

        Parameters
        ----------
        array : ndarray (h, w) or (c, h, w)
            The map, or its rows `block.rows`.
        index : int
            Index into `origins`.
        fill : float or bool, default nan
            Value beyond the edge of the map. Arrays of integers need another than nan.
        block : RowBlock, optional
            Set when `array` holds only these rows of the map.

        Returns
        -------
        ndarray (tile, tile) or (c, tile, tile)
            A copy of the same dtype.

        Raises
        ------
        InputError
            When `array` does not have the shape of the map or block, or holds no such tile.
        """
        first = self._check_rows(array, block)
        # Like a list, from the end too would hide mistakes.
        if not 0 <= index < len(self):
            raise InputError(f"index must be from 0 to {len(self) - 1}, got {index}")
        tile_row, tile_column = divmod(index, len(self.columns))
        if block is not None and tile_row not in block.tile_rows:
            raise InputError(f"index must be of a tile in rows {block.tile_rows}, got {index}")
        return self._cut(
            array, int(self.rows[tile_row]), int(self.columns[tile_column]), first, fill
        )

    def _cut(self, array: Array, row: int, column: int, first: int, fill: float | bool) -> Array:
        tile = np.full((*array.shape[:-2], self.tile, self.tile), fill, dtype=array.dtype)
        top, bottom = max(row, 0), min(row + self.tile, self.shape[0])
        left, right = max(column, 0), min(column + self.tile, self.shape[1])
        tile[..., top - row : bottom - row, left - column : right - column] = array[
            ..., top - first : bottom - first, left:right
        ]
        return tile

    def _check_rows(self, array: Array, block: RowBlock | None) -> int:
        """First row of the map in the array."""
        rows = slice(0, self.shape[0]) if block is None else block.rows
        expected = (rows.stop - rows.start, self.shape[1])
        if array.ndim not in (2, 3) or array.shape[-2:] != expected:
            raise InputError(
                f"array must have shape {expected} or (c, {expected[0]}, {expected[1]}), "
                f"got {array.shape}"
            )
        return int(rows.start)


def _origins(length: int, tile: int, step: int) -> IntArray:
    """First pixels of the tiles along one axis, symmetric under `o -> length - tile - o`.

    The widest such grid that extends beyond the map by half a tile at most, or, where none of
    these covers the map, the narrowest that does.
    """
    room = length - tile
    # With a tile on the centre `room` is even; else the middle gap has the parity of `room`.
    closer = int(step % 2 == 0 and room % 2 != 0)
    if step % 2:
        stride, parity = 2, (room + 1) % 2
    else:
        stride, parity = (2, 0) if closer else (1, 0)
    widest = (room + 2 * (tile // 2) + closer) // step + 1
    n = widest - (widest - parity) % stride
    while n < 1 or (n - 1) * step - closer < room:
        n += stride
    hang = ((n - 1) * step - closer - room) // 2
    index = np.arange(n, dtype=np.int64)
    return index * step - closer * (index >= n // 2) - hang


def masked_fractions(
    tiling: Tiling, mask: BoolArray, *, block: RowBlock | None = None
) -> Float64Array:
    """Share of every tile that is masked or lies beyond the edge of the map.

    Counted in a summed-area table (Crow 1984, SIGGRAPH 18, 207) kept only where tiles begin and
    end.

    Parameters
    ----------
    tiling : Tiling
    mask : ndarray (h, w), bool
        `True` = ignore; of the whole map, or of its rows `block.rows`.
    block : RowBlock, optional
        Set when `mask` holds only these rows of the map; only their tiles are counted.

    Returns
    -------
    ndarray (n,), float64
        From 0 to 1, in the order of `Tiling.origins`.

    Raises
    ------
    InputError
        When `mask` is not bool or does not have the shape of the map or block.

    Examples
    --------
    >>> import numpy as np
    >>> from data_adapters.sky import Tiling, masked_fractions
    >>> tiling = Tiling((64, 64), tile=32, step=32)
    >>> mask = np.zeros((64, 64), dtype=bool)
    >>> mask[:32] = True
    >>> masked_fractions(tiling, mask).reshape(len(tiling.rows), -1)
    array([[1.  , 1.  , 1.  ],
           [0.75, 0.5 , 0.75],
           [0.75, 0.5 , 0.75]])
    """
    first = tiling._check_rows(mask, block)
    if mask.ndim != 2 or mask.dtype != np.bool_:
        raise InputError(f"mask must be bool of two axes, got {mask.dtype} of {mask.ndim} axes")
    rows = tiling.rows if block is None else tiling.rows[block.tile_rows]
    by_row = _sums_between(~mask, rows - first, tiling.tile)
    visible = _sums_between(by_row.T, tiling.columns, tiling.tile).T
    fractions: Float64Array = 1.0 - visible.ravel() / tiling.tile**2
    return fractions


def _sums_between(values: Array, starts: IntArray, length: int) -> IntArray:
    """Sums of `values[start : start + length]` along the first axis, as far as they exist."""
    n = len(values)
    first, last = np.clip(starts, 0, n), np.clip(starts + length, 0, n)
    knots = np.unique(np.concatenate([first, last, [0, n]]))
    pieces = np.add.reduceat(values, knots[:-1], axis=0, dtype=np.int64)
    totals = np.concatenate([np.zeros_like(pieces[:1]), np.cumsum(pieces, axis=0)])
    sums: IntArray = totals[np.searchsorted(knots, last)] - totals[np.searchsorted(knots, first)]
    return sums
