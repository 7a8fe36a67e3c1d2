"""Labels of batches of images, block by block, while the next batches are read."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from data_adapters.streaming import Place
from equiclust.io.catalogue import make_latents
from equiclust.pipeline.encoding_pool import LatentsToCome, encoding_pool
from equiclust.pipeline.image_batches import Batch
from equiclust.pipeline.image_facts import ImageFacts
from equiclust.pipeline.model import Model

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["BATCHES", "Block", "predicted_blocks"]

BATCHES = 64
"""Batches of one block. Always as many, so that no label depends on how the images were read."""


class Block(NamedTuple):
    """Labels of images that follow one another.

    Attributes
    ----------
    table : astropy.table.Table
        Rows of the catalogue, with ids that other blocks may have too.
    last : Place
        Behind the last of the images in the stream.
    """

    table: Table
    last: Place


class _Encoded(NamedTuple):
    """A batch without its pixels, and its latents once they are computed."""

    facts: ImageFacts
    latents: LatentsToCome
    last: Place
    share: float


def predicted_blocks(
    model: Model,
    batches: Iterable[Batch],
    on_batch: Callable[[int, float], None],
    *,
    with_latents: bool = False,
    scheduler: str | None = None,
) -> Iterator[Block]:
    """Encode and label batches of 64 images.

    The network runs in a thread of its own or on other machines, while this one reads, preprocesses
    and labels: what readers do to the warnings of a process is safe in its main thread alone.

    Parameters
    ----------
    model : Model
    batches : iterable of Batch
    on_batch : callable
        Gets the number of images of a batch that is encoded, and the share of the inputs that is
        done by then.
    with_latents : bool, default False
        Whether the tables have a column of latents.
    scheduler : str, optional
        Address of a Dask scheduler whose workers encode.

    Yields
    ------
    Block
        Of 4096 images; the last one has fewer.
    """
    waiting: deque[_Encoded] = deque()
    done: list[_Encoded] = []
    with encoding_pool(model.ensemble, scheduler) as pool:
        for batch in batches:
            facts = model.facts(batch.originals, batch.images, batch.ids)
            latents = pool.submit(batch.images)
            waiting.append(_Encoded(facts, latents, batch.last, batch.share))
            if len(waiting) > pool.n_ahead:
                done.append(_finished(waiting.popleft(), on_batch))
            if len(done) == BATCHES:
                yield _block(model, done, with_latents)
                done = []
        for one in waiting:
            done.append(_finished(one, on_batch))
            if len(done) == BATCHES:
                yield _block(model, done, with_latents)
                done = []
        if done:
            yield _block(model, done, with_latents)


def _finished(one: _Encoded, on_batch: Callable[[int, float], None]) -> _Encoded:
    one.latents.result()
    on_batch(len(one.facts.rows.ids), one.share)
    return one


def _block(model: Model, encoded: Sequence[_Encoded], with_latents: bool) -> Block:
    facts = ImageFacts.joined([one.facts for one in encoded])
    latents = np.concatenate([one.latents.result() for one in encoded], axis=1)
    table = model.predict_catalogue(facts, latents)
    if with_latents:
        vectors = model.ensemble.transform_latents(latents)
        table["latent"] = make_latents(facts.rows.ids, vectors)["latent"]
    return Block(table, encoded[-1].last)
