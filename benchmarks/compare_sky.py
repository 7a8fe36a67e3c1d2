"""Fluxes, areas, velocities and centroids of segments, by us and by other packages.

The references are photutils (sums and centroids over segments), reproject (solid angles of pixels
as spherical polygons), spectral-cube (channels in km/s, integrated maps, beams) and astropy, each
of which reads the file by itself.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy import units as u
from astropy.coordinates import SkyCoord, Supergalactic
from astropy.io import fits
from astropy.table import Table as Catalogue
from astropy.wcs import WCS
from scipy import ndimage

from benchmarks.astropy_reference import FloatArray, axes_of, cube_of, wcs_of
from benchmarks.given_labels import segment_by
from benchmarks.skies import SKIES, write_sky
from benchmarks.tables import Table
from data_adapters.sky import SkyMap, moment_maps, open_sky_map
from equiclust.segmentation.planes import open_planes
from equiclust.segmentation.segment_map import MASKED, SegmentMap
from equiclust.segmentation.segment_table import find_segments, segments

__all__ = ["compare_sky_table"]

MIN_PIXELS = 12
SPELLINGS = {"MJY/SR": "MJy/sr", "Jy/Beam": "Jy/beam"}
COLUMNS = ("flux", "area", "centroid / pixel", "centroid / arcsec", "velocity", "moment 0")


@dataclass
class Reference:
    """A file as astropy alone reads it."""

    values: FloatArray
    """`(channel, row, column)`."""
    wcs: WCS

    @classmethod
    def read(cls, path: Path) -> Reference:
        with fits.open(path, do_not_scale_image_data=True, memmap=False) as hdus:
            wcs = wcs_of(hdus[0], hdus)
            return cls(cube_of(hdus[0], wcs), wcs)

    def sky(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Longitude and latitude in degrees of pixels, by all axes together."""
        first, second = axes_of(self.wcs).sky
        kinds, matrix = list(self.wcs.wcs.ctype), self.wcs.pixel_scale_matrix
        if kinds == ["GLON-CAR", "GLAT-CAR"] and self.wcs.wcs.crval[1] == 0.0:
            # By definition, where wcslib ends after half a turn.
            middle = self.wcs.wcs.crpix - 1.0
            lon = self.wcs.wcs.crval[0] + matrix[0, 0] * (x - middle[0])
            return lon, np.clip(matrix[1, 1] * (y - middle[1]), -90.0, 90.0)
        pixels = np.zeros((x.size, self.wcs.naxis))
        pixels[:, first], pixels[:, second] = x.ravel(), y.ravel()
        world = self.wcs.all_pix2world(pixels, 0)
        lng, lat = self.wcs.wcs.lng, self.wcs.wcs.lat
        return world[:, lng].reshape(x.shape), world[:, lat].reshape(x.shape)

    def directions(self, x: FloatArray, y: FloatArray) -> SkyCoord:
        """Of pixels, ICRS."""
        lon, lat = (np.radians(part) for part in self.sky(x, y))
        kind = self.wcs.wcs.ctype[self.wcs.wcs.lng][:4]
        frames: dict[str, Any] = {
            "GLON": "galactic",
            "SLON": Supergalactic(),
            "ELON": "barycentricmeanecliptic",
        }
        frame = frames.get(kind)
        if frame is None:
            name = (self.wcs.wcs.radesys or "ICRS").lower()
            equinox = f"{'B' if name == 'fk4' else 'J'}{self.wcs.wcs.equinox}"
            more = {} if name == "icrs" else {"equinox": equinox}
            return SkyCoord(lon, lat, unit="rad", frame=name, **more).icrs
        return SkyCoord(lon, lat, unit="rad", frame=frame).icrs


