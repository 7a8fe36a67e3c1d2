"""`Placement`: which pixels of which images make every stamp."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from equiclust.cutouts.pixel_grids import field_of, pixels_of, pixels_of_pixels, unit_vectors
from equiclust.cutouts.sources import Sources
from equiclust.cutouts.survey_images import Survey, Tile
from equiclust.exceptions import InputError
from equiclust.typing import Array, Float64Array, IntArray

__all__ = ["OFFSET_TOLERANCE", "Left", "Pieces", "Placement", "place_stamps"]

OFFSET_TOLERANCE = 1e-3
"""Pixels by which two grids may be apart from a whole number and are still taken for one."""

# Pixels by which rounding may move a source that lies just between two places of its stamp.
_ROUNDING = 1e-6


class Left(NamedTuple):
    """A source that gets no stamp.

    Attributes
    ----------
    row : int
        In the catalogue, from 0.
    band : str
        Band that is missing; empty for all.
    reason : str
    """

    row: int
    band: str
    reason: str


class Pieces(NamedTuple):
    """Parts of images that stamps are made of, one a row.

    Attributes
    ----------
    row : ndarray (m,), int64
        Row of the source in the catalogue.
    tile : ndarray (m,), int64
        Number of the tile.
    corner : ndarray (m, 2), int64
        Row and column of the tile at which the stamp begins, also outside of it.
    rank : ndarray (m,), int64
        0 for the tile of a band that is used first; the others fill what it lacks.
    resampled : ndarray (m,), bool
        Whether the pixels of the tile lie otherwise than those of the stamp.
    """

    row: IntArray
    tile: IntArray
    corner: IntArray
    rank: IntArray
    resampled: Array

    def take(self, chosen: Array | slice) -> Pieces:
        """Some of the pieces.

        Parameters
        ----------
        chosen : ndarray or slice
            Indices, or `True` for those to take.

        Returns
        -------
        Pieces
        """
        return Pieces(*(column[chosen] for column in self))


@dataclass(frozen=True, eq=False)
class Placement:
    """Where all stamps lie.

    Parameters
    ----------
    rows : ndarray (n,), int64
        Rows of the sources that get a stamp, by their home tiles and then from below.
    home : ndarray (n,), int64
        Tile of the first band whose pixel grid a stamp has.
    corner : ndarray (n, 2), int64
        Row and column of that tile at which it begins.
    size : ndarray (n,), int64
        Side in pixels.
    pieces : Pieces
        By `rows`.
    first : ndarray (n + 1,), int64
        First piece of every stamp.
    left : tuple of Left
        Sources that get none.
    """

    rows: IntArray
    home: IntArray
    corner: IntArray
    size: IntArray
    pieces: Pieces
    first: IntArray
    left: tuple[Left, ...]


def place_stamps(
    sources: Sources, sizes: IntArray, survey: Survey, *, resample: bool = False
) -> Placement:
    """Find the pixels of all stamps.

    Parameters
    ----------
    sources : Sources
    sizes : ndarray (n,), int64
        Sides of the stamps in pixels; 0 where it is out of range.
    survey : Survey
    resample : bool, default False
        Whether images on other pixel grids are interpolated.

    Returns
    -------
    Placement

    Raises
    ------
    InputError
        When the bands of a source have different pixel grids and `resample` is False, or pixel
        positions are given for several images.
    """
    finder = _Finder(sources, sizes, survey)
    home, pixels = finder.homes()
    placed = np.flatnonzero(home >= 0)
    corner: IntArray = np.nan_to_num(_corners(pixels, sizes)[:, ::-1]).astype(np.int64)
    pieces = finder.pieces(home, corner)
    pieces, missing = _chosen(pieces, finder, placed, resample)
    kept = np.setdiff1d(placed, [one.row for one in missing])
    order = np.lexsort((corner[kept, 1], corner[kept, 0], home[kept]))
    kept = kept[order]
    left = sorted([*finder.unplaced(home), *missing])
    position = np.full(len(sources), -1, dtype=np.int64)
    position[kept] = np.arange(len(kept))
    pieces = pieces.take(position[pieces.row] >= 0)
    at = position[pieces.row]
    pieces = pieces.take(np.lexsort((pieces.tile, pieces.rank, at)))
    first = np.searchsorted(position[pieces.row], np.arange(len(kept) + 1))
    return Placement(kept, home[kept], corner[kept], sizes[kept], pieces, first, tuple(left))


@dataclass
class _Finder:
    sources: Sources
    sizes: IntArray
    survey: Survey

    def __post_init__(self) -> None:
        self.positions = self.sources.positions
        self.usable = np.isfinite(self.positions).all(axis=1) & (self.sizes > 0)
        self.apart: dict[int, dict[int, float]] = {}
        if self.sources.in_pixels:
            self._check_pixel_images()
            self.near = {tile.number: np.flatnonzero(self.usable) for tile in self.survey.tiles}
        else:
            self.near = dict(self._near())

    def _check_pixel_images(self) -> None:
        counts = [len(self.survey.of_band(k)) for k in range(len(self.survey.bands))]
        if max(counts) > 1:
            raise InputError(
                f"pixel positions (x, y) are of one image, got {max(counts)} images of one band; "
                "give ra and dec"
            )
        shapes = {tile.shape for tile in self.survey.tiles}
        known = [tile.sky.wcs is not None for tile in self.survey.tiles]
        if not all(known) and len(shapes) > 1:
            raise InputError(
                f"images without coordinates must have one shape, got {sorted(shapes)}"
            )

    def _near(self) -> Iterator[tuple[int, IntArray]]:
        """Sources that may lie in each tile or close to it."""
        rows = np.flatnonzero(self.usable)
        tree = cKDTree(unit_vectors(self.positions[rows])) if len(rows) else None
        widest = int(self.sizes.max(initial=0))
        for tile in self.survey.tiles:
            if tile.sky.wcs is None:
                raise InputError(
                    f"{tile.path}: it has no coordinates, so that ra and dec have no place in it; "
                    "give pixel positions (x, y), or leave it out"
                )
            centre, radius = field_of(tile.sky.wcs, tile.shape)
            reach = min(180.0, radius + 1.5 * widest * tile.scale)
            chord = 2.0 * np.sin(np.deg2rad(reach) / 2.0)
            found = [] if tree is None else tree.query_ball_point(centre, chord)
            yield tile.number, np.sort(rows[np.asarray(found, dtype=np.int64)])

    def homes(self) -> tuple[IntArray, Float64Array]:
        """Tile of the first band in which each source lies deepest, or -1, and its pixel there."""
        n = len(self.sources)
        home, pixels = np.full(n, -1, dtype=np.int64), np.full((n, 2), np.nan)
        depth = np.full(n, -np.inf)
        for tile in self.survey.of_band(0):
            rows = self.near[tile.number]
            found = self._pixels(tile, rows)
            corner = _corners(found, self.sizes[rows])
            inside = _depths(found, tile)
            better = _overlaps(corner, self.sizes[rows], tile) & (inside > depth[rows])
            home[rows[better]] = tile.number
            depth[rows[better]], pixels[rows[better]] = inside[better], found[better]
        return home, pixels

    def _pixels(self, tile: Tile, rows: IntArray) -> Float64Array:
        if self.sources.in_pixels:
            return self.positions[rows]
        # Without it the tile has been refused.
        return pixels_of(tile.sky.wcs, self.positions[rows])

    def pieces(self, home: IntArray, corner: IntArray) -> Pieces:
        """All tiles that each stamp touches, with their depths as ranks to be sorted by."""
        found: list[tuple[Array, ...]] = []
        for tile in self.survey.tiles:
            near = self.near[tile.number]
            near = near[home[near] >= 0]
            for number in np.unique(home[near]):
                rows = near[home[near] == number]
                found.append(self._pieces_of(tile, self.survey.tiles[number], rows, corner))
        if not found:
            empty = np.zeros(0, np.int64)
            return Pieces(empty, empty, np.zeros((0, 2), np.int64), empty, np.zeros(0, bool))
        return Pieces(*(np.concatenate(part) for part in zip(*found, strict=True)))

    def _pieces_of(
        self, tile: Tile, home: Tile, rows: IntArray, corner: IntArray
    ) -> tuple[Array, ...]:
        """Of stamps on the grid of `home`, those that touch `tile`."""
        size, corners = self.sizes[rows], corner[rows]
        if tile is home:
            depth = np.full(len(rows), np.inf)
            return self._found(tile, rows, corners, depth, np.zeros(len(rows)))
        steps = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.5, 0.5]])
        places = corners[:, None, ::-1] + steps * (size[:, None, None] - 1.0)
        flat = places.reshape(-1, 2)
        there = pixels_of_pixels(home.sky.wcs, tile.sky.wcs, flat[:, 0], flat[:, 1])
        there = there.reshape(places.shape)
        shift = np.rint(there[:, 4] - places[:, 4])
        apart = np.abs(there - places - shift[:, None]).max(axis=(1, 2))
        known = np.isfinite(apart)
        rows, corners, there, apart = rows[known], corners[known], there[known], apart[known]
        begins = corners + shift[known, ::-1].astype(np.int64)
        depth = _depths(there[:, 4], tile)
        touches = _overlaps(begins[:, ::-1], size[known], tile)
        spread = np.stack([there.min(axis=1), there.max(axis=1)])
        other = apart >= OFFSET_TOLERANCE
        touches[other] = _boxes_touch(spread[:, other], tile)
        begins, depth, apart = begins[touches], depth[touches], apart[touches]
        return self._found(tile, rows[touches], begins, depth, apart)

    def _found(
        self, tile: Tile, rows: IntArray, corners: IntArray, depth: Array, apart: Array
    ) -> tuple[Array, ...]:
        other = apart >= OFFSET_TOLERANCE
        pairs = zip(rows[other].tolist(), apart[other].tolist(), strict=True)
        self.apart.setdefault(tile.number, {}).update(pairs)
        number = np.full(len(rows), tile.number, dtype=np.int64)
        return rows, number, corners, depth, other

    def unplaced(self, home: IntArray) -> Iterator[Left]:
        """Why sources have no home."""
        for row in np.flatnonzero(home < 0).tolist():
            if not np.isfinite(self.positions[row]).all():
                yield Left(row, "", "its position is missing or is none")
            elif self.sizes[row] <= 0:
                yield Left(row, "", "its size is missing or out of range")
            else:
                yield Left(row, self.survey.bands[0], "no image covers it")


def _chosen(
    pieces: Pieces, finder: _Finder, placed: IntArray, resample: bool
) -> tuple[Pieces, list[Left]]:
    """The pieces that are used, ranked within bands, and sources that a band does not cover."""
    survey = finder.survey
    band = np.array([tile.band for tile in survey.tiles])[pieces.tile]
    if not resample:
        pieces, band = pieces.take(~pieces.resampled), band[~pieces.resampled]
    ranks = np.zeros(len(band), dtype=np.int64)
    order = np.lexsort((pieces.tile, -pieces.rank, pieces.resampled, band, pieces.row))
    new = np.ones(len(order), dtype=bool)
    keys = np.stack([pieces.row[order], band[order]])
    new[1:] = (keys[:, 1:] != keys[:, :-1]).any(axis=0)
    starts = np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))
    ranks[order] = np.arange(len(order)) - starts
    missing = []
    for k, name in enumerate(survey.bands):
        gone = np.setdiff1d(placed, pieces.row[band == k])
        if len(gone) and not resample:
            _check_grids(finder, k, gone)
        missing += [Left(row, name, "no image covers it") for row in gone.tolist()]
    # A source is listed once, with the first band that it lacks.
    first = {one.row: one for one in reversed(missing)}
    return pieces._replace(rank=ranks), list(first.values())


def _check_grids(finder: _Finder, band: int, gone: IntArray) -> None:
    for tile in finder.survey.of_band(band):
        apart = finder.apart.get(tile.number, {})
        row = next((one for one in gone.tolist() if one in apart), None)
        if row is not None:
            name, first = finder.survey.bands[band], finder.survey.bands[0]
            raise InputError(
                f"{tile.path}: the pixels of band {name!r} lie otherwise than those of {first!r} "
                f"({apart[row]:.2g} pixels off at {str(finder.sources.ids[row])!r}); say "
                "--resample to have them interpolated"
            )


def _corners(pixels: Float64Array, sizes: IntArray) -> Float64Array:
    """First pixels along both axes, as `astropy.nddata.Cutout2D` has them."""
    return np.ceil(pixels - sizes[:, None] / 2.0 - _ROUNDING)


def _depths(pixels: Float64Array, tile: Tile) -> Float64Array:
    """Distances of places from the nearest edge in pixels, negative outside."""
    height, width = tile.shape
    x, y = pixels.T
    depth = np.minimum.reduce([x + 0.5, y + 0.5, width - 0.5 - x, height - 0.5 - y])
    return np.where(np.isfinite(depth), depth, -np.inf)


def _overlaps(corner_xy: Array, size: IntArray, tile: Tile) -> Array:
    height, width = tile.shape
    begin, end = corner_xy, corner_xy + size[:, None]
    inside = (begin < np.array([width, height])) & (end > 0)
    return np.asarray(inside.all(axis=1))


def _boxes_touch(spread: Float64Array, tile: Tile) -> Array:
    height, width = tile.shape
    low, high = spread
    return np.asarray(((low < np.array([width, height]) - 0.5) & (high > -0.5)).all(axis=1))
