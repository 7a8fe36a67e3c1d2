"""A catalogue of the sources that are found in images, by segmentation with photutils."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from joblib import delayed
from scipy.spatial import cKDTree

from equiclust._version import __version__
from equiclust.cutouts.pixel_grids import icrs_positions, unit_vectors
from equiclust.cutouts.survey_images import Survey, Tile
from equiclust.exceptions import InputError
from equiclust.io.block_tables import joined_tables
from equiclust.io.catalogue import read_table, write_table
from equiclust.io.outputs import not_ours
from equiclust.io.table_parts import PARTS, TableParts
from equiclust.optional import check_installed, import_optional
from equiclust.processes import make_calls
from equiclust.progress import Update
from equiclust.typing import Array, BoolArray
from equiclust.validation import check_flag, check_positive, check_whole

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["Detection", "detect_sources"]

# Side of the meshes in which the background is measured, and of the parts of an image that are
# searched at once, with the pixels around them that are seen too.
_MESH, _PART, _MARGIN = 64, 1024, 128
_AT_ONCE = 16
# Pixels within which sources of two images are one.
_SAME = 2.0
_COLUMNS = {
    "ra": ("right ascension, ICRS", "deg", "pos.eq.ra;meta.main"),
    "dec": ("declination, ICRS", "deg", "pos.eq.dec;meta.main"),
    "x": ("column of its centroid in its image, from 0", "pix", ""),
    "y": ("row of its centroid in its image, from 0", "pix", ""),
    "flux": ("sum of its pixels above the background", None, ""),
    "peak": ("its brightest pixel above the background", None, ""),
    "area": ("number of its pixels", "pix2", ""),
    "semimajor": ("standard deviation of its light along its major axis", "pix", ""),
    "semiminor": ("standard deviation of its light along its minor axis", "pix", ""),
    "image": ("number of its image", None, ""),
}


@dataclass(frozen=True)
class Detection:
    """How `make_cutouts` finds sources in the images of the first band.

    Parameters
    ----------
    threshold : float, default 3.0
        In standard deviations of the noise above the background, both measured by photutils in
        meshes of 64 pixels.
    min_pixels : int, default 5
        Pixels above it that touch one another.
    deblend : bool, default True
        Whether sources that touch are separated (deblended).

    Examples
    --------
    >>> from data_adapters import write_fits
    >>> from equiclust import simulate_discs
    >>> from equiclust.cutouts import Detection, make_cutouts
    >>> images, truth = simulate_discs(2, size=128, random_state=0)
    >>> written = write_fits(images, "survey")
    >>> how = Detection(threshold=5.0, deblend=False)
    >>> found = make_cutouts(how, "survey", "stamps", n_jobs=1)
    >>> found.headline
    '2 stamps of 2 sources'
    >>> found.detected.name
    'stamps.detected.ecsv'
    """

    threshold: float = 3.0
    min_pixels: int = 5
    deblend: bool = True

    def check(self) -> None:
        """Refuse what cannot work.

        Raises
        ------
        InputError
        MissingPackageError
            When photutils is not installed.
        """
        check_positive("threshold", self.threshold)
        check_whole("min_pixels", self.min_pixels)
        check_flag("deblend", self.deblend)
        check_installed("photutils", extra="cutouts", purpose="--detect")


def detect_sources(
    survey: Survey,
    detection: Detection,
    path: Path,
    job: Mapping[str, str],
    update: Update,
) -> Table:
    """Find the sources in the images of the first band, and write their catalogue.

    Images are searched in parts, so that they need not fit into memory. A stopped call goes on.

    Parameters
    ----------
    survey : Survey
    detection : Detection
    path : Path
        Of the catalogue, in ECSV; one of the same job is read again.
    job : mapping of str to str
        What decides the sources.
    update : callable
        Takes the number of images that are searched, that of all, and a remark.

    Returns
    -------
    astropy.table.Table

    Raises
    ------
    InputError
        When an image has no coordinates, or nothing is found.
    OutputError
        When something else is at `path`.
    """
    job = {**job, "detection": repr(sorted(asdict(detection).items()))}
    if path.exists():
        table = read_table(path)
        if table.meta.get("JOB") == _text(job):
            return table
        raise not_ours(path)
    tiles = survey.of_band(0)
    for tile in tiles:
        if tile.sky.wcs is None:
            raise InputError(f"{tile.path}: it has no coordinates, which --detect needs")
    parts = TableParts(path.with_name(f"{path.name}{PARTS}"), job)
    start = int(parts.open().get("last", 0))
    while start < len(tiles):
        some = tiles[start : start + _AT_ONCE]
        calls = [delayed(_of_tile)(tile, detection) for tile in some]
        for found in make_calls(calls, side_by_side=len(calls) > 1):
            start += 1
            parts.append(found, {"last": start})
        update(start, len(tiles), "")
    whole = _once(joined_tables(list(parts.tables())), survey)
    if not len(whole):
        parts.remove()
        raise InputError(
            f"no source is brighter than {detection.threshold:g} sigma; lower the threshold "
            "(--threshold)"
        )
    whole.meta.update({"CREATOR": f"equiclust {__version__}", "JOB": _text(job)})
    write_table(whole, path)
    parts.remove()
    return whole


def _text(job: Mapping[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in sorted(job.items()))


def _of_tile(tile: Tile, detection: Detection) -> Table:
    """Sources of one image, each found in the part in whose core its centroid lies."""
    from astropy.table import Column, Table

    rows: list[Array] = []
    height, width = tile.shape
    with tile.sky, warnings.catch_warnings():
        # Of empty meshes and of the like, which photutils interpolates.
        warnings.simplefilter("ignore")
        for top in range(0, height, _PART):
            first, last = max(0, top - _MARGIN), min(height, top + _PART + _MARGIN)
            values, hidden = _read(tile, slice(first, last))
            for left in range(0, width, _PART):
                low, high = max(0, left - _MARGIN), min(width, left + _PART + _MARGIN)
                found = _of_part(values[:, low:high], hidden[:, low:high], detection)
                found[:, 0] += low
                found[:, 1] += first
                x, y = found[:, 0], found[:, 1]
                core = (x >= left - 0.5) & (x < left + _PART - 0.5)
                rows.append(found[core & (y >= top - 0.5) & (y < top + _PART - 0.5)])
    whole = np.concatenate(rows)
    positions = icrs_positions(tile.sky.wcs, whole[:, 0], whole[:, 1])
    columns = [*positions.T, *whole.T, np.full(len(whole), tile.number)]
    table = Table()
    for (name, (text, unit, ucd)), column in zip(_COLUMNS.items(), columns, strict=True):
        meta = {"ucd": ucd} if ucd else None
        table[name] = Column(column, description=text, unit=unit, meta=meta)
    return table


def _read(tile: Tile, rows: slice) -> tuple[Array, BoolArray]:
    values = tile.sky.read(rows=rows)[0]
    hidden = np.isnan(values)
    if tile.mask is not None:
        hidden |= tile.mask.read(rows=rows)[0] != 0.0
    return np.where(hidden, 0.0, values), hidden


def _of_part(values: Array, hidden: BoolArray, detection: Detection) -> Array:
    """Centroid, flux, peak, area and axes of the sources of an array."""
    nothing = np.zeros((0, 7))
    if hidden.all():
        return nothing
    segmentation: Any = import_optional(
        "photutils.segmentation", extra="cutouts", purpose="--detect"
    )
    background: Any = import_optional("photutils.background", extra="cutouts", purpose="--detect")
    mesh = tuple(min(_MESH, side) for side in values.shape)
    try:
        level = background.Background2D(values, mesh, mask=hidden, exclude_percentile=90.0)
    except ValueError:
        # Too few pixels have a value.
        return nothing
    above = values - level.background
    limit = detection.threshold * level.background_rms
    found = segmentation.detect_sources(above, limit, detection.min_pixels, mask=hidden)
    if found is None:
        return nothing
    if detection.deblend:
        found = segmentation.deblend_sources(above, found, detection.min_pixels, progress_bar=False)
    sources = segmentation.SourceCatalog(above, found, mask=hidden)
    columns = [
        np.asarray(getattr(one, "value", one), dtype=np.float64)
        for one in map(np.atleast_1d, _measures(sources))
    ]
    rows = np.stack(columns, axis=1)
    return rows[np.isfinite(rows[:, :2]).all(axis=1)]


def _measures(sources: Any) -> Iterator[Any]:
    yield from (sources.x_centroid, sources.y_centroid, sources.segment_flux, sources.max_value)
    yield from (sources.segment_area, sources.semimajor_axis, sources.semiminor_axis)


def _once(table: Table, survey: Survey) -> Table:
    """The table without sources that overlapping images have twice, by order of images."""
    if not len(table):
        return table
    scale = float(np.median([tile.scale for tile in survey.of_band(0)]))
    places = unit_vectors(np.stack([table["ra"], table["dec"]], axis=1))
    pairs = cKDTree(places).query_pairs(np.deg2rad(_SAME * scale), output_type="ndarray")
    number = np.asarray(table["image"])
    apart = pairs[number[pairs[:, 0]] != number[pairs[:, 1]]]
    again = np.zeros(len(table), dtype=bool)
    again[apart.max(axis=1)] = True
    kept = table[~again]
    digits = len(str(max(0, len(kept) - 1)))
    names = [f"detected_{row:0{digits}d}" for row in range(len(kept))]
    kept.add_column(np.array(names, dtype=np.str_), index=0, name="id")
    return kept
