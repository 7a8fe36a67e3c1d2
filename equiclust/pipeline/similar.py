"""The images of one or several runs that are most similar to given ones."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from data_adapters.single_images import chosen
from equiclust.evaluation.similarity import LatentIndex
from equiclust.exceptions import InputError
from equiclust.io.ucds import add_ucds
from equiclust.pipeline.inputs import Inputs, Rejection
from equiclust.pipeline.run_files import RunFiles
from equiclust.pipeline.similar_queries import (
    Queries,
    compared_latents,
    queries_by_id,
    read_queries,
)
from equiclust.pipeline.sky_field import SkyField, rows_within
from equiclust.progress import Progress, start_stage
from equiclust.typing import Array, IntArray
from equiclust.validation import check_whole

if TYPE_CHECKING:
    from astropy.table import Table
    from astropy.units import Quantity

__all__ = ["Neighbour", "SearchedRun", "SimilarImages", "find_similar"]

_DESCRIPTIONS = {
    "id": "image that was asked about",
    "run": "folder that was searched",
    "rank": "1 = nearest",
    "similar": "image of the run",
    "path": "its file",
    "distance": "between the latents, which compares images within one run alone",
    "label": "cluster of the image of the run; -1 = don't know",
}

# Distance between two encodings of one image, as a share of the norm of its latent.
_ROUNDING = 1e-5


class Neighbour(NamedTuple):
    """One of the nearest images.

    Attributes
    ----------
    row : int
        Its row in the catalogue of the run.
    distance : float
        Euclidean distance between the latents.
    """

    row: int
    distance: float


class SearchedRun(NamedTuple):
    """What was found in one run.

    Attributes
    ----------
    run : RunFiles
    queries : Queries
        As the model of this run encodes them.
    neighbours : list of list of Neighbour
        The nearest images of every query, nearest first.
    """

    run: RunFiles
    queries: Queries
    neighbours: list[list[Neighbour]]


@dataclass(frozen=True)
class SimilarImages:
    """Result of a search.

    Parameters
    ----------
    searched : tuple of SearchedRun
        One for each run.
    table : astropy.table.Table
        All that was found, one row per pair.
    """

    searched: tuple[SearchedRun, ...]
    table: Table

    @property
    def rejected(self) -> tuple[Rejection, ...]:
        """Path and reason of every input that could not be used."""
        return self.searched[0].queries.rejected


def find_similar(
    run: RunFiles,
    inputs: Inputs = (),
    *,
    n: int = 10,
    ids: Sequence[str] = (),
    others: Sequence[RunFiles] = (),
    near: tuple[float, float] | None = None,
    radius: str | Quantity | None = None,
    on_progress: Progress | None = None,
) -> SimilarImages:
    """Find the images of runs with the nearest latents, without the confounders a run removes.

    Parameters
    ----------
    run : RunFiles
    inputs : str, path, ImageSet, another of `ImagesLike`, or sequence of them, default ()
        Files, folders or globs, or images in memory; of a run of vectors a file of them.
    n : int, default 10
        Number of neighbours per image; an image of the run is not its own neighbour.
    ids : sequence of str, default ()
        Images of the run to ask about, in place of inputs.
    others : sequence of RunFiles, default ()
        Further runs to search, each by its own model.
    near : (float, float), optional
        Right ascension and declination in degrees (ICRS), around which images are looked for.
    radius : str or astropy.units.Quantity, optional
        How far from there at most, such as "30arcmin".
    on_progress : callable, optional
        See `equiclust.progress.Progress`.

    Returns
    -------
    SimilarImages

    Raises
    ------
    InputError
        When `n` is below 1, no input can be used, no image of a run lies in that part of the sky,
        or other runs are to be searched for images by their ids.
    """
    check_whole("n", n)
    field = SkyField.of(near, radius)
    has_inputs = not isinstance(inputs, Sequence | str) or len(inputs) > 0
    if bool(ids) == has_inputs:
        raise InputError("either inputs or ids must name what to search for, got both or neither")
    if ids and others:
        raise InputError(f"ids are of one run, got {len(others)} others; name the files as inputs")
    searched = []
    for one in (run, *others):
        queries = queries_by_id(one, ids) if ids else read_queries(one, inputs, on_progress)
        start_stage(on_progress, "searching")
        searched.append(SearchedRun(one, queries, _neighbours(one, queries, n, field)))
    return SimilarImages(tuple(searched), _table(searched))


def _neighbours(
    run: RunFiles, queries: Queries, n: int, field: SkyField | None
) -> list[list[Neighbour]]:
    """The nearest images of the run to every query, without the query itself."""
    catalogue, latents = run.catalogue, compared_latents(run)
    among = np.arange(len(latents)) if field is None else rows_within(catalogue, field, run.path)
    distances, indices = LatentIndex(latents[among]).query(queries.latents, n + 1)
    own = _OwnRows(run, catalogue)
    found: list[list[Neighbour]] = []
    for k, (far, near) in enumerate(zip(distances, among[indices], strict=True)):
        others = [Neighbour(int(row), float(d)) for d, row in zip(far, near, strict=True)]
        itself = own.row_of(queries, k, others[0])
        found.append([one for one in others if one.row != itself][:n])
    return found


class _OwnRows:
    """Finds the row of a query that is an image of the run."""

    def __init__(self, run: RunFiles, catalogue: Table) -> None:
        self._catalogue = catalogue
        # A file of many images is looked up once.
        paths, self._path_of_row = np.unique(
            np.asarray(catalogue["path"], dtype=str), return_inverse=True
        )
        self._real: Array = np.array([_real(path) for path in paths.tolist()], dtype=str)
        self._has_images = run.has_images

    def row_of(self, queries: Queries, k: int, nearest: Neighbour) -> int | None:
        """Row of query number `k`, which may be the nearest; None where it is none of the run."""
        id, path = queries.rows.ids[k], queries.rows.paths[k]
        own = self._real == _real(path) if path else np.zeros(len(self._real), bool)
        candidates: IntArray = np.flatnonzero(own[self._path_of_row])
        names = {str(self._catalogue["id"][row]): int(row) for row in candidates}
        found = chosen(id, names)
        if found is None and (not path or not self._has_images):
            return nearest.row if self._is_same(nearest, id, queries, k) else None
        return found

    def _is_same(self, nearest: Neighbour, id: str, queries: Queries, k: int) -> bool:
        """Whether an image without a file is one of the run's: the same id and latent."""
        row = self._catalogue[nearest.row]
        same = nearest.distance <= _ROUNDING * float(np.linalg.norm(queries.latents[k]))
        no_file = not str(row["path"]) or not self._has_images
        return str(row["id"]) == id and no_file and same


def _real(path: str) -> str:
    return os.path.realpath(path) if path else ""


def _table(searched: Sequence[SearchedRun]) -> Table:
    from astropy.table import Table

    rows = [
        {
            "id": name,
            "run": str(run.path),
            "rank": rank,
            "similar": str(run.catalogue["id"][one.row]),
            "path": str(run.catalogue["path"][one.row]),
            "distance": one.distance,
            "label": int(run.catalogue["label"][one.row]),
        }
        for run, queries, neighbours in searched
        for name, found in zip(queries.rows.ids, neighbours, strict=True)
        for rank, one in enumerate(found, start=1)
    ]
    names = [name for name in _DESCRIPTIONS if name != "run" or len(searched) > 1]
    table = Table(rows=rows, names=list(_DESCRIPTIONS))[names]
    for name in names:
        table[name].description = _DESCRIPTIONS[name]
    return add_ucds(table)