def pixel_areas(reference: Reference) -> FloatArray:
    """Solid angle of every pixel in sr, by reproject: the overlap of its parts with themselves.

    The sides of a part are great circles, which those of large pixels are not.
    """
    from reproject.spherical_intersect._overlap_wrapper import compute_overlap

    height, width = reference.values.shape[-2:]
    side = float(np.sqrt(np.abs(np.linalg.det(reference.wcs.celestial.pixel_scale_matrix))))
    n = int(np.clip(np.ceil(side / 0.25), 1, 32))
    y, x = np.mgrid[: n * height + 1, : n * width + 1] / n - 0.5
    lon, lat = (np.radians(part) for part in reference.sky(x, y))
    corners = [
        np.stack([part[:-1, :-1], part[:-1, 1:], part[1:, 1:], part[1:, :-1]], -1).reshape(-1, 4)
        for part in (lon, lat)
    ]
    known = np.all(np.isfinite(corners), axis=(0, 2))
    areas = np.full(len(known), np.nan)
    lon, lat = (np.ascontiguousarray(part[known]) for part in corners)
    areas[known] = compute_overlap(lon, lat, lon, lat)[0]
    areas = areas.reshape(height, n, width, n)
    # Of a pixel on the edge of the sky those parts count that lie on it.
    total = np.nansum(areas, axis=(1, 3))
    return np.where(np.all(np.isnan(areas), axis=(1, 3)), np.nan, total)


def labels_for(shape: tuple[int, ...], seed: int = 0) -> npt.NDArray[np.int16]:
    """Three kinds of blobs; a few pixels are masked."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=shape), (1.0,) * (len(shape) - 2) + (4.0, 4.0))
    labels = np.digitize(smooth, np.quantile(smooth, (1 / 3, 2 / 3))).astype(np.int16)
    labels[..., :2, :5] = MASKED
    return labels


def relative(ours: Any, theirs: Any) -> float:
    """Largest difference relative to the largest value; NaN in one alone is infinitely far."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    if not np.array_equal(np.isnan(ours), np.isnan(theirs)):
        return np.inf
    largest = np.nanmax(np.abs(theirs), initial=0.0)
    return float(np.nanmax(np.abs(ours - theirs), initial=0.0) / (largest or 1.0))


def compare(path: Path, folder: Path) -> Iterator[dict[str, float]]:
    """Differences of one file, of a cube in two ways."""
    sky, reference = open_sky_map(path), Reference.read(path)
    areas = pixel_areas(reference)
    ways = ("integrated", "channels") if sky.shape[0] > 1 else ("map",)
    for way in ways:
        planes = open_planes(sky, way, group=1, folder=folder / way)
        made, data = segment_by(labels_for, planes, sky)
        table = segments(made, data, min_pixels=MIN_PIXELS)
        ids = find_segments(made.labels, min_pixels=MIN_PIXELS).ids
        found = {"area": _area(table, ids, areas), **_centroid(table, ids, reference)}
        plane = reference.values[0]
        if way != "map":
            cube = spectral_cube_of(path)
            plane = _plane(cube, reference, way)
            found |= _spectral(cube, sky, reference, table, ids, way)
        if way == "integrated":
            found["moment 0"] = relative(data, _in_beam(plane, cube))
        found["flux"] = relative(table["flux"], _fluxes(plane, ids, areas, made, path, way))
        yield found


def _flat(ids: npt.NDArray[np.int32], values: FloatArray) -> Iterator[tuple[Any, Any]]:
    """Segments of every plane with the pixels of that plane."""
    yield from [(ids, values)] if ids.ndim == 2 else zip(ids, values, strict=True)


def segment_sums(ids: npt.NDArray[np.int32], values: FloatArray) -> FloatArray:
    """Sum of the finite pixels of every segment, by photutils, channel by channel."""
    from photutils.segmentation import SegmentationImage, SourceCatalog

    total = np.zeros(int(ids.max()))
    for plane, pixels in _flat(ids, values):
        if plane.any():
            catalogue = SourceCatalog(pixels, SegmentationImage(plane), mask=~np.isfinite(pixels))
            total[np.asarray(catalogue.label) - 1] += np.nan_to_num(catalogue.segment_flux)
    return total


def _area(table: Catalogue, ids: npt.NDArray[np.int32], areas: FloatArray) -> float:
    theirs = []
    for number in table["id"]:
        covered = np.any(np.atleast_3d(number == ids.T), axis=2).T
        theirs.append(segment_sums(covered.astype(np.int32), areas)[0])
    return relative(table["area"], theirs)


