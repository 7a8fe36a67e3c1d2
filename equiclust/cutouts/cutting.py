"""The pixels of stamps, read from images a block of stamps at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from astropy.wcs import WCS
from scipy.ndimage import map_coordinates

from equiclust.cutouts.pixel_grids import pixels_of_pixels
from equiclust.cutouts.placement import Pieces, Placement
from equiclust.cutouts.survey_images import Survey, Tile
from equiclust.typing import Array, BoolArray, IntArray

__all__ = ["Block", "CutStamps", "cut_block", "make_blocks"]


@dataclass(frozen=True, eq=False)
class Block:
    """Stamps that are cut together: of one home tile, and near one another in it.

    Parameters
    ----------
    places : slice
        Of the stamps, in `Placement.rows`.
    home : int
        Number of the home tile.
    corner : ndarray (m, 2), int64
        Row and column of that tile at which each begins.
    size : ndarray (m,), int64
        Sides in pixels.
    pieces : Pieces
        With the index of the stamp in the block as `row`.
    """

    places: slice
    home: int
    corner: IntArray
    size: IntArray
    pieces: Pieces

    def __len__(self) -> int:
        return len(self.size)


class CutStamps(NamedTuple):
    """Pixels of the stamps of a block.

    Attributes
    ----------
    pixels : list of ndarray (c, h, w)
        NaN where there is no value: outside of the images, blank, or masked.
    weights : list of ndarray (c, h, w), float32, or None
        0 where there is no value; None without images of weights.
    coverage : ndarray (m, c), float64
        Share of the pixels of each stamp and band that have a value.
    tiles : list of list of int
        Tiles whose pixels each stamp has.
    """

    pixels: list[Array]
    weights: list[Array] | None
    coverage: Array
    tiles: list[list[int]]


def make_blocks(
    placement: Placement, survey: Survey, most_bytes: int, *, start: int = 0
) -> Iterator[Block]:
    """Divide the work.

    Parameters
    ----------
    placement : Placement
    survey : Survey
    most_bytes : int
        About how much the stamps of a block, and the rows of an image that they lie in, may take
        each; a block has one stamp at least.
    start : int, default 0
        First stamp, in `Placement.rows`.

    Yields
    ------
    Block
    """
    itemsize = survey.dtype.itemsize
    n_planes = len(survey.bands) * (2 if survey.has_weights else 1)
    widest = max(tile.shape[1] for tile in survey.tiles)
    most_rows = max(1, most_bytes // (2 * itemsize * widest))
    stamp_bytes = placement.size**2 * itemsize * n_planes
    n = len(placement.rows)
    most = 1 + most_bytes // max(1, int(stamp_bytes.min(initial=most_bytes)))
    while start < n:
        seen = slice(start, min(n, start + most))
        fits = placement.home[seen] == placement.home[start]
        fits &= placement.corner[seen, 0] - placement.corner[start, 0] <= most_rows
        fits &= np.cumsum(stamp_bytes[seen]) <= most_bytes
        count = len(fits) if fits.all() else int(np.argmin(fits))
        last = start + max(1, count)
        yield _block(placement, start, last)
        start = last


def _block(placement: Placement, start: int, last: int) -> Block:
    chosen = slice(placement.first[start], placement.first[last])
    pieces = placement.pieces.take(chosen)
    counts = np.diff(placement.first[start : last + 1])
    return Block(
        slice(start, last),
        int(placement.home[start]),
        placement.corner[start:last],
        placement.size[start:last],
        pieces._replace(row=np.repeat(np.arange(last - start), counts)),
    )


def cut_block(
    block: Block,
    tiles: Mapping[int, Tile],
    coordinates: Mapping[int, WCS | None],
    n_bands: int,
    dtype: np.dtype[Any],
    *,
    with_weights: bool,
) -> CutStamps:
    """Cut the stamps of a block.

    Parameters
    ----------
    block : Block
    tiles : mapping of int to Tile
        All tiles of its pieces, by their numbers.
    coordinates : mapping of int to astropy.wcs.WCS
        Of those that are interpolated, and then of the home tile.
    n_bands : int
    dtype : numpy.dtype
        Type of the pixels.
    with_weights : bool
        Whether the stamps have weights.

    Returns
    -------
    CutStamps
    """
    cut = _Cut(block, tiles, coordinates, n_bands, dtype, with_weights)
    for rank in (0, 1):
        for number in np.unique(block.pieces.tile):
            chosen = (block.pieces.tile == number) & (
                (block.pieces.rank == 0) if rank == 0 else (block.pieces.rank > 0)
            )
            cut.add(int(number), np.flatnonzero(chosen), only_missing=rank > 0)
    return cut.stamps()


class _Cut:
    """Stamps that are filled tile by tile."""

    def __init__(
        self,
        block: Block,
        tiles: Mapping[int, Tile],
        coordinates: Mapping[int, WCS | None],
        n_bands: int,
        dtype: np.dtype[Any],
        with_weights: bool,
    ) -> None:
        self.block, self.tiles, self.coordinates = block, tiles, coordinates
        shapes = [(n_bands, side, side) for side in block.size.tolist()]
        self.pixels: list[Array] = [np.full(shape, np.nan, dtype) for shape in shapes]
        self.weights = [np.zeros(shape, np.float32) for shape in shapes] if with_weights else None
        self.used: list[list[int]] = [[] for _ in shapes]

    def add(self, number: int, chosen: IntArray, *, only_missing: bool) -> None:
        """Add what some pieces, all of one tile, have."""
        tile = self.tiles[number]
        rows = self.block.pieces.row
        if only_missing:
            lacking = [k for k in chosen.tolist() if self._lacks(int(rows[k]), tile.band)]
            chosen = np.array(lacking, dtype=np.int64)
        if not len(chosen):
            return
        places = [self._places(int(k), tile) for k in chosen]
        height = tile.shape[0]
        low = max(0, int(min(place.low for place in places)))
        high = min(height, int(max(place.high for place in places)))
        if low >= high:
            return
        values, weights = _read(tile, slice(low, high))
        for k, place in zip(chosen.tolist(), places, strict=True):
            self._fill(int(rows[k]), tile, place, values, weights, low)

    def _lacks(self, row: int, band: int) -> bool:
        return bool(np.isnan(self.pixels[row][band]).any())

    def _places(self, k: int, tile: Tile) -> _Place:
        pieces = self.block.pieces
        row, corner = int(pieces.row[k]), pieces.corner[k]
        side = int(self.block.size[row])
        if not pieces.resampled[k]:
            return _Place(int(corner[0]), int(corner[0]) + side, int(corner[1]), side)
        y0, x0 = self.block.corner[row]
        y, x = np.mgrid[y0 : y0 + side, x0 : x0 + side].astype(np.float64)
        there = pixels_of_pixels(
            self.coordinates[self.block.home], self.coordinates[tile.number], x.ravel(), y.ravel()
        )
        # Places without a pixel are outside of the image.
        grid = np.where(np.isfinite(there), there, -10.0).reshape(side, side, 2)
        inside = grid[..., 1][(grid[..., 1] > -1.0) & (grid[..., 1] < tile.shape[0])]
        if not inside.size:
            return _Place(0, 0, 0, side, grid)
        return _Place(int(inside.min()) - 1, int(inside.max()) + 3, 0, side, grid)

    def _fill(
        self, row: int, tile: Tile, place: _Place, values: Array, weights: Array | None, low: int
    ) -> None:
        if place.grid is not None:
            parts = [_interpolated(one, place.grid, low) for one in _some(values, weights)]
            window = slice(None), slice(None)
        else:
            height, width = values.shape
            top, left = place.low - low, place.left
            ys = slice(max(0, top), min(height, top + place.side))
            xs = slice(max(0, left), min(width, left + place.side))
            if ys.start >= ys.stop or xs.start >= xs.stop:
                return
            parts = [one[ys, xs] for one in _some(values, weights)]
            window = slice(ys.start - top, ys.stop - top), slice(xs.start - left, xs.stop - left)
        target = self.pixels[row][tile.band][window]
        new = np.isnan(target) & ~np.isnan(parts[0])
        if not new.any():
            return
        np.copyto(target, parts[0], where=new)
        if self.weights is not None and len(parts) > 1:
            np.copyto(self.weights[row][tile.band][window], parts[1], where=new)
        self.used[row].append(tile.number)

    def stamps(self) -> CutStamps:
        """What has been filled."""
        coverage = [1.0 - np.isnan(one).mean(axis=(1, 2), dtype=np.float64) for one in self.pixels]
        return CutStamps(self.pixels, self.weights, np.array(coverage), self.used)


class _Place(NamedTuple):
    """Rows of a tile that a stamp needs, and its first column or the places of its pixels."""

    low: int
    high: int
    left: int
    side: int
    grid: Array | None = None


def _some(values: Array, weights: Array | None) -> list[Array]:
    return [values] if weights is None else [values, weights]


def _read(tile: Tile, rows: slice) -> tuple[Array, Array | None]:
    """Values, NaN where they are masked, and weights, 0 where they are not known."""
    values = tile.sky.read(rows=rows)[0]
    if tile.mask is not None:
        # What is neither 0 nor known is left out: NaN differs from 0 too.
        hidden: BoolArray = np.asarray(tile.mask.read(rows=rows)[0] != 0.0)
        values = np.where(hidden, np.array(np.nan, values.dtype), values)
    if tile.weight is None:
        return values, None
    weights = tile.weight.read(rows=rows)[0]
    return values, np.nan_to_num(weights, nan=0.0).astype(np.float32)


def _interpolated(values: Array, grid: Array, low: int) -> Array:
    """Values between pixels, linearly along both axes; NaN beyond the centres of the outer ones."""
    y, x = grid[..., 1] - low, grid[..., 0]
    found = map_coordinates(values, [y, x], order=1, mode="constant", cval=np.nan)
    return np.asarray(found, dtype=values.dtype)
