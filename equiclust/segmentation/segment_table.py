"""Segments: the connected pieces of one label, found and measured."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from astropy import units as u
from astropy.coordinates import CartesianRepresentation, SkyCoord, UnitSphericalRepresentation
from astropy.io import fits
from astropy.table import Column, Table
from astropy.wcs import WCS
from scipy import ndimage

from data_adapters.sky.geometry import (
    beam_solid_angle,
    celestial_wcs,
    is_galactic,
    pixel_solid_angles,
)
from data_adapters.sky.spectral import spectral_axis
from data_adapters.units import is_logarithmic, parse_unit
from equiclust import __version__
from equiclust.argument_types import checks_types
from equiclust.celestial import sky_positions
from equiclust.exceptions import InputError
from equiclust.io.ucds import add_ucds
from equiclust.segmentation.segment_map import SegmentMap
from equiclust.typing import Array, Float64Array
from equiclust.validation import check_whole

__all__ = ["Segments", "find_segments", "segments"]


class Segments(NamedTuple):
    """Connected pieces of one label.

    Parameters
    ----------
    ids : ndarray (h, w) or (g, h, w), int32
        Number of the piece that a pixel is in, from 1; 0 = in none.
    labels : ndarray (n,), int16
        Label of every piece.
    """

    ids: npt.NDArray[np.int32]
    labels: npt.NDArray[np.int16]


@checks_types
def find_segments(labels: npt.NDArray[np.int16], *, min_pixels: int = 1) -> Segments:
    """Find the connected pieces of every label from 0, through edges and corners of pixels.

    Parameters
    ----------
    labels : ndarray (h, w) or (g, h, w), int16
        Those below 0 are no clusters and have no pieces. A cube is searched in three dimensions.
    min_pixels : int, default 1
        Smaller pieces are left out.

    Returns
    -------
    Segments
        By label, then the largest first.

    Raises
    ------
    InputError
        When an argument cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust.segmentation import UNSURE, find_segments
    >>> labels = np.full((16, 16), UNSURE, dtype=np.int16)
    >>> labels[1:4, 1:4] = 0
    >>> labels[8:12, 8:12] = 0
    >>> labels[0, 15] = 1
    >>> found = find_segments(labels, min_pixels=2)
    >>> found.labels, np.bincount(found.ids.ravel())
    (array([0, 0], dtype=int16), array([231, 16, 9]))
    """
    if labels.ndim not in (2, 3):
        raise InputError(f"labels must have two or three axes, got shape {labels.shape}")
    check_whole("min_pixels", min_pixels)
    ids = np.zeros(labels.shape, dtype=np.int32)
    found: list[int] = []
    for label in range(int(labels.max(initial=-1)) + 1):
        pieces, n = ndimage.label(labels == label, np.ones((3,) * labels.ndim))
        sizes = np.bincount(pieces.ravel(), minlength=n + 1)[1:]
        order = np.argsort(-sizes, kind="stable")
        order = order[sizes[order] >= min_pixels]
        numbers = np.zeros(n + 1, dtype=np.int32)
        numbers[order + 1] = len(found) + 1 + np.arange(len(order))
        ids += numbers[pieces]
        found += [label] * len(order)
    return Segments(ids, np.array(found, dtype=np.int16))


class _Members(NamedTuple):
    """Every pixel in a segment: its segment from 0, its place, and the number of segments."""

    segment: Array
    place: tuple[Array, ...]
    n: int

    def _counts(self, weights: Array) -> Float64Array:
        return np.bincount(self.segment, weights, minlength=self.n).astype(np.float64)

    def sums(self, values: Array) -> Float64Array:
        """Sum of the finite values of every segment."""
        return self._counts(np.where(np.isfinite(values), values, 0.0))

    def means(self, values: Array) -> Float64Array:
        """Mean of the finite values of every segment; NaN where there is none."""
        count = self._counts(np.isfinite(values))
        means = np.full(self.n, np.nan)
        np.divide(self.sums(values), count, out=means, where=count > 0)
        return means

    def lowest(self, values: Array) -> Float64Array:
        """Lowest finite value of every segment; NaN where there is none."""
        found = np.full(self.n, np.inf)
        np.minimum.at(found, self.segment, np.where(np.isfinite(values), values, np.inf))
        return np.where(np.isfinite(found), found, np.nan)

    def highest(self, values: Array) -> Float64Array:
        """Highest finite value of every segment; NaN where there is none."""
        return -self.lowest(-values)


def segments(segment_map: SegmentMap, data: npt.ArrayLike, *, min_pixels: int = 1) -> Table:
    """Catalogue of the connected pieces of every label; see `find_segments`.

    Parameters
    ----------
    segment_map : SegmentMap
    data : array-like of the shape of the labels
        What was segmented, in `segment_map.unit`. What is not finite is left out of sums.
    min_pixels : int, default 1
        Smaller pieces are left out.

    Returns
    -------
    astropy.table.Table
        One row a segment: id (as in `find_segments`), label, n_pixels; x and y of the centroid,
        every pixel counting alike, in pixels from 0; flux, mean and membership. Where the header
        has celestial coordinates, area in sr (of a cube's segment, what it covers of the sky), ra
        and dec in degrees (ICRS), for maps in Galactic coordinates glon and glat too. For cubes
        channel_low and channel_high, counted from 0. velocity_low and velocity_high where known.

        The flux of data per beam or per solid angle is their integral over the sky, when beam and
        coordinates are known; else, as its description says, their sum. Channels are added up,
        not multiplied by their width.

    Raises
    ------
    InputError
        When `data` does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.io import fits
    >>> from equiclust.segmentation import SegmentMap, segments
    >>> labels = np.zeros((16, 16), np.int16)
    >>> labels[4:12, 4:12] = 1
    >>> ones = np.ones(labels.shape, np.float32)
    >>> segment_map = SegmentMap(labels, ones, ones, fits.Header(), unit="Jy")
    >>> table = segments(segment_map, 2.0 * ones)
    >>> table["label", "n_pixels", "x", "y", "flux"].pprint()
    label n_pixels  x   y   flux
                   pix pix   Jy
    ----- -------- --- --- -----
        0      192 7.5 7.5 384.0
        1       64 7.5 7.5 128.0
    """
    values = np.asarray(data)
    if values.shape != segment_map.labels.shape:
        raise InputError(
            f"data must have the shape of the labels, {segment_map.labels.shape}, "
            f"got {values.shape}"
        )
    found = find_segments(segment_map.labels, min_pixels=min_pixels)
    place = np.nonzero(found.ids)
    members = _Members(found.ids[place] - 1, place, len(found.labels))
    wcs = celestial_wcs(segment_map.header)
    areas = None if wcs is None else pixel_solid_angles(wcs, values.shape[-2:])
    table = Table(meta={"CREATOR": f"equiclust {__version__}"})
    _add_pixels(table, members, found.labels)
    if wcs is not None and areas is not None:
        _add_sky(table, members, wcs, areas)
    _add_values(table, members, values[place], segment_map, areas)
    _add_velocities(table, members, segment_map)
    return add_ucds(table)


def _add(table: Table, name: str, values: Array, description: str, unit: Any = None) -> None:
    table[name] = Column(values, description=description, unit=unit)


def _add_pixels(table: Table, members: _Members, labels: npt.NDArray[np.int16]) -> None:
    y, x = members.place[-2:]
    _add(table, "id", np.arange(1, members.n + 1, dtype=np.int32), "number of the segment")
    _add(table, "label", labels, "cluster from 0")
    sizes = np.bincount(members.segment, minlength=members.n).astype(np.int64)
    _add(table, "n_pixels", sizes, "pixels, those of all channels")
    _add(table, "x", members.means(x), "column of the centroid, from 0", u.pix)
    _add(table, "y", members.means(y), "row of the centroid, from 0", u.pix)


def _add_sky(table: Table, members: _Members, wcs: WCS, areas: Float64Array) -> None:
    _add(table, "area", _footprints(members, areas), "what it covers of the sky", u.sr)
    centre = _centroids(members, wcs)
    _add(table, "ra", centre.icrs.ra.deg, "right ascension of the centroid, ICRS", u.deg)
    _add(table, "dec", centre.icrs.dec.deg, "declination of the centroid, ICRS", u.deg)
    if is_galactic(wcs):
        _add(table, "glon", centre.l.deg, "Galactic longitude of the centroid", u.deg)
        _add(table, "glat", centre.b.deg, "Galactic latitude of the centroid", u.deg)


def _centroids(members: _Members, wcs: WCS) -> SkyCoord:
    """Direction of the mean of the pixels' unit vectors: there are no edges at 0 degrees or poles.

    Of a segment all around the sky it may be anywhere; pixels beyond the sky are left out.
    """
    y, x = members.place[-2:]
    places = sky_positions(wcs, x, y)
    vectors = [members.means(axis) for axis in places.cartesian.xyz.value]
    mean = CartesianRepresentation(vectors).represent_as(UnitSphericalRepresentation)
    return SkyCoord(mean, frame=places.frame.replicate_without_data())


def _footprints(members: _Members, areas: Float64Array) -> Float64Array:
    """Every pixel of the sky counts once, in however many channels a segment has it."""
    flat = np.ravel_multi_index(members.place[-2:], areas.shape)
    if len(members.place) == 2:
        return members.sums(areas.ravel()[flat])
    segment, pixel = np.divmod(
        np.unique(members.segment.astype(np.int64) * areas.size + flat), areas.size
    )
    return members._replace(segment=segment).sums(areas.ravel()[pixel])


def _add_values(
    table: Table,
    members: _Members,
    values: Array,
    segment_map: SegmentMap,
    areas: Float64Array | None,
) -> None:
    unit = parse_unit(segment_map.unit)
    share, flux_unit, what = _integral(unit, segment_map, areas)
    stated = f", in {segment_map.unit}" if segment_map.unit and unit is None else ""
    y, x = members.place[-2:]
    fluxes = members.sums(values if share is None else values * share[y, x])
    fluxes[np.isnan(members.means(values)) | is_logarithmic(segment_map.unit)] = np.nan
    _add(table, "flux", fluxes, what + stated, flux_unit)
    _add(table, "mean", members.means(values), "mean of the data" + stated, unit)
    membership = members.means(segment_map.membership[members.place])
    _add(table, "membership", membership, "mean membership of the pixels in the cluster, 0 to 1")


def _integral(
    unit: Any, segment_map: SegmentMap, areas: Float64Array | None
) -> tuple[Float64Array | None, Any, str]:
    """What the data is multiplied by before it is summed, the unit then, and a description."""
    if is_logarithmic(segment_map.unit):
        return None, unit, "none, since logarithms are not summed"
    if unit is None or areas is None:
        return None, unit, "sum of the data"
    powers = dict(zip(unit.bases, unit.powers, strict=True))
    if powers.get(u.beam) == -1 and segment_map.beam is not None:
        beam_area = beam_solid_angle(segment_map.beam)
        return areas / beam_area, unit * u.beam, "sum of the data over the area of the beam"
    per_angle = math.prod(
        (base**power for base, power in powers.items() if base.is_equivalent(u.rad)),
        start=u.dimensionless_unscaled,
    )
    per_angle *= u.sr ** powers.get(u.sr, 0)
    if per_angle.is_equivalent(u.sr**-1):
        factor = float((per_angle * u.sr).to(u.dimensionless_unscaled))
        return areas * factor, unit / per_angle, "integral of the data over the sky"
    return None, unit, "sum of the data"


def _add_velocities(table: Table, members: _Members, segment_map: SegmentMap) -> None:
    if segment_map.labels.ndim == 3:
        channel = members.place[0]
        low, high = members.lowest(channel), members.highest(channel)
        _add(table, "channel_low", low.astype(np.int32), "first channel, from 0")
        _add(table, "channel_high", high.astype(np.int32), "last channel, from 0")
        found = _channel_values(segment_map.header, segment_map.labels.shape[0])
        if found is None:
            return
        values, kind, unit = found
        lows: Array = values[channel]
        highs: Array = lows
    elif segment_map.velocity_low is not None and segment_map.velocity_high is not None:
        lows, highs = (
            array[members.place] for array in (segment_map.velocity_low, segment_map.velocity_high)
        )
        kind, unit = segment_map.spectral_kind, parse_unit(segment_map.velocity_unit)
    else:
        return
    _add(table, f"{kind}_low", members.lowest(lows), f"lowest {kind}", unit)
    _add(table, f"{kind}_high", members.highest(highs), f"highest {kind}", unit)


def _channel_values(header: fits.Header, n_channels: int) -> tuple[Float64Array, str, Any] | None:
    """Middle of every channel, what it is and its unit; None when the header does not tell.

    In km/s where the header tells how, else as its axis counts.
    """
    axis = spectral_axis(header, 3, n_channels, Path("cube of labels"))
    if axis is None:
        return None
    velocities = axis.velocities(axis.values)
    if velocities is not None:
        return velocities, "velocity", u.km / u.s
    return axis.values, axis.kind, parse_unit(axis.unit)
