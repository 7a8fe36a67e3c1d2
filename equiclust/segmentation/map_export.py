"""A label map as tables of its pixels or segments, as regions, or as coverage of the sky."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from data_adapters.sky.geometry import celestial_wcs
from equiclust import __version__
from equiclust.argument_types import checks_types
from equiclust.celestial import sky_positions
from equiclust.exceptions import InputError
from equiclust.io.block_tables import BlockTable
from equiclust.io.catalogue import read_table, write_table
from equiclust.io.coverage import (
    COVERAGE_FORMATS,
    check_order,
    is_coverage,
    pixel_coverage,
    write_coverage,
)
from equiclust.io.export_files import (
    ExportedFiles,
    check_coverage_options,
    checked_output,
    export_outputs,
    names_by_label,
)
from equiclust.io.ucds import add_ucds
from equiclust.segmentation.label_maps import read_segment_map
from equiclust.segmentation.outputs import SegmentFiles
from equiclust.segmentation.regions import write_regions
from equiclust.segmentation.segment_map import MASKED, UNSURE, SegmentMap
from equiclust.typing import Array, BoolArray, PathLike
from equiclust.validation import check_choice, check_flag, check_share, check_whole

if TYPE_CHECKING:
    from astropy.table import Table
    from astropy.wcs import WCS

__all__ = ["export_label_map", "pixel_table"]

_STRIP = 1 << 19
_DESCRIPTIONS = {
    "label": "cluster from 0; -1 = don't know",
    "membership": "membership in the cluster, 0 to 1",
    "x": "column of the pixel, from 0",
    "y": "row of the pixel, from 0",
    "channel": "channel, from 0",
    "ra": "right ascension of the pixel's centre, ICRS",
    "dec": "declination of the pixel's centre, ICRS",
}
_UNITS = {"x": "pix", "y": "pix", "ra": "deg", "dec": "deg"}


@checks_types
def export_label_map(
    labels: PathLike,
    output: PathLike,
    *,
    rows: Literal["pixels", "segments"] = "pixels",
    label: int | None = None,
    min_membership: float = 0.0,
    each: bool = False,
    order: int | None = None,
) -> ExportedFiles:
    """Write a label map as a table, as regions, or as coverage.

    Parameters
    ----------
    labels : str or path
        Label map that ``equiclust segment`` wrote.
    output : str or path
        Its ending tells the format: a table (.vot, .xml, .parquet, .ecsv, .fits, .csv), outlines of
        the segments for DS9 (.reg), or a multi-order coverage map (.moc.fits, .moc.json, .moc.txt).
        Only a file that this function wrote is ever replaced.
    rows : {"pixels", "segments"}, default "pixels"
        What a row of a table is; segments are those of the table beside the label map.
    label : int, optional
        Only this one; -1 = "don't know". By default all but what is masked, for coverage and
        regions all that have a cluster.
    min_membership : float, default 0.0
        Only pixels, or segments, with at least this membership, 0 to 1.
    each : bool, default False
        Whether every label has a file of its own, ``NAME.label_0.moc.fits`` and so on.
    order : int, optional
        For coverage: of the smallest cells, 0 to 29; by default half a pixel.

    Returns
    -------
    ExportedFiles
        With the number of pixels or segments.

    Raises
    ------
    InputError
        When an argument cannot be used, the map has no such label, or no place on the sky.
    UnreadableFileError
        When there is no label map.
    OutputError
        When something else is at the output, or it cannot be written.
    MissingPackageError
        When pyarrow is missing for a Parquet file, or mocpy for coverage.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.io import fits
    >>> from equiclust.segmentation import SegmentMap, export_label_map, write_segment_map
    >>> labels = np.zeros((16, 16), np.int16)
    >>> labels[4:8, 4:12] = 1
    >>> ones = np.ones(labels.shape, np.float32)
    >>> write_segment_map(SegmentMap(labels, ones, ones, fits.Header()), "cloud.labels.fits")
    >>> export_label_map("cloud.labels.fits", "pixels.csv", label=1).n_rows
    32
    """
    check_choice("rows", rows, ("pixels", "segments"))
    check_share("min_membership", min_membership)
    check_flag("each", each)
    check_order(order)
    if label is not None:
        check_whole("label", label, UNSURE)
    source = Path(labels).expanduser()
    path = checked_output(output, source, ".reg")
    check_coverage_options(path, order=order)
    if rows == "segments" and path.name.endswith((".reg", *COVERAGE_FORMATS)):
        raise InputError(f"rows is for tables, got {rows!r}; leave it out for {path.name!r}")
    export = _Export(source, read_segment_map(source), path, rows, min_membership, order)
    chosen = export.labels(label)
    names = {path.name: chosen}
    if each:
        names = {name: [one] for one, name in names_by_label(path, chosen).items()}
    outputs = export_outputs(path, names)
    with outputs.held(), outputs.replaced() as drafts:
        counts = [export.write(drafts / name, own) for name, own in names.items()]
    return ExportedFiles(tuple(path.with_name(name) for name in names), sum(counts))


@dataclass(frozen=True)
class _Export:
    """A label map, and how it is to be written."""

    source: Path
    segment_map: SegmentMap
    path: Path
    rows: str
    min_membership: float
    order: int | None

    @property
    def is_of_clusters(self) -> bool:
        """Whether what is written has no place for pixels without a cluster."""
        return self.rows == "segments" or is_coverage(self.path) or self.path.suffix == ".reg"

    def labels(self, label: int | None) -> list[int]:
        """Labels that are to be written."""
        known = np.unique(self.segment_map.labels).tolist()
        if label is not None:
            if label not in known:
                listed = ", ".join(map(str, (one for one in known if one > MASKED)))
                raise InputError(f"label must be one of {listed or 'none'}, got {label}")
            return [label]
        found = [one for one in known if one >= (0 if self.is_of_clusters else UNSURE)]
        if not found:
            raise InputError(f"{str(self.source)!r} has no labelled pixels; choose another map")
        return found

    def write(self, path: Path, labels: list[int]) -> int:
        """Write some labels to one file, and count its rows."""
        inside = np.isin(self.segment_map.labels, labels)
        if self.min_membership > 0.0:
            inside &= self.segment_map.membership >= self.min_membership
        if is_coverage(path):
            return self._write_coverage(path, inside)
        if path.suffix == ".reg":
            kept = np.where(inside, self.segment_map.labels, UNSURE).astype(np.int16)
            kept[self.segment_map.mask] = MASKED
            write_regions(replace(self.segment_map, labels=kept), path)
            return int(inside.sum())
        if self.rows == "segments":
            return self._write_segments(path, labels)
        table = BlockTable(lambda: _strips(self.segment_map, inside))
        table.write(path)
        return len(table)

    def _write_coverage(self, path: Path, inside: BoolArray) -> int:
        wcs = celestial_wcs(self.segment_map.header)
        if wcs is None:
            raise InputError(
                f"{str(self.source)!r} has no coordinates on the sky; save a table instead"
            )
        on_sky = np.asarray(inside.any(axis=0) if inside.ndim == 3 else inside)
        write_coverage(pixel_coverage(wcs, on_sky, order=self.order), path)
        return int(on_sky.sum())

    def _write_segments(self, path: Path, labels: list[int]) -> int:
        beside = SegmentFiles(self.source).segments
        table = read_table(beside)
        if not {"label", "membership"} <= set(table.colnames):
            raise InputError(f"{str(beside)!r} is no table of segments; restore the file")
        kept = np.isin(np.asarray(table["label"]), labels)
        kept &= np.asarray(table["membership"]) >= self.min_membership
        write_table(add_ucds(table[kept]), path)
        return int(kept.sum())


def pixel_table(segment_map: SegmentMap) -> Table:
    """Table of the pixels of a label map that are not masked.

    Parameters
    ----------
    segment_map : SegmentMap

    Returns
    -------
    astropy.table.Table
        Columns label, membership, x and y from 0, channel of a cube, and ra and dec in degrees
        (ICRS) where the map has coordinates; row by row of the map.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.io import fits
    >>> from equiclust.segmentation import MASKED, SegmentMap, pixel_table
    >>> labels = np.array([[0, 1], [1, MASKED]], np.int16)
    >>> membership = np.array([[0.9, 0.8], [0.7, np.nan]], np.float32)
    >>> coverage = np.array([[5, 5], [5, 0]], np.int32)
    >>> pixel_table(SegmentMap(labels, membership, coverage, fits.Header())).pprint()
    label membership  x   y
                     pix pix
    ----- ---------- --- ---
        0        0.9   0   0
        1        0.8   1   0
        1        0.7   0   1
    """
    return BlockTable(lambda: _strips(segment_map, ~segment_map.mask)).joined()


def _strips(segment_map: SegmentMap, inside: Array) -> Iterable[Table]:
    """The pixels inside some rows of the map at a time; at least one table."""
    wcs = celestial_wcs(segment_map.header)
    labels, membership = (
        array.reshape(-1, array.shape[-1]) for array in (segment_map.labels, segment_map.membership)
    )
    lines, n_rows = inside.reshape(labels.shape), segment_map.labels.shape[-2]
    step = max(1, _STRIP // labels.shape[1])
    for start in range(0, len(labels), step):
        line, x = np.nonzero(lines[start : start + step])
        line += start
        values = {"label": labels[line, x], "membership": membership[line, x]}
        yield _strip(values | {"x": x, "y": line % n_rows}, line // n_rows, wcs, segment_map)


def _strip(
    values: dict[str, Array], channel: Array, wcs: WCS | None, segment_map: SegmentMap
) -> Table:
    from astropy.table import Column, Table

    if segment_map.labels.ndim == 3:
        values["channel"] = channel
    if wcs is not None:
        places = sky_positions(wcs, values["x"], values["y"]).icrs
        values |= {"ra": places.ra.deg, "dec": places.dec.deg}
    table = Table(meta={"CREATOR": f"equiclust {__version__}"})
    for name, column in values.items():
        table[name] = Column(column, description=_DESCRIPTIONS[name], unit=_UNITS.get(name))
    return add_ucds(table)
