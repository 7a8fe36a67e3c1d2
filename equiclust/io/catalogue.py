"""Tables of results, and their files: catalogue, latents and rejected files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from equiclust._version import __version__
from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError, MissingPackageError
from equiclust.images import ImageSet
from equiclust.io.atomic import atomic_path
from equiclust.io.catalogue_rows import CatalogueRows
from equiclust.io.fits_tables import write_fits_table
from equiclust.io.parquet_tables import write_parquet
from equiclust.io.table_readers import read_form
from equiclust.io.text_tables import printable, table_text
from equiclust.io.ucds import add_ucds
from equiclust.io.votables import write_votable
from equiclust.typing import Array, Float64Array, IntArray, PathLike
from equiclust.validation import check_array

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = [
    "format_of",
    "make_catalogue",
    "make_confounders",
    "make_latents",
    "make_rejected",
    "printable",
    "read_table",
    "write_table",
]

FORMATS = {
    ".ecsv": "ascii.ecsv",
    ".fits": "fits",
    ".vot": "votable",
    ".xml": "votable",
    ".csv": "ascii.csv",
    ".parquet": "parquet",
}

STABILITY = (
    "probability that one more clustering of other networks and other images gives the same label; "
    "not the probability that it is the class you have in mind"
)
"""What the column `stability` says, and what it does not say."""


@checks_types
def write_table(table: Table, path: PathLike) -> None:
    """Write a table whole or not at all; the suffix determines the format.

    ECSV, FITS, VOTable and Parquet keep everything, with units, descriptions and UCDs; CSV keeps
    the values alone. FITS stores text that is not ASCII as UTF-8.

    Parameters
    ----------
    table : astropy.table.Table
        Not modified.
    path : path-like
        Ends in .ecsv, .fits, .vot, .xml, .csv or .parquet. An older file is replaced.

    Raises
    ------
    InputError
        When the suffix is unknown, or its format cannot hold vector columns.
    OutputError
        When the file cannot be written.
    MissingPackageError
        When pyarrow is missing for a Parquet file.
    """
    target = Path(path)
    form = format_of(target)
    vectors = [name for name in table.colnames if table[name].ndim > 1]
    if vectors and (form == "ascii.csv" or (form == "ascii.ecsv" and not len(table))):
        rows = f"{len(table)} rows"
        raise InputError(
            f"cannot write {str(target)!r}: {target.suffix} cannot hold the vectors of column "
            f"{vectors[0]!r} ({rows}); choose .fits"
        )
    with atomic_path(target) as draft:
        if form == "parquet":
            write_parquet([table], draft)
        elif form.startswith("ascii."):
            draft.write_text(table_text(table, form), encoding="utf-8")
        elif form == "votable":
            write_votable(table, draft)
        else:
            write_fits_table(table, draft)


@checks_types
def read_table(path: PathLike) -> Table:
    """Read a table from a file of a format that `write_table` can write.

    Text is read as `str`, missing text as empty text and missing floats as NaN.

    Parameters
    ----------
    path : path-like
        Ends in .ecsv, .fits, .vot, .xml, .csv or .parquet.

    Returns
    -------
    astropy.table.Table

    Raises
    ------
    InputError
        When the file is missing, its suffix is unknown, or it holds no such table.
    """
    source = Path(path)
    form = format_of(source)
    if not source.is_file():
        raise InputError(f"cannot read {str(source)!r}: there is no such file")
    try:
        return read_form(source, form)
    except MissingPackageError:
        raise
    except Exception as error:  # The readers of four formats each raise errors of their own.
        why = " ".join(str(error).split())
        raise InputError(
            f"cannot read {str(source)!r} as a {source.suffix} table: {why}"
        ) from error


def format_of(path: Path) -> str:
    """Format of a file of a table by its suffix, as astropy calls it.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str

    Raises
    ------
    InputError
        When the suffix is unknown.
    """
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        known = ", ".join(FORMATS)
        raise InputError(
            f"the table {str(path)!r} must end in one of {known}, got {path.suffix!r}"
        ) from None


def make_catalogue(
    images: ImageSet | CatalogueRows,
    labels: npt.ArrayLike,
    stability: npt.ArrayLike,
    *,
    fold_labels: npt.ArrayLike,
    outlier_score: npt.ArrayLike,
    agreement: npt.ArrayLike | None = None,
    agreement_held_out: npt.ArrayLike | None = None,
    more: Table | None = None,
) -> Table:
    """Catalogue with one row for each image.

    Parameters
    ----------
    images : ImageSet or CatalogueRows
        As read, before any preprocessing, which may lose the WCS.
    labels : array-like (n,), int
        From 0; -1 = "don't know".
    stability : array-like (n,), float
        Probability that one more clustering gives the same label, 0 to 1.
    fold_labels : array-like (n_folds, n), int
        Labels of every fold.
    outlier_score : array-like (n,), float
        Larger for images that are less like the others.
    agreement, agreement_held_out : array-like (n,), float, optional
        Share of the folds that give the label: of all folds, and of those that were not trained on
        the image (NaN where there are none).
    more : astropy.table.Table, optional
        One row for each image; its columns except id are added.

    Returns
    -------
    astropy.table.Table
        Columns id, path, label, stability, agreement and agreement_held_out where given,
        label_fold_00 and so on, outlier_score; those of `more`; ra and dec in
        degrees (ICRS, of the image's centre, NaN where unknown) when an image has a WCS.

    Raises
    ------
    InputError
        When an array does not fit the images.
    """
    from astropy.table import Table

    rows = CatalogueRows.of(images) if isinstance(images, ImageSet) else images
    n = len(rows.ids)
    folds = np.asarray(fold_labels)
    if folds.ndim != 2:
        raise InputError(f"fold_labels must have shape (n_folds, {n}), got {folds.shape}")
    table = Table(meta={"CREATOR": f"equiclust {__version__}"})
    _add(table, "id", _texts(rows.ids), "name of the image")
    _add(table, "path", _texts(rows.paths), "file it came from")
    _add(table, "label", _labels("labels", labels, n), "cluster from 0; -1 = don't know")
    _add(table, "stability", _scores("stability", stability, n), STABILITY)
    if agreement is not None:
        text = "share of the folds that give the label"
        _add(table, "agreement", _scores("agreement", agreement, n), text)
    if agreement_held_out is not None:
        text = "the same of the folds that were not trained on the image"
        scores = _scores("agreement_held_out", agreement_held_out, n)
        _add(table, "agreement_held_out", scores, text)
    for k, row in enumerate(folds):
        name = f"label_fold_{k:02d}"
        _add(table, name, _labels(f"fold_labels[{k}]", row, n), f"label in fold {k}")
    scores = _scores("outlier_score", outlier_score, n)
    _add(table, "outlier_score", scores, "the larger, the less like the others")
    if more is not None and list(more["id"]) != list(rows.ids):
        raise InputError(f"more must have the {n} ids of the images, got {len(more)} others")
    for column in () if more is None else more.itercols():
        if column.name != "id":
            table[column.name] = column
    if rows.positions is not None:
        ra, dec = rows.positions.T
        _add(table, "ra", ra, "right ascension of the image's centre, ICRS", "deg")
        _add(table, "dec", dec, "declination of the image's centre, ICRS", "deg")
    return add_ucds(table)


@checks_types
def make_latents(ids: Sequence[str], latents: npt.ArrayLike) -> Table:
    """Table of latents, one row for each image.

    Parameters
    ----------
    ids : sequence of str
        Names of the images.
    latents : array-like (n, d)

    Returns
    -------
    astropy.table.Table
        Columns `id` and `latent`, the latter of vectors `(d,)`, float32.

    Raises
    ------
    InputError
        When `latents` is not of shape `(len(ids), d)`.
    """
    from astropy.table import Table

    vectors = check_array("latents", latents).astype(np.float32)
    if vectors.ndim != 2 or len(vectors) != len(ids) or vectors.shape[1] == 0:
        raise InputError(f"latents must have shape ({len(ids)}, d), got {vectors.shape}")
    table = Table(meta={"CREATOR": f"equiclust {__version__}"})
    _add(table, "id", _texts(ids), "name of the image")
    _add(table, "latent", vectors, "what the network says of its shape, whatever its orientation")
    return add_ucds(table)


@checks_types
def make_confounders(ids: Sequence[str], measures: Table) -> Table:
    """Table of the confounders of each image, with names as the other tables have them.

    Parameters
    ----------
    ids : sequence of str
        Names of the images.
    measures : astropy.table.Table
        From `measure_confounders`.

    Returns
    -------
    astropy.table.Table

    Raises
    ------
    InputError
        When the measures are those of other images.
    """
    if list(measures["id"]) != list(ids):
        raise InputError(f"measures must have the {len(ids)} ids of the images, got others")
    table = measures.copy()
    table.meta["CREATOR"] = f"equiclust {__version__}"
    _add(table, "id", _texts(ids), "name of the image")
    return add_ucds(table)


def make_rejected(rejected: Iterable[tuple[PathLike, str]]) -> Table:
    """Table of the files that could not be used.

    Parameters
    ----------
    rejected : iterable of (path-like, str)
        Path and reason of each file.

    Returns
    -------
    astropy.table.Table
        Columns `path` and `reason`; empty when there are no such files.
    """
    from astropy.table import Table

    rows = [(os.fspath(path), " ".join(reason.split())) for path, reason in rejected]
    table = Table(meta={"CREATOR": f"equiclust {__version__}"})
    _add(table, "path", _texts(path for path, _ in rows), "file that was left out")
    _add(table, "reason", _texts(reason for _, reason in rows), "why")
    return add_ucds(table)


def _add(table: Table, name: str, values: Array, description: str, unit: str | None = None) -> None:
    from astropy.table import Column

    table[name] = Column(values, description=description, unit=unit)


def _texts(values: Iterable[str]) -> Array:
    """Text that every format can hold: characters that cannot be printed become U+FFFD."""
    return np.array([printable(text) for text in values], dtype=np.str_)


def _labels(name: str, values: npt.ArrayLike, n: int) -> IntArray:
    array = np.asarray(values)
    if array.shape != (n,) or (n and array.dtype.kind not in "iu"):
        raise InputError(
            f"{name} must be {n} whole numbers, got shape {array.shape} and dtype {array.dtype}"
        )
    return array.astype(np.int64)


def _scores(name: str, values: npt.ArrayLike, n: int) -> Float64Array:
    array = np.asarray(values)
    if array.shape != (n,) or array.dtype.kind not in "iufb":
        raise InputError(
            f"{name} must be {n} real numbers, got shape {array.shape} and dtype {array.dtype}"
        )
    return array.astype(np.float64)
