"""What a search for similar images asks about: images, vectors, or images of the run itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from equiclust.exceptions import InputError
from equiclust.images import ImageSet
from equiclust.io.catalogue_rows import CatalogueRows
from equiclust.pipeline.inputs import Inputs, Rejection, load_images
from equiclust.pipeline.latent_prediction import read_latent_inputs
from equiclust.pipeline.run_files import RunFiles
from equiclust.progress import Progress, start_stage
from equiclust.typing import Float32Array

__all__ = ["Queries", "compared_latents", "queries_by_id", "read_queries"]


class Queries(NamedTuple):
    """What is asked about.

    Attributes
    ----------
    rows : CatalogueRows
        Names and files.
    latents : ndarray (n, d), float32
        Without the confounders that the run removes.
    images : ImageSet or None
        Preprocessed; None where there are none.
    rejected : tuple of (str, str), default ()
        Path and reason of every input that could not be used.
    """

    rows: CatalogueRows
    latents: Float32Array
    images: ImageSet | None
    rejected: tuple[Rejection, ...] = ()


def compared_latents(run: RunFiles) -> Float32Array:
    """Latents of a run without the confounders that its model removes.

    Parameters
    ----------
    run : RunFiles

    Returns
    -------
    ndarray (n, d), float32
    """
    ensemble = run.model.ensemble
    known = run.confounders if ensemble.removals_ else None
    return ensemble.remove_from_transformed(run.latents, known)


def read_queries(run: RunFiles, inputs: Inputs, on_progress: Progress | None) -> Queries:
    """Read and encode what inputs name, by the model of a run.

    Parameters
    ----------
    run : RunFiles
    inputs : str, path, sequence of them, or ImageSet
        Images; or a file of vectors where the run is of vectors without images.
    on_progress : callable or None
        See `equiclust.progress.Progress`.

    Returns
    -------
    Queries

    Raises
    ------
    InputError
        When no input can be used.
    """
    ensemble = run.model.ensemble
    if not run.has_images:
        found = read_latent_inputs(inputs)
        latents = ensemble.transform_latents(ensemble.encode_features(found.latents))
        return Queries(found.rows, latents, None)
    loaded = load_images(
        inputs, run.model.preprocessor.get_params(), axes=run.axes, on_progress=on_progress
    )
    latents = ensemble.remove_from_transformed(
        run.model.latents(loaded.images, start_stage(on_progress, "encoding")),
        run.model.confounders(loaded.originals, loaded.images),
    )
    rows = CatalogueRows(
        loaded.originals.ids, tuple(image.path or "" for image in loaded.originals), None
    )
    return Queries(rows, latents, loaded.images, loaded.rejected)


def queries_by_id(run: RunFiles, ids: Sequence[str]) -> Queries:
    """Images of the run itself, which need not be read again.

    Parameters
    ----------
    run : RunFiles
    ids : sequence of str

    Returns
    -------
    Queries

    Raises
    ------
    InputError
        When the run has no such image.
    """
    catalogue = run.catalogue
    known = {str(name): row for row, name in enumerate(catalogue["id"])}
    missing = [name for name in ids if name not in known]
    if missing:
        raise InputError(f"ids must be of images of {str(run.path)!r}, got {missing[0]!r}")
    rows = np.array([known[name] for name in ids], dtype=np.int64)
    paths = tuple(str(catalogue["path"][row]) for row in rows.tolist())
    return Queries(CatalogueRows(tuple(ids), paths, None), compared_latents(run)[rows], None)
