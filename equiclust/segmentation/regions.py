"""Segments as polygons in a region file for DS9, CARTA and glue."""

from __future__ import annotations

import heapq
import os
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from scipy import ndimage

from data_adapters.sky.geometry import celestial_wcs, is_galactic
from equiclust.celestial import sky_degrees, sky_positions
from equiclust.exceptions import InputError
from equiclust.io.atomic import atomic_path
from equiclust.optional import import_optional
from equiclust.segmentation.segment_map import SegmentMap
from equiclust.segmentation.segment_table import find_segments
from equiclust.typing import Float64Array
from equiclust.validation import check_whole

__all__ = ["COLOURS", "outline", "write_regions"]


COLOURS = ("cyan", "magenta", "yellow", "green", "red", "orange", "blue", "white")
"""DS9's names, in the order of the labels; the ninth label begins again."""

# Just under one half: pixels that touch at a corner are then one piece, as they are one segment.
LEVEL = 0.49

# Pixels. The outline passes no centre of a pixel more closely than 0.34.
TOLERANCE = 0.3


def write_regions(
    segment_map: SegmentMap,
    path: str | os.PathLike[str],
    *,
    min_pixels: int = 1,
    max_vertices: int = 400,
) -> None:
    """Write the outline of every segment as a polygon, coloured and named by its label.

    Written whole or not at all, over what was there. The coordinates are ICRS or, for maps in
    Galactic coordinates, Galactic; those of the image where the header has none. Holes are not cut
    out; a segment of a cube is drawn as it appears on the sky.

    Parameters
    ----------
    segment_map : SegmentMap
    path : path-like
        Usually ends in .reg.
    min_pixels : int, default 1
        Smaller segments are left out.
    max_vertices : int, default 400
        Of one polygon; see `outline`.

    Raises
    ------
    InputError
        When an argument cannot be used.
    OutputError
        When the place cannot be written to.

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from astropy.io import fits
    >>> from equiclust.segmentation import UNSURE, SegmentMap, write_regions
    >>> labels = np.full((32, 32), UNSURE, dtype=np.int16)
    >>> labels[4:20, 4:20] = 0
    >>> ones = np.ones(labels.shape, np.float32)
    >>> write_regions(SegmentMap(labels, ones, ones, fits.Header()), "labels.reg")
    >>> Path("labels.reg").read_text().count("polygon")
    1
    """
    _check_vertices(max_vertices)
    found = find_segments(segment_map.labels, min_pixels=min_pixels)
    wcs = celestial_wcs(segment_map.header)
    on_sky = None if wcs is None else _on_sky(wcs, segment_map.labels.shape[-2:])
    lines = ["# Region file format: DS9 version 4.1", _frame(wcs)]
    for number, box in enumerate(ndimage.find_objects(found.ids), start=1):
        inside = found.ids[box] == number
        if inside.ndim == 3:
            inside = inside.any(axis=0)
        if on_sky is not None:
            inside &= on_sky[box[-2:]]
            if not inside.any():
                continue
        corner = np.array([box[-1].start, box[-2].start])
        vertices = _outline(inside, max_vertices) + corner
        label = int(found.labels[number - 1])
        lines += _polygon(vertices, label, number, wcs)
    with atomic_path(path) as draft:
        draft.write_text("\n".join(lines) + "\n", encoding="ascii")


def _frame(wcs: WCS | None) -> str:
    if wcs is None:
        return "image"
    return "galactic" if is_galactic(wcs) else "icrs"


def _on_sky(wcs: WCS, shape: tuple[int, ...]) -> npt.NDArray[np.bool_] | None:
    """Pixels within the projected sky; None where that is all of the map, as its edge tells."""
    y, x = np.indices(shape)
    edge: npt.NDArray[np.bool_] = np.ones(shape, dtype=bool)
    edge[1:-1, 1:-1] = False
    if np.isfinite(sky_degrees(wcs, x[edge], y[edge])).all():
        return None
    places = np.stack(sky_degrees(wcs, x.ravel(), y.ravel()))
    return np.asarray(np.isfinite(places).all(axis=0)).reshape(shape)


def _places(vertices: Float64Array, wcs: WCS) -> SkyCoord:
    """Vertices on the sky; those beyond its edge are drawn in by a pixel."""
    x, y = vertices.T
    beyond = np.isnan(np.stack(sky_degrees(wcs, x, y))).any(axis=0, keepdims=True).T
    inwards = vertices.mean(axis=0) - vertices
    inwards /= np.maximum(np.hypot(*inwards.T), 1.0)[:, None]
    x, y = np.where(beyond, vertices + inwards, vertices).T
    return sky_positions(wcs, x, y)


