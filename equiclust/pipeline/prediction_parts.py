"""Blocks of labels kept one after the other, and the one catalogue that they make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
from equiclust.typing import IntArray

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
    table = _with_unique_ids(parts, left_out)
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

    maker = BatchMaker(model.preprocessor, n_usable=n_done)
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
        state = {"last": block.last, "n": n_done, "left_out": before}
        parts.append(block.table, state)
    return maker.left_out


def _rejections(parts: Parts, left_out: list[LeftOut]) -> tuple[Rejection, ...]:
    """All inputs that were left out: the unreadable ones first, then those that do not fit."""
    found = sorted(_all_left_out(parts, left_out), key=lambda one: one.stage)
    return tuple((one.path, one.reason) for one in found)


def _all_left_out(parts: Parts, left_out: list[LeftOut]) -> list[LeftOut]:
    before = [LeftOut(*one) for state in parts.states() for one in state["left_out"]]
    return [*before, *left_out]


def _with_unique_ids(parts: Parts, left_out: list[LeftOut]) -> BlockTable:
    """The whole catalogue, of which no two rows have the same id.

    Images that can be read and not used have names too, so that those of the others are what they
    are for a run that reads them.
    """
    unused = [one for one in _all_left_out(parts, left_out) if one.id]
    places = np.array([one.row + k for k, one in enumerate(unused)], dtype=np.int64)
    ids, paths = [one.id for one in unused], [one.path for one in unused]
    changed = changed_ids(
        lambda: _inserted(_texts(parts, "id"), places, ids),
        lambda: _inserted(_texts(parts, "path"), places, paths),
    )
    among = set(places.tolist())
    by_row = {
        place - int(np.searchsorted(places, place)): name
        for place, name in changed.items()
        if place not in among
    }
    return BlockTable(lambda: _renamed(parts.tables(), by_row))


def _inserted(texts: Iterator[str], places: IntArray, more: Sequence[str]) -> Iterator[str]:
    """Texts with others among them, which then stand at the given places."""
    waiting = dict(zip(places.tolist(), more, strict=True))
    n = 0
    for text in texts:
        while n in waiting:
            yield waiting.pop(n)
            n += 1
        yield text
        n += 1
    yield from waiting.values()


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
