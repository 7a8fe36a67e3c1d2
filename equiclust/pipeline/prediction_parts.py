"""Blocks of labels kept one after the other, and the one catalogue that they make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from data_adapters.streaming import START, Place
from data_adapters.unique_ids import changed_ids
from equiclust.exceptions import InputError
from equiclust.io.block_tables import BlockTable
from equiclust.io.table_parts import Parts
from equiclust.pipeline.block_prediction import predicted_blocks
from equiclust.pipeline.image_batches import BatchMaker, LeftOut
from equiclust.pipeline.inputs import Rejection, nothing_left, warn_of_rejected
from equiclust.pipeline.model import Model
from equiclust.pipeline.prediction_source import PredictionSource
from equiclust.pipeline.reading_limits import ReadingLimits
from equiclust.progress import Progress, start_stage

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["LabelOptions", "LabelledStream", "label_stream"]


class LabelOptions(NamedTuple):
    """How the images of a stream are labelled.

    Attributes
    ----------
    limits : ReadingLimits
    with_latents : bool, default False
        Whether the table has a column of latents.
    scheduler : str or None, default None
        Address of a Dask scheduler whose workers encode the images.
    """

    limits: ReadingLimits
    with_latents: bool = False
    scheduler: str | None = None


class LabelledStream(NamedTuple):
    """Labels of all images of a stream.

    Attributes
    ----------
    table : BlockTable
        The catalogue, of which no two rows have the same id.
    rejected : tuple of (str, str)
        Path and reason of every input that cannot be used.
    """

    table: BlockTable
    rejected: tuple[Rejection, ...]


def label_stream(
    model: Model,
    source: PredictionSource,
    parts: Parts,
    options: LabelOptions,
    on_progress: Progress | None,
) -> LabelledStream:
    """Label all images of a stream, and go on where a stopped call has ended.

    Parameters
    ----------
    model : Model
    source : PredictionSource
    parts : Parts
        Where labelled images are kept until all are.
    options : LabelOptions
    on_progress : callable or None
        See `equiclust.progress.Progress`.

    Returns
    -------
    LabelledStream

    Raises
    ------
    InputError
        When no image can be used, or more memory is needed.

    Warns
    -----
    EquiclustWarning
        When inputs are rejected.
    """
    try:
        left_out = _predict_parts(model, source, parts, options, on_progress)
        rejected = _rejections(parts, left_out)
        if not len(parts):
            raise InputError(nothing_left(rejected))
    except InputError:
        if not len(parts):
            parts.remove()
        raise
    table = _with_unique_ids(parts)
    warn_of_rejected(rejected, len(table))
    return LabelledStream(table, rejected)


def _predict_parts(
    model: Model,
    source: PredictionSource,
    parts: Parts,
    options: LabelOptions,
    on_progress: Progress | None,
) -> list[LeftOut]:
    """Label what the parts do not have yet; returns what was left out behind the last block.

    Each block is appended as soon as it is labelled, with what was left out before its end.
    """
    state = parts.open()
    first, n_done = Place(*state.get("last", START)), int(state.get("n", 0))
    update = start_stage(on_progress, "encoding")
    n_encoded = n_done

    def on_batch(n: int, share: float) -> None:
        nonlocal n_encoded
        options.limits.check()
        n_encoded += n
        update(n_encoded, max(n_encoded, round(n_encoded / share)), "")

    maker = BatchMaker(model.preprocessor)
    batches = maker.batches(source.parts(first, options.limits))
    for block in predicted_blocks(
        model,
        batches,
        on_batch,
        with_latents=options.with_latents,
        scheduler=options.scheduler,
    ):
        n_done += len(block.table)
        before = [one for one in maker.left_out if one.last <= block.last]
        maker.left_out[:] = [one for one in maker.left_out if one.last > block.last]
        state = {"last": block.last, "n": n_done, "left_out": [one[:3] for one in before]}
        parts.append(block.table, state)
    return maker.left_out


def _rejections(parts: Parts, left_out: list[LeftOut]) -> tuple[Rejection, ...]:
    """All inputs that were left out: the unreadable ones first, then those that do not fit."""
    found = [tuple(one) for state in parts.states() for one in state["left_out"]]
    found += [one[:3] for one in left_out]
    found.sort(key=lambda one: one[0])
    return tuple((path, reason) for _, path, reason in found)


def _with_unique_ids(parts: Parts) -> BlockTable:
    """The whole catalogue, of which no two rows have the same id."""
    changed = changed_ids(lambda: _texts(parts, "id"), lambda: _texts(parts, "path"))
    return BlockTable(lambda: _renamed(parts.tables(), changed))


def _texts(parts: Parts, name: str) -> Iterator[str]:
    for table in parts.tables([name]):
        yield from table[name].tolist()


def _renamed(tables: Iterator[Table], changed: Mapping[int, str]) -> Iterator[Table]:
    first = 0
    for table in tables:
        last = first + len(table)
        if changed:
            ids: list[Any] = table["id"].tolist()
            names = [changed.get(row, id) for row, id in zip(range(first, last), ids, strict=True)]
            about = table["id"].description
            table["id"] = np.array(names, dtype=np.str_)
            table["id"].description = about
        yield table
        first = last