def _polygon(vertices: Float64Array, label: int, number: int, wcs: WCS | None) -> list[str]:
    """One line; none where less than a triangle of the outline is on the sky."""
    if wcs is None:
        # DS9 counts pixels from 1.
        numbers = [f"{number:.3f}" for number in (vertices + 1.0).ravel()]
    else:
        places = _places(vertices, wcs)
        degrees = places if is_galactic(wcs) else places.icrs
        pairs = np.stack([degrees.spherical.lon.deg, degrees.spherical.lat.deg], axis=1)
        pairs = pairs[np.isfinite(pairs).all(axis=1)]
        numbers = [f"{number:.9f}" for number in pairs.ravel()]
    if len(numbers) < 6:
        return []
    colour = COLOURS[label % len(COLOURS)]
    tags = f"text={{{label}}} tag={{label {label}}} tag={{segment {number}}}"
    return [f"polygon({','.join(numbers)}) # color={colour} {tags}"]


def outline(inside: npt.NDArray[np.bool_], *, max_vertices: int = 400) -> Float64Array:
    """Polygon around the one piece of an image, half-way between pixels in and out.

    Up to `max_vertices` it moves by less than the distance to the next pixel's centre; then the
    vertices are those that matter most (Douglas and Peucker 1973, Cartographica 10, 112).

    Parameters
    ----------
    inside : ndarray (h, w), bool
        One piece, connected through edges or corners.
    max_vertices : int, default 400
        At least 4.

    Returns
    -------
    ndarray (n, 2), float64
        x and y in pixels from 0; the last vertex is joined to the first.

    Raises
    ------
    InputError
        When an argument cannot be used.
    """
    if inside.ndim != 2 or not inside.any():
        raise InputError(f"inside must be an image with a piece in it, got shape {inside.shape}")
    _check_vertices(max_vertices)
    return _outline(inside, max_vertices)


def _check_vertices(max_vertices: int) -> None:
    check_whole("max_vertices", max_vertices, 4)


def _outline(inside: npt.NDArray[np.bool_], max_vertices: int) -> Float64Array:
    padded = np.pad(inside, 1).astype(np.float64)
    contourpy = import_optional("contourpy", extra="maps", purpose="the outline of a segment")
    lines: Any = contourpy.contour_generator(z=padded, name="serial").lines(LEVEL)
    rings: list[Float64Array] = [line[:-1] - 1.0 for line in lines]
    # The others are holes in it.
    outer = max(rings, key=lambda ring: abs(_signed_area(ring)))
    return _simplified(outer, max_vertices)


def _signed_area(ring: Float64Array) -> float:
    x, y = (ring - ring[0]).T
    return 0.5 * float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))


def _simplified(ring: Float64Array, max_vertices: int) -> Float64Array:
    """Begins with two far vertices, and adds the farthest from the polygon one after another."""
    start = int(np.argmax(np.sum((ring - ring.mean(axis=0)) ** 2, axis=1)))
    points = np.roll(ring, -start, axis=0)
    points = np.concatenate([points, points[:1]])
    middle = int(np.argmax(np.sum((points - points[0]) ** 2, axis=1)))
    kept = {0, middle}
    todo: list[Any] = []
    for first, last in ((0, middle), (middle, len(points) - 1)):
        heapq.heappush(todo, (*_farthest(points, first, last), first, last))
    while len(kept) < max_vertices and (len(kept) < 4 or -todo[0][0] > TOLERANCE):
        _, between, first, last = heapq.heappop(todo)
        kept.add(between)
        heapq.heappush(todo, (*_farthest(points, first, between), first, between))
        heapq.heappush(todo, (*_farthest(points, between, last), between, last))
    return points[sorted(kept)]


def _farthest(points: Float64Array, first: int, last: int) -> tuple[float, int]:
    """Minus the distance from the chord of the vertex that is farthest from it, and its place."""
    if last - first < 2:
        return 0.0, first
    chord = points[last] - points[first]
    offsets = points[first + 1 : last] - points[first]
    length = float(np.hypot(*chord))
    if length > 0.0:
        distances = np.abs(offsets[:, 0] * chord[1] - offsets[:, 1] * chord[0]) / length
    else:
        distances = np.hypot(offsets[:, 0], offsets[:, 1])
    between = int(np.argmax(distances))
    return -float(distances[between]), first + 1 + between
