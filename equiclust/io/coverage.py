"""Multi-order coverage maps (MOC): which part of the sky images or the pixels of a map cover."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from equiclust.exceptions import InputError
from equiclust.optional import check_installed, import_optional
from equiclust.typing import BoolArray, Float64Array
from equiclust.validation import check_whole

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from astropy.wcs import WCS

__all__ = [
    "COVERAGE_FORMATS",
    "check_coverage_packages",
    "check_order",
    "cone_coverage",
    "footprint_coverage",
    "is_coverage",
    "order_of",
    "pixel_coverage",
    "write_coverage",
]

COVERAGE_FORMATS = {".moc.fits": "fits", ".moc.json": "json", ".moc.txt": "ascii"}
"""Endings of the files of coverage maps, and their formats."""

_EXTRA, _PURPOSE = "sky", "a coverage map (MOC)"
_MOST = 29
# Side of a cell of order 0 in degrees, that of a square of its area.
_LARGEST = math.degrees(math.sqrt(math.pi / 3.0))
# Cells of the first order that is looked at have sides of as many pixels.
_COARSE = 16.0
_OF_FRAME = 16.0
_BLOCK = 1 << 20
# A point is as far from the centre of its pixel at most, in rows or columns.
_HALF = 0.5


def is_coverage(path: Path) -> bool:
    """Whether a file is a coverage map, by the ending of its name.

    Parameters
    ----------
    path : Path
    """
    return path.name.lower().endswith(tuple(COVERAGE_FORMATS))


def check_coverage_packages() -> None:
    """Refuse long work whose end is a coverage map when its packages are missing.

    Raises
    ------
    MissingPackageError
    """
    check_installed("mocpy", "astropy_healpix", extra=_EXTRA, purpose=_PURPOSE)


def order_of(side: float) -> int:
    """The lowest order whose cells are no larger than a square of this side.

    Parameters
    ----------
    side : float
        In degrees.

    Returns
    -------
    int
        0 to 29.
    """
    return min(max(math.ceil(math.log2(_LARGEST / side)), 0), _MOST)


def check_order(order: int | None) -> None:
    """Check the order of a coverage map.

    Parameters
    ----------
    order : int or None
        0 to 29.

    Raises
    ------
    InputError
        When it is anything else.
    """
    if order is not None:
        check_whole("order", order, 0, largest=_MOST)


def cone_coverage(sky: SkyCoord, radius: float, *, order: int | None = None) -> Any:
    """Everything within a radius of any of some positions.

    Parameters
    ----------
    sky : astropy.coordinates.SkyCoord (n,)
    radius : float
        In degrees.
    order : int, optional
        Of the smallest cells, 0 to 29; by default their sides are at most an eighth of the radius.

    Returns
    -------
    mocpy.MOC
        All cells that a cone touches.
    """
    from astropy import units as u

    mocpy = import_optional("mocpy", extra=_EXTRA, purpose=_PURPOSE)
    places = sky.icrs
    return mocpy.MOC.from_cones(
        lon=places.ra, lat=places.dec, radius=radius * u.deg, union_strategy="small_cones",
        max_depth=order_of(radius / 8.0) if order is None else order, n_threads=1,
    )  # fmt: skip


def footprint_coverage(frames: list[tuple[WCS, tuple[int, int]]], *, order: int | None) -> Any:
    """Everything within the frames of any of some images.

    Parameters
    ----------
    frames : list of (WCS, (int, int))
        Celestial coordinates of each image, and its height and width in pixels.
    order : int or None
        Of the smallest cells, 0 to 29; None = their sides are at most a sixteenth of the shorter
        side of the frame.

    Returns
    -------
    mocpy.MOC
        All cells that a frame touches.

    Raises
    ------
    InputError
        When a corner of a frame lies beyond the projected sky.
    """
    from equiclust.celestial import sky_positions

    mocpy = import_optional("mocpy", extra=_EXTRA, purpose=_PURPOSE)
    found = mocpy.MOC.new_empty(0)
    by_order: dict[int, list[Any]] = {}
    for wcs, (height, width) in frames:
        along = np.linspace(0.0, 1.0, 5)[:-1]
        rim = np.concatenate([along, np.ones(4), 1.0 - along, np.zeros(4)])
        x, y = rim * width - _HALF, np.roll(rim, 4) * height - _HALF
        corners = sky_positions(wcs, x, y).icrs
        if not np.isfinite(corners.ra.deg).all():
            raise InputError(
                "order cannot be used for images whose frame lies partly beyond the projected sky"
            )
        depth = order_of(_side(wcs) * min(height, width) / _OF_FRAME) if order is None else order
        by_order.setdefault(depth, []).append(corners)
    for depth, polygons in by_order.items():
        parts = mocpy.MOC.from_polygons(polygons, max_depth=depth, n_threads=1)
        found = parts[0].union(*parts[1:], found) if len(parts) > 1 else parts[0].union(found)
    return found


def _side(wcs: WCS) -> float:
    """Shorter side of a pixel in degrees, where the projection begins."""
    from astropy.wcs.utils import proj_plane_pixel_scales

    return float(np.min(proj_plane_pixel_scales(wcs)))


def pixel_coverage(wcs: WCS, inside: BoolArray, *, order: int | None = None) -> Any:
    """The part of the sky that some pixels of a map cover.

    A cell of the highest order belongs to the pixel in which its centre lies. So coverage maps of
    the labels of one map have no cell in common, and their area has no bias.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Two celestial axes.
    inside : ndarray (h, w), bool
        Which pixels.
    order : int, optional
        Of the smallest cells, 0 to 29; by default their sides are at most half a pixel.

    Returns
    -------
    mocpy.MOC
        Empty where no pixel is inside, or none lies on the sky.
    """
    mocpy = import_optional("mocpy", extra=_EXTRA, purpose=_PURPOSE)
    last = order_of(0.5 * _side(wcs)) if order is None else order
    first = min(last, order_of(_COARSE * _side(wcs)))
    pixels = _Pixels(wcs, inside)
    found = mocpy.MOC.new_empty(last)
    cells = _touched(wcs, inside, first)
    for depth in range(first, last + 1):
        whole, cells = pixels.sorted(cells, depth, last=depth == last)
        if len(whole):
            depths = np.full(len(whole), depth, dtype=np.uint8)
            found = found.union(mocpy.MOC.from_healpix_cells(whole, depths, max_depth=last))
        cells = (4 * cells[:, None] + np.arange(4, dtype=np.uint64)).ravel()
    return found


def _touched(wcs: WCS, inside: BoolArray, depth: int) -> Any:
    """Cells of one order in which, or beside which, the centre of a pixel inside lies."""
    from equiclust.celestial import sky_positions

    healpix = import_optional("astropy_healpix.core", extra=_EXTRA, purpose=_PURPOSE)
    found: list[Any] = []
    rows = max(1, _BLOCK // inside.shape[1])
    for start in range(0, inside.shape[0], rows):
        y, x = np.nonzero(inside[start : start + rows])
        places = sky_positions(wcs, x.astype(float), y + float(start)).icrs
        known = np.isfinite(places.ra.deg)
        places = places[known]
        if known.any():
            cells = healpix.lonlat_to_healpix(places.ra, places.dec, 1 << depth, order="nested")
            found.append(np.unique(cells))
    if not found:
        return np.zeros(0, dtype=np.uint64)
    cells = np.unique(np.concatenate(found))
    with np.errstate(invalid="ignore"):
        # Some cells have seven of them.
        beside = healpix.neighbours(cells, 1 << depth, order="nested")
    return np.unique(np.concatenate([cells, beside[beside >= 0]])).astype(np.uint64)


class _Pixels:
    """Which cells lie wholly inside, wholly outside, or on the edge of some pixels of a map."""

    def __init__(self, wcs: WCS, inside: BoolArray) -> None:
        from equiclust.celestial import celestial_frame

        self._wcs, self._frame = wcs, celestial_frame(wcs)
        self._inside = np.pad(inside, 1)
        # How many rows or columns it is to a pixel of the other sort.
        distances = [
            ndimage.distance_transform_cdt(one, metric="chessboard")
            for one in (self._inside, ~self._inside)
        ]
        self._to_edge = np.maximum(*distances)

    def sorted(self, cells: Any, depth: int, *, last: bool) -> tuple[Any, Any]:
        """Cells wholly inside, and those of which that is not known; none of these at the last."""
        whole, unknown = [cells[:0]], [cells[:0]]
        for start in range(0, len(cells), _BLOCK):
            block = cells[start : start + _BLOCK]
            is_inside, is_known = self._look(block, depth, last=last)
            whole.append(block[is_inside & is_known])
            unknown.append(block[~is_known])
        return np.concatenate(whole), np.concatenate(unknown)

    def _look(self, cells: Any, depth: int, *, last: bool) -> tuple[BoolArray, BoolArray]:
        x, y = self._places(cells, depth, 0.5, 0.5)
        height, width = self._inside.shape
        # Of the padded map; what is not on the sky is outside.
        on_sky = np.isfinite(x) & np.isfinite(y)
        column = np.clip(np.where(on_sky, np.rint(x), -1) + 1, 0, width - 1).astype(np.intp)
        row = np.clip(np.where(on_sky, np.rint(y), -1) + 1, 0, height - 1).astype(np.intp)
        is_inside = self._inside[row, column] & on_sky
        if last:
            return is_inside, np.ones(len(cells), dtype=bool)
        reach = np.zeros(len(cells))
        for dx, dy in ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)):
            across, up = self._places(cells, depth, dx, dy)
            step = np.maximum(np.abs(across - x), np.abs(up - y))
            reach = np.maximum(reach, np.where(np.isfinite(step), step, np.inf))
        beyond = np.maximum(np.abs(x + 1 - column), np.abs(y + 1 - row))
        distance = self._to_edge[row, column] + np.where(beyond > _HALF, beyond - 1.0, 0.0)
        # The sides of a cell are bent; and a point belongs to the pixel about it.
        return is_inside, np.asarray(distance - 1.0 > 1.25 * reach + _HALF, dtype=bool)

    def _places(self, cells: Any, depth: int, dx: float, dy: float) -> tuple[Any, Any]:
        """Pixel coordinates of a point of every cell."""
        from astropy.coordinates import SkyCoord

        healpix = import_optional("astropy_healpix.core", extra=_EXTRA, purpose=_PURPOSE)
        lon, lat = healpix.healpix_to_lonlat(
            cells.astype(np.int64), 1 << depth, dx=np.full(len(cells), dx),
            dy=np.full(len(cells), dy), order="nested",
        )  # fmt: skip
        if self._frame.name != "icrs":
            sky = SkyCoord(lon, lat, frame="icrs").transform_to(self._frame).spherical
            lon, lat = sky.lon, sky.lat
        return self._turned(*self._wcs_pixels(lon.to_value("deg"), lat.to_value("deg")))

    def _wcs_pixels(self, longitude: Float64Array, latitude: Float64Array) -> tuple[Any, Any]:
        world = [longitude, latitude]
        if self._wcs.wcs.lng == 1:
            world.reverse()
        if not len(longitude):
            return longitude, latitude
        x, y = self._wcs.all_world2pix(*world, 0, quiet=True)
        return x, y

    def _turned(self, x: Any, y: Any) -> tuple[Any, Any]:
        """A plate carree goes on after a full turn: the copy that is next to the map's middle."""
        wcs = self._wcs.wcs
        if not wcs.ctype[wcs.lng].endswith("-CAR") or self._wcs.has_distortion:
            return x, y
        steps = np.abs(self._wcs.pixel_scale_matrix)
        if np.count_nonzero(steps) != 2 or wcs.lng != 0 or steps[0, 0] == 0.0:
            return x, y
        turn = 360.0 / steps[0, 0]
        middle = 0.5 * (self._inside.shape[1] - 3)
        return x - turn * np.round((x - middle) / turn), y


def write_coverage(moc: Any, path: Path) -> None:
    """Write a coverage map.

    Parameters
    ----------
    moc : mocpy.MOC
    path : Path
        Its ending tells the format, see `COVERAGE_FORMATS`. Replaced.
    """
    form = next(form for end, form in COVERAGE_FORMATS.items() if path.name.lower().endswith(end))
    moc.save(str(path), format=form, overwrite=True)
