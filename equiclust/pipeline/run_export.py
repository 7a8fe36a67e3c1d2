"""A finished run, or some of its images, as a file for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from equiclust.argument_types import checks_types
from equiclust.exceptions import EquiclustError, InputError
from equiclust.io.coverage import (
    check_order,
    cone_coverage,
    footprint_coverage,
    is_coverage,
    write_coverage,
)
from equiclust.io.export_files import (
    ExportedFiles,
    check_coverage_options,
    checked_output,
    export_outputs,
    names_by_label,
)
from equiclust.io.sky_columns import angle_degrees
from equiclust.io.ucds import add_ucds
from equiclust.pipeline.exports import sky_of, write_checked_rows
from equiclust.pipeline.run_files import RunFiles
from equiclust.progress import Progress, start_stage
from equiclust.report.figures.colouring import kind_texts
from equiclust.typing import IntArray, PathLike
from equiclust.validation import check_flag, check_share, check_whole, shown

if TYPE_CHECKING:
    from astropy.table import Table
    from astropy.units import Quantity

__all__ = ["Selection", "export_run", "exported_table"]


@dataclass(frozen=True)
class Selection:
    """Which images of a run are meant.

    Parameters
    ----------
    kind : str, optional
        Those of one kind, in a run that was taught.
    label : int, optional
        Those of one label; -1 = "don't know".
    min_stability, min_probability : float, default 0.0
        Those whose label is at least as stable, or whose kind is at least as probable, 0 to 1.
    """

    kind: str | None = None
    label: int | None = None
    min_stability: float = 0.0
    min_probability: float = 0.0

    def rows(self, table: Table) -> IntArray:
        """Rows of a catalogue that are meant.

        Parameters
        ----------
        table : astropy.table.Table
            Catalogue of a run.

        Returns
        -------
        ndarray (n,), int

        Raises
        ------
        InputError
            When there are none, or the catalogue does not have what they are chosen by.
        """
        meant = np.ones(len(table), dtype=bool)
        if self.kind is not None:
            meant &= _of_kind(table, self.kind)
        if self.label is not None:
            check_whole("label", self.label, -1)
            meant &= np.asarray(table["label"]) == self.label
        for name in ("stability", "probability"):
            least = getattr(self, f"min_{name}")
            check_share(f"min_{name}", least)
            if least > 0.0:
                meant &= np.asarray(_column(table, name, f"min_{name}")) >= least
        if not meant.any():
            raise InputError(
                f"none of the {len(table)} images is chosen by {self._said()}; choose others"
            )
        return np.flatnonzero(meant)

    def _said(self) -> str:
        given = {name: value for name, value in vars(self).items() if value is not None}
        left = [
            f"{name} {shown(value)}" for name, value in given.items() if value or name == "label"
        ]
        return " and ".join(left) or "default"


def _column(table: Table, name: str, argument: str) -> Any:
    if name not in table.colnames:
        raise InputError(f"{argument} cannot be used: the catalogue has no column {name!r}")
    return table[name]


def _of_kind(table: Table, kind: str) -> Any:
    if "kind" not in table.colnames:
        raise InputError(
            f"kind {shown(kind)} cannot be used: the run has clusters and no kinds; give label, or "
            "teach it kinds first"
        )
    names = np.array(kind_texts(table["kind"]), dtype=object)
    if kind not in names:
        known = ", ".join(sorted({str(name) for name in names if name}))
        raise InputError(f"kind must be one of {known}, got {shown(kind)}")
    return names == kind


@checks_types
def export_run(
    run: RunFiles,
    output: PathLike,
    *,
    kind: str | None = None,
    label: int | None = None,
    min_stability: float = 0.0,
    min_probability: float = 0.0,
    each: bool = False,
    radius: str | Quantity | None = None,
    order: int | None = None,
    on_progress: Progress | None = None,
) -> ExportedFiles:
    """Write the images of a run as a table, as regions, as a list of files, or as coverage.

    Parameters
    ----------
    run : RunFiles
    output : str or path
        Its ending tells the format: a table (.vot, .xml, .parquet, .ecsv, .fits, .csv), regions of
        DS9 (.reg), paths one a line (.txt), or a multi-order coverage map (.moc.fits, .moc.json,
        .moc.txt). Only a file that this function wrote is ever replaced.
    kind : str, optional
    label : int, optional
    min_stability, min_probability : float, default 0.0
        Which images; see `Selection`.
    each : bool, default False
        Whether every label has a file of its own, ``NAME.label_0.vot`` and so on.
    radius : str or astropy.units.Quantity, optional
        For coverage: that of a circle about the centre of each image, such as "10arcsec". By
        default the frames of the images, which are read again for that.
    order : int, optional
        For coverage: of the smallest cells, 0 to 29.
    on_progress : callable, optional
        See `equiclust.progress.Progress`.

    Returns
    -------
    ExportedFiles

    Raises
    ------
    InputError
        When an argument cannot be used, no image is chosen, or the images have no place on the sky.
    OutputError
        When something else is there, or the file cannot be written.
    MissingPackageError
        When pyarrow is missing for a Parquet file, or mocpy for coverage.
    """
    path = checked_output(output, run.path, ".reg", ".txt")
    check_flag("each", each)
    check_order(order)
    reach = None if radius is None else angle_degrees("radius", radius)
    check_coverage_options(path, radius=radius, order=order)
    table = exported_table(run)
    rows = Selection(kind, label, min_stability, min_probability).rows(table)
    groups = _groups(path, table, rows, each)
    outputs = export_outputs(path, groups)
    start_stage(on_progress, "writing")
    with outputs.held(), outputs.replaced() as drafts:
        for name, chosen in groups.items():
            if is_coverage(path):
                write_coverage(_coverage(run, table, chosen, reach, order), drafts / name)
            else:
                write_checked_rows(table, chosen, drafts / name)
    return ExportedFiles(tuple(path.with_name(name) for name in groups), len(rows))


def exported_table(run: RunFiles) -> Table:
    """The catalogue of a run with the labels of all its images.

    Parameters
    ----------
    run : RunFiles

    Returns
    -------
    astropy.table.Table
        A new one. Of a run that learned from some of its images it has the labels of all.
    """
    whole = run.all_images if run.folder.all_images_fits.is_file() else run.catalogue
    return add_ucds(whole.copy())


def _groups(path: Path, table: Table, rows: IntArray, each: bool) -> dict[str, list[int]]:
    """Rows by the names of their files."""
    if not each:
        return {path.name: rows.tolist()}
    labels = np.asarray(table["label"])[rows]
    names = names_by_label(path, np.unique(labels).tolist())
    return {name: rows[labels == label].tolist() for label, name in names.items()}


def _coverage(
    run: RunFiles, table: Table, rows: Sequence[int], radius: float | None, order: int | None
) -> Any:
    if radius is None:
        return footprint_coverage(_frames(run, table, rows), order=order)
    from astropy.coordinates import SkyCoord

    sky = sky_of(table)[rows]
    sky = sky[np.isfinite(sky[:, 0])]
    if not len(sky):
        raise _nowhere(len(rows))
    return cone_coverage(SkyCoord(*sky.T, unit="deg"), radius, order=order)


def _frames(run: RunFiles, table: Table, rows: Sequence[int]) -> list[Any]:
    """Coordinates and shapes of the images as they are in their files."""
    known = np.isfinite(sky_of(table)[rows, 0])
    names_of: dict[str, list[str]] = {}
    for row in np.asarray(rows)[known]:
        names_of.setdefault(str(table["path"][row]), []).append(str(table["id"][row]))
    if not names_of:
        raise _nowhere(len(rows))
    found = []
    for path, names in names_of.items():
        try:
            images = _images(path, names, run.axes)
        except EquiclustError as error:
            raise InputError(
                f"radius is needed where the frames of the images cannot be read again: {error}"
            ) from error
        if any(image.wcs is None for image in images):
            raise InputError(f"radius is needed: {path!r} has no coordinates any more")
        found += [(image.wcs.celestial, image.shape[-2:]) for image in images]
    return found


def _images(path: str, names: Sequence[str], axes: str) -> list[Any]:
    """Images of one file by their ids; where they are several, it is read once."""
    from data_adapters import read
    from data_adapters.single_images import chosen, read_image

    if len(names) == 1:
        return [read_image(path, names[0], axes=axes)]
    among = {image.id: image for image in read(path, axes=axes).images}
    images = [chosen(name, among) for name in names]
    if any(image is None for image in images):
        raise InputError(f"{path!r} has not all of its images any more")
    return images


def _nowhere(count: int) -> InputError:
    return InputError(f"none of the {count} images has a place on the sky; save a table instead")
