"""The images of a run that are most similar to given ones: a table and a contact sheet."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data_adapters.single_images import chosen
from equiclust.evaluation.similarity import LatentIndex
from equiclust.exceptions import InputError
from equiclust.images import Image, ImageSet
from equiclust.io.catalogue import write_table
from equiclust.io.output_checks import check_outside_runs, output_path
from equiclust.io.outputs import Outputs
from equiclust.pipeline.inputs import Inputs, Rejection, load_images
from equiclust.pipeline.run_files import RunFiles
from equiclust.pipeline.run_pictures import RunPictures
from equiclust.progress import Progress, start_stage
from equiclust.typing import Float32Array, PathLike
from equiclust.validation import check_whole

if TYPE_CHECKING:
    from astropy.table import Table

    from equiclust.report.contact_sheet import SheetTile

__all__ = ["Neighbour", "SimilarImages", "check_sheet_output", "find_similar", "write_similar"]

# Nobody reads a sheet of more rows and columns; the table has all of them.
_MAX_ROWS, _MAX_COLUMNS = 30, 20

_DESCRIPTIONS = {
    "id": "image that was asked about",
    "rank": "1 = nearest",
    "similar": "image of the run",
    "path": "its file",
    "distance": "between the latents",
    "label": "cluster of the image of the run; -1 = don't know",
}

# Distance between two encodings of one image, as a share of the norm of its latent.
_ROUNDING = 1e-5


@dataclass(frozen=True)
class Neighbour:
    """One of the nearest images.

    Parameters
    ----------
    row : int
        Its row in the catalogue of the run.
    distance : float
        Euclidean distance between the latents.
    """

    row: int
    distance: float


@dataclass(frozen=True)
class SimilarImages:
    """Result of a search.

    Parameters
    ----------
    run : RunFiles
        The run that was searched.
    queries : ImageSet
        Images that were asked about, preprocessed.
    neighbours : list of list of Neighbour
        The nearest images of every query, nearest first.
    table : astropy.table.Table
        The same, one row per pair.
    rejected : tuple of (str, str)
        Path and reason of every input that could not be used.
    """

    run: RunFiles
    queries: ImageSet
    neighbours: list[list[Neighbour]]
    table: Table
    rejected: tuple[Rejection, ...]


def find_similar(
    run: RunFiles, inputs: Inputs, *, n: int = 10, on_progress: Progress | None = None
) -> SimilarImages:
    """Find the images of a run with the nearest latents, without the confounders it removes.

    Parameters
    ----------
    run : RunFiles
    inputs : str, path, sequence of them, or ImageSet
        Files, folders or globs, or images in memory.
    n : int, default 10
        Number of neighbours per image; an image of the run is not its own neighbour.
    on_progress : callable, optional
        See `equiclust.progress.Progress`.

    Returns
    -------
    SimilarImages

    Raises
    ------
    InputError
        When `n` is below 1, or no input can be used.
    """
    check_whole("n", n)
    model = run.model
    loaded = load_images(
        inputs, model.preprocessor.get_params(), axes=run.axes, on_progress=on_progress
    )
    latents = model.ensemble.remove_from_transformed(
        model.latents(loaded.images, start_stage(on_progress, "encoding")),
        model.confounders(loaded.originals, loaded.images),
    )
    start_stage(on_progress, "searching")
    neighbours = _neighbours(run, loaded.originals, latents, n)
    table = _table(loaded.originals, neighbours, run.catalogue)
    return SimilarImages(run, loaded.images, neighbours, table, loaded.rejected)


def _neighbours(
    run: RunFiles, queries: ImageSet, latents: Float32Array, n: int
) -> list[list[Neighbour]]:
    """The nearest images of the run to every query, without the query itself."""
    catalogue = run.catalogue
    distances, rows = LatentIndex(_compared(run)).query(latents, n + 1)
    # A file of many images is looked up once.
    paths, path_of_row = np.unique(np.asarray(catalogue["path"], dtype=str), return_inverse=True)
    real = np.array([os.path.realpath(path) if path else "" for path in paths], dtype=str)
    found: list[list[Neighbour]] = []
    for image, far, near in zip(queries, distances, rows, strict=True):
        own = real == os.path.realpath(image.path) if image.path else np.zeros(len(real), bool)
        candidates = np.flatnonzero(own[path_of_row]).tolist()
        itself = chosen(image.id, {str(catalogue["id"][i]): i for i in candidates})
        others = [Neighbour(int(row), float(d)) for d, row in zip(far, near, strict=True)]
        if image.path is None and _is_same(others[0], image, latents[len(found)], catalogue):
            itself = others[0].row
        found.append([one for one in others if one.row != itself][:n])
    return found


def _compared(run: RunFiles) -> Float32Array:
    """Latents of the run without the confounders that its model removes."""
    ensemble = run.model.ensemble
    known = run.confounders if ensemble.removals_ else None
    return ensemble.remove_from_transformed(run.latents, known)


def _is_same(nearest: Neighbour, image: Image, latent: Float32Array, catalogue: Table) -> bool:
    """Whether an image in memory is one of the run's: the same id, no file, the same latent."""
    row = catalogue[nearest.row]
    same_latent = nearest.distance <= _ROUNDING * float(np.linalg.norm(latent))
    return str(row["id"]) == image.id and not str(row["path"]) and same_latent