def _centroid(
    table: Catalogue, ids: npt.NDArray[np.int32], reference: Reference
) -> dict[str, float]:
    count = segment_sums(ids, np.ones(ids.shape))
    y, x = np.mgrid[: ids.shape[-2], : ids.shape[-1]].astype(np.float64)
    vectors = reference.directions(x, y).cartesian.xyz.value
    places = [np.broadcast_to(part, ids.shape) for part in (x, y, *vectors)]
    sums = [segment_sums(ids, part) for part in places]
    apart = np.hypot(table["x"] - sums[0] / count, table["y"] - sums[1] / count)
    # Of segments beyond the sky photutils adds up nothing, which is no direction.
    vectors = np.where(np.all(np.array(sums[2:]) == 0.0, axis=0), np.nan, sums[2:])
    mean = SkyCoord(*vectors, representation_type="cartesian")
    mean.representation_type = "unitspherical"
    ours = SkyCoord(table["ra"], table["dec"], unit="deg")
    return {
        "centroid / pixel": float(np.max(apart)),
        "centroid / arcsec": _arcsec(ours, mean),
    }


def _arcsec(ours: SkyCoord, theirs: SkyCoord) -> float:
    if not np.array_equal(np.isnan(ours.ra), np.isnan(theirs.ra)):
        return np.inf
    return float(np.nanmax(ours.separation(theirs).arcsec))


def spectral_cube_of(path: Path) -> Any:
    """Cube of spectral-cube; of Stokes parameters I."""
    from spectral_cube import SpectralCube, StokesSpectralCube

    cube = SpectralCube.read(str(path))
    return cube.I if isinstance(cube, StokesSpectralCube) else cube


def _plane(cube: Any, reference: Reference, way: str) -> FloatArray:
    """Channels, or their integral over the spectral axis, per the beam of every channel."""
    values = _values(cube, reference)
    if hasattr(cube, "beams"):
        values = values / cube.beams.sr.value[:, None, None]
    if way == "channels":
        return values
    if hasattr(cube, "beams") or "-" in reference.wcs.wcs.ctype[axes_of(reference.wcs).spectral]:
        widths = _widths(cube, reference)
        return np.asarray(np.nansum(values * widths[:, None, None], axis=0))
    moment = np.abs(cube.moment0(axis=0).value)
    moment = moment if moment.shape == values.shape[1:] else moment.T
    return np.asarray(np.where(np.all(np.isnan(values), axis=0), np.nan, moment))


def _widths(cube: Any, reference: Reference) -> FloatArray:
    """From edge to edge of every channel, by astropy.

    spectral-cube gives all channels one width, also where the axis is not linear.
    """
    axis = axes_of(reference.wcs).spectral
    pixels = np.zeros((cube.shape[0] + 1, reference.wcs.naxis))
    pixels[:, axis] = np.arange(cube.shape[0] + 1) - 0.5
    edges = reference.wcs.all_pix2world(pixels, 0)[:, axis] * reference.wcs.wcs.cunit[axis]
    return np.asarray(np.abs(np.diff(edges.to_value(cube.spectral_axis.unit))))


def _values(cube: Any, reference: Reference) -> FloatArray:
    """Pixels of the cube in the order of the file: spectral-cube puts latitude before longitude."""
    values = np.asarray(cube.unmasked_data[:].value, np.float64)
    return values if reference.wcs.wcs.lng < reference.wcs.wcs.lat else values.swapaxes(1, 2)


def _in_beam(plane: FloatArray, cube: Any) -> FloatArray:
    """Ours is per the largest beam of all channels."""
    return plane * float(cube.beams.sr.value.max()) if hasattr(cube, "beams") else plane


