"""Maps cut into overlapping square tiles, and what was found in the tiles put back by vote."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from equiclust.exceptions import InputError
from equiclust.validation import check_whole

__all__ = ["BlendedRows", "OverlapAverage", "RowBlock", "Tiling", "blend_tiles", "masked_fractions"]

Array = npt.NDArray[Any]
FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

WINDOW_WIDTH = 1.0 / 6.0
"""Standard deviation of the Gaussian window, in tiles."""


class RowBlock(NamedTuple):
    """Consecutive rows of tiles, and the rows of the map that they lie on.

    Parameters
    ----------
    tile_rows : range
        Places in `Tiling.rows`.
    rows : slice
        Of the map, within it.
    """

    tile_rows: range
    rows: slice


class BlendedRows(NamedTuple):
    """Rows of the map that no later tile can touch.

    Parameters
    ----------
    rows : slice
        Of the map.
    mean : ndarray (k, n_rows, w), float32
        Mean of the values of the tiles, weighted by the window; NaN where no tile voted.
    weight : ndarray (n_rows, w), float32
        Sum of the windows; `mean * weight` are the sums.
    coverage : ndarray (n_rows, w), int32
        How many tiles voted.
    """

    rows: slice
    mean: FloatArray
    weight: FloatArray
    coverage: npt.NDArray[np.int32]


@dataclass(frozen=True)
class Tiling:
    """Square tiles on a centred grid over a map, from which they may hang out.

    A turned or mirrored map is cut into the turned or mirrored tiles: on an axis of length `L` the
    tile at `o` has its mirror image at `L - tile - o`. Neighbours are `step` apart; only where
    `step` is even and `L - tile` odd, so that no such grid exists, the middle two are one pixel
    closer. Tiles hang out by up to half a tile, `step - 1` where that is more, so that the pixels
    of the edge are seen from the middle of tiles too; from a map narrower than `step`, further.
    Every pixel is covered and every tile touches the map.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the map in pixels.
    tile : int
        Side of the tiles in pixels.
    step : int
        From one tile to the next, at most `tile`.

    Raises
    ------
    InputError
        When the numbers do not go together.
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
    def window(self) -> FloatArray:
        """Weight of a tile's pixels in the vote, `(tile, tile)` float32, 1 at its centre.

        A round Gaussian, above 0 in the corners too: without overlap they have no other tile.
        """
        profile = _profile(self.tile)
        return (profile[:, None] * profile).astype(np.float32)

    def indices(self, tile_row: int) -> range:
        """Places in `origins` of the tiles of one row of tiles."""
        return range(tile_row * len(self.columns), (tile_row + 1) * len(self.columns))

    def row_blocks(self, max_rows: int | None = None) -> Iterator[RowBlock]:
        """Rows of tiles in order, as many together as lie on at most `max_rows` rows of the map.

        Parameters
        ----------
        max_rows : int, optional
            By default all are one band.

        Raises
        ------
        InputError
            When not even one row of tiles lies on so few.
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
            The map, or its rows `band.rows`.
        index : int
            Place in `origins`.
        fill : float or bool
            What stands where the tile hangs out of the map. Whole numbers need one given.
        band : Band, optional
            That `array` holds only these rows of the map.

        Returns
        -------
        ndarray (tile, tile) or (c, tile, tile)
            A copy of the same dtype.

        Raises
        ------
        InputError
            When the array is not of this map or band, or the tile not in it.
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
        """The row of the map that the array begins with."""
        rows = slice(0, self.shape[0]) if block is None else block.rows
        expected = (rows.stop - rows.start, self.shape[1])
        if array.ndim not in (2, 3) or array.shape[-2:] != expected:
            raise InputError(
                f"array must have shape {expected} or (c, {expected[0]}, {expected[1]}), "
                f"got {array.shape}"
            )
        return int(rows.start)


def _origins(length: int, tile: int, step: int) -> IntArray:
    """Of the grids with `o -> length - tile - o` the widest that hangs out by half a tile at most.

    Where none such covers the map, the narrowest that does.
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
    places = np.arange(n, dtype=np.int64)
    return places * step - closer * (places >= n // 2) - hang


def _profile(tile: int) -> DoubleArray:
    from_centre = np.abs(np.arange(tile) - 0.5 * (tile - 1))
    profile: DoubleArray = np.exp(-0.5 * (from_centre / (WINDOW_WIDTH * tile)) ** 2)
    return profile


class OverlapAverage:
    """Votes of the tiles, row of tiles by row of tiles, in the memory of one row of tiles.

    Where tiles overlap, the values are averaged with the weights `Tiling.window`. Sums are kept in
    float64: equal values come back as they were, to the last bit.

    Parameters
    ----------
    tiling : Tiling
    n_values : int
        Values of a tile or of each of its pixels, such as the memberships in k clusters.
    """

    def __init__(self, tiling: Tiling, n_values: int) -> None:
        check_whole("n_values", n_values)
        self.tiling = tiling
        self.n_values = n_values
        self._next = 0
        # The map beyond its edges too, as far as tiles hang out.
        self._left = -int(tiling.columns[0])
        width = int(tiling.columns[-1]) + tiling.tile + self._left
        self._sums = np.zeros((n_values, tiling.tile, width))
        self._weights = np.zeros((tiling.tile, width))
        self._coverage = np.zeros((tiling.tile, width), dtype=np.int32)
        self._profile = _profile(tiling.tile)

    def add(self, values: npt.ArrayLike) -> BlendedRows:
        """Count the votes of the next row of tiles.

        Parameters
        ----------
        values : array-like (n_tile_columns, k) or (n_tile_columns, k, tile, tile)
            Of every tile in the row, or of every pixel of every tile. A tile or pixel with a NaN
            among its values does not vote.

        Returns
        -------
        Voted
            The rows of the map that are finished now; with the last row of tiles, all that are
            left.

        Raises
        ------
        InputError
            When the values do not fit, or all rows of tiles have been added.
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
        voting: npt.NDArray[np.bool_] = np.all(~np.isnan(array), axis=1)
        clean = np.where(voting[:, None], array, 0.0)
        if array.ndim == 2:
            self._add_tiles(clean, voting)
        else:
            self._add_pixels(clean, voting)
        return self._finished()

    def _add_tiles(self, values: DoubleArray, voting: npt.NDArray[np.bool_]) -> None:
        """The window is a product: one line of the map is added up, and spread over the rows."""
        side = self.tiling.tile
        line = np.zeros((self.n_values, self._sums.shape[-1]))
        weights, coverage = np.zeros(line.shape[1]), np.zeros(line.shape[1], dtype=np.int32)
        for column, value, votes in zip(self.tiling.columns, values, voting, strict=True):
            if votes:
                place = slice(column + self._left, column + self._left + side)
                line[:, place] += value[:, None] * self._profile
                weights[place] += self._profile
                coverage[place] += 1
        self._sums += self._profile[:, None] * line[:, None]
        self._weights += self._profile[:, None] * weights
        self._coverage += coverage

    def _add_pixels(self, values: DoubleArray, voting: npt.NDArray[np.bool_]) -> None:
        window = self._profile[:, None] * self._profile
        for column, value, votes in zip(self.tiling.columns, values, voting, strict=True):
            place = slice(column + self._left, column + self._left + self.tiling.tile)
            self._sums[..., place] += value * window
            self._weights[:, place] += votes * window
            self._coverage[:, place] += votes

    def _finished(self) -> BlendedRows:
        origins, height = self.tiling.rows, self.tiling.shape[0]
        row = int(origins[self._next])
        self._next += 1
        is_last = self._next == len(origins)
        n_done = self.tiling.tile if is_last else int(origins[self._next]) - row
        rows = slice(min(max(row, 0), height), min(max(row + n_done, 0), height))
        voted = self._blended(rows, slice(rows.start - row, rows.stop - row))
        for kept in (self._sums, self._weights, self._coverage):
            # numpy sees that source and target overlap, and copies.
            kept[..., : self.tiling.tile - n_done, :] = kept[..., n_done:, :]
            kept[..., self.tiling.tile - n_done :, :] = 0
        return voted

    def _blended(self, rows: slice, place: slice) -> BlendedRows:
        columns = slice(self._left, self._left + self.tiling.shape[1])
        sums, weight = self._sums[:, place, columns], self._weights[place, columns]
        mean = np.full(sums.shape, np.nan)
        np.divide(sums, weight, out=mean, where=weight > 0.0)
        coverage = self._coverage[place, columns].copy()
        return BlendedRows(rows, mean.astype(np.float32), weight.astype(np.float32), coverage)


def blend_tiles(tiling: Tiling, values: npt.ArrayLike) -> BlendedRows:
    """Votes of all tiles on the whole map; see `OverlapAverage`, which needs less memory.

    Parameters
    ----------
    tiling : Tiling
    values : array-like (n, k) or (n, k, tile, tile)
        Of every tile in the order of `Tiling.origins`, or of every pixel of every tile. A tile or
        pixel with a NaN among its values does not vote.

    Returns
    -------
    Voted
        All rows of the map.

    Raises
    ------
    InputError
        When the values do not fit the tiling.
    """
    array = np.asarray(values)
    if array.ndim not in (2, 4) or len(array) != len(tiling):
        raise InputError(
            f"values must have shape ({len(tiling)}, k) or ({len(tiling)}, k, {tiling.tile}, "
            f"{tiling.tile}), got {array.shape}"
        )
    votes = OverlapAverage(tiling, array.shape[1])
    parts = [votes.add(row) for row in np.split(array, len(tiling.rows))]
    return BlendedRows(
        slice(0, tiling.shape[0]),
        np.concatenate([part.mean for part in parts], axis=1),
        np.concatenate([part.weight for part in parts]),
        np.concatenate([part.coverage for part in parts]),
    )


def masked_fractions(
    tiling: Tiling, mask: npt.NDArray[np.bool_], *, block: RowBlock | None = None
) -> DoubleArray:
    """Share of every tile that is masked or hangs out of the map.

    Counted in a summed-area table (Crow 1984, SIGGRAPH 18, 207) kept only where tiles begin and
    end.

    Parameters
    ----------
    tiling : Tiling
    mask : ndarray (h, w), bool
        `True` = ignore. The map's, or its rows `band.rows`.
    band : Band, optional
        That `mask` holds only these rows, and only their tiles are asked for.

    Returns
    -------
    ndarray (n,), float64
        From 0 to 1, in the order of `Tiling.origins`.

    Raises
    ------
    InputError
        When the mask does not fit.
    """
    first = tiling._check_rows(mask, block)
    if mask.ndim != 2 or mask.dtype != np.bool_:
        raise InputError(f"mask must be bool of two axes, got {mask.dtype} of {mask.ndim} axes")
    rows = tiling.rows if block is None else tiling.rows[block.tile_rows]
    by_row = _sums_between(~mask, rows - first, tiling.tile)
    visible = _sums_between(by_row.T, tiling.columns, tiling.tile).T
    fractions: DoubleArray = 1.0 - visible.ravel() / tiling.tile**2
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