def _table(queries: ImageSet, neighbours: list[list[Neighbour]], catalogue: Table) -> Table:
    from astropy.table import Table

    rows = [
        {
            "id": image.id,
            "rank": rank,
            "similar": str(catalogue["id"][one.row]),
            "path": str(catalogue["path"][one.row]),
            "distance": one.distance,
            "label": int(catalogue["label"][one.row]),
        }
        for image, found in zip(queries, neighbours, strict=True)
        for rank, one in enumerate(found, start=1)
    ]
    table = Table(rows=rows, names=list(_DESCRIPTIONS))
    for name, description in _DESCRIPTIONS.items():
        table[name].description = description
    return table


def check_sheet_output(sheet: PathLike, run: PathLike) -> None:
    """Refuse a contact sheet that cannot be written, or would replace something else.

    Parameters
    ----------
    sheet : str or path
        Ends in .png; the table beside it ends in .ecsv.
    run : str or path
        Folder of the run, in which the sheet may not lie.

    Raises
    ------
    InputError
        When the name does not end in .png.
    OutputError
        When anything lies there but a sheet and a table of an earlier search.
    """
    _sheet_outputs(sheet, run).check_free()


def _sheet_outputs(sheet: PathLike, run: PathLike) -> Outputs:
    path = output_path(sheet)
    if path.suffix.lower() != ".png":
        raise InputError(f"output must end in .png, got {str(path)!r}")
    for one in (path.with_suffix(".ecsv"), path):
        check_outside_runs(one, Path(run))
    return Outputs.beside(path, path.with_suffix(".ecsv"), command="similar")


def write_similar(similar: SimilarImages, sheet: PathLike) -> Path:
    """Write a contact sheet, every query in front of its neighbours, and the table beside it.

    Parameters
    ----------
    similar : SimilarImages
    sheet : str or path
        Ends in .png. At most 30 queries and 20 neighbours are drawn.

    Returns
    -------
    Path
        Of the table, which holds all of them.

    Raises
    ------
    InputError, OutputError
        As `check_sheet_output`.
    """
    from equiclust.report.contact_sheet import write_contact_sheet

    outputs = _sheet_outputs(sheet, similar.run.path)
    pictures = RunPictures(similar.run)
    rows = [
        _sheet_row(image, found[:_MAX_COLUMNS], similar.run.catalogue, pictures)
        for image, found in zip(similar.queries, similar.neighbours[:_MAX_ROWS], strict=False)
    ]
    listed, picture = outputs.names
    with outputs.held(), outputs.replaced() as drafts:
        write_table(similar.table, drafts / listed)
        write_contact_sheet(drafts / picture, rows)
    return outputs.folder / listed


def _sheet_row(
    image: Image, found: Sequence[Neighbour], catalogue: Table, pictures: RunPictures
) -> list[SheetTile]:
    from equiclust.report.contact_sheet import SheetTile

    tiles = [SheetTile(image.pixels, image.id, "query")]
    for one in found:
        label = int(catalogue["label"][one.row])
        cluster = f"cluster {label}" if label >= 0 else "no cluster"
        name = str(catalogue["id"][one.row])
        tiles.append(
            SheetTile(
                pictures.preprocessed_or_none(one.row), name, f"{one.distance:.3g}, {cluster}"
            )
        )
    return tiles