def _fluxes(
    plane: FloatArray,
    ids: npt.NDArray[np.int32],
    areas: FloatArray,
    made: SegmentMap,
    path: Path,
    way: str,
) -> FloatArray:
    header = fits.getheader(path)
    text = str(header.get("BUNIT", ""))
    unit = u.Unit(SPELLINGS.get(text, text), parse_strict="silent")
    unit = u.one if isinstance(unit, u.UnrecognizedUnit) else unit
    parts = dict(zip(unit.bases, unit.powers, strict=True))
    factor: Any = 1.0
    if u.beam in parts and "BMAJ" in header:
        beam = 2 * np.pi / (8 * np.log(2)) * np.radians(header["BMAJ"]) * np.radians(header["BMIN"])
        factor = areas / beam
    elif (u.beam in parts and header.get("CASAMBM")) or u.sr in parts:
        factor = areas
    elif u.arcsec in parts:
        factor = areas * u.sr.to(u.arcsec**2)
    return segment_sums(ids, plane * factor)


def _spectral(
    cube: Any,
    sky: SkyMap,
    reference: Reference,
    table: Catalogue,
    ids: npt.NDArray[np.int32],
    way: str,
) -> dict[str, float]:
    """Lowest and highest velocity in widths of a channel."""
    ctype = cube.header["CTYPE3"]
    optical = ctype.startswith(("VOPT", "WAVE"))
    rest = cube.wcs.wcs.restfrq * u.Hz if cube.wcs.wcs.restfrq else cube.wcs.wcs.restwav * u.m
    convention = "optical" if optical else "radio"
    rest = rest if rest.value > 0 else None
    if cube.spectral_axis.unit.is_equivalent(u.km / u.s):
        velocities = cube.spectral_axis.to_value(u.km / u.s)
    else:
        in_velocity = cube.with_spectral_unit(u.km / u.s, convention, rest_value=rest)
        velocities = in_velocity.spectral_axis.to_value(u.km / u.s)
    if way == "channels":
        signal = ids > 0
        labels = ids
    else:
        level = 3.0 * moment_maps(sky).noise
        factors = 1.0
        if hasattr(cube, "beams"):
            factors = (cube.beams.sr.max() / cube.beams.sr).value[:, None, None]
        values = np.asarray(_values(cube, reference) * factors, np.float32)
        signal = (values > level[:, None, None]) & (values > 0)
        labels = np.broadcast_to(ids, signal.shape)
    channel = np.broadcast_to(velocities[:, None, None], signal.shape)
    ends = np.full((2, len(table)), np.nan)
    for number in table["id"]:
        inside = channel[signal & (labels == number)]
        if inside.size:
            ends[:, number - 1] = inside.min(), inside.max()
    ours = np.stack([table["velocity_low"], table["velocity_high"]])
    width = np.min(np.abs(np.diff(velocities)))
    if not np.array_equal(np.isnan(ours), np.isnan(ends)):
        return {"velocity": np.inf}
    return {"velocity": float(np.nanmax(np.abs(ours - ends)) / width)}


def _row(name: str, path: Path, folder: Path) -> dict[str, Any]:
    row: dict[str, Any] = {"map": name}
    (folder / "channels").mkdir(parents=True, exist_ok=True)
    (folder / "integrated").mkdir(parents=True, exist_ok=True)
    found = list(compare(path, folder))
    row["unit"] = open_sky_map(path).unit
    for column in COLUMNS:
        values = [one[column] for one in found if column in one]
        row[column] = max(values) if values else "-"
    return row


def compare_sky_table() -> Table:
    """Differences on made-up maps and cubes, and on the real ones of `EQUICLUST_DATA`.

    One row a map or cube, each the largest difference of any of its segments.
    """
    with TemporaryDirectory() as folder:
        rows = list(_rows(Path(folder)))
    title = "Largest relative difference from spectral-cube, photutils and reproject"
    return Table("compare_sky", title, rows)


def _rows(folder: Path) -> Iterator[dict[str, Any]]:
    files = {name: write_sky(name, folder) for name in SKIES}
    if place := os.environ.get("EQUICLUST_DATA"):
        real = sorted((Path(place) / "gas_maps").glob("*.fits"))
        files |= {path.name: path for path in real}
    for name, path in files.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield _row(name, path, folder / f"moments of {path.stem}")
