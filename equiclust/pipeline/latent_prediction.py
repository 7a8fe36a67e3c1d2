"""Labels of vectors that were made elsewhere, by the model of a run of such vectors."""

from __future__ import annotations

import os

import numpy as np

from equiclust.encoders.latent_files import LatentFile, is_latent_file, read_latent_file
from equiclust.exceptions import InputError
from equiclust.io.block_tables import BlockTable
from equiclust.io.catalogue import make_latents
from equiclust.io.table_parts import Parts
from equiclust.pipeline.image_facts import ImageFacts
from equiclust.pipeline.inputs import Inputs
from equiclust.pipeline.model import Model
from equiclust.pipeline.prediction_parts import LabelledStream
from equiclust.progress import Progress, start_stage

__all__ = ["label_latents", "read_latent_inputs"]

# Vectors of one block, which a stopped call does not label again.
_BLOCK = 4096


def read_latent_inputs(inputs: Inputs) -> LatentFile:
    """Read the vectors that inputs name in place of images.

    Parameters
    ----------
    inputs : str, path, or sequence of one of them

    Returns
    -------
    LatentFile

    Raises
    ------
    InputError
        When it is not one file of vectors, or cannot be read.
    """
    one = inputs[0] if isinstance(inputs, list | tuple) and len(inputs) == 1 else inputs
    name = os.fspath(one) if isinstance(one, str | os.PathLike) else ""
    if not is_latent_file(name):
        raise InputError(
            "the run is of vectors without images, so inputs must be one file of vectors, such as "
            f"latents.parquet, got {name or type(inputs).__name__}"
        )
    return read_latent_file(name, numbered=True)


def label_latents(
    model: Model,
    found: LatentFile,
    parts: Parts,
    *,
    with_latents: bool = False,
    on_progress: Progress | None = None,
) -> LabelledStream:
    """Label all vectors, and go on where a stopped call has ended.

    Parameters
    ----------
    model : Model
    found : LatentFile
    parts : Parts
        Where labelled rows are kept until all are.
    with_latents : bool, default False
        Whether the table has a column of latents.
    on_progress : callable, optional
        See `equiclust.progress.Progress`.

    Returns
    -------
    LabelledStream

    Raises
    ------
    InputError
        When the vectors have another length than those of the run.
    """
    n = len(found.latents)
    start = int(parts.open().get("n", 0))
    update = start_stage(on_progress, "labelling")
    for first in range(start, n, _BLOCK):
        block = found.take(np.arange(first, min(first + _BLOCK, n)))
        latents = model.ensemble.encode_features(block.latents)
        table = model.predict_catalogue(ImageFacts(block.rows, None, None), latents)
        if with_latents:
            vectors = model.ensemble.transform_latents(latents)
            table["latent"] = make_latents(block.rows.ids, vectors)["latent"]
        done = first + len(block.latents)
        parts.append(table, {"n": done})
        update(done, n, "")
    return LabelledStream(BlockTable(parts.tables), ())
