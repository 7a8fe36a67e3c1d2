"""From a stream of images to batches that a network takes, and what was left out on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from data_adapters.streaming import START, Place, StreamPart
from equiclust.images import Image, ImageSet
from equiclust.pipeline.preprocessing import CHUNK, Unfit, preprocessed
from equiclust.preprocessing import Preprocessor

__all__ = ["Batch", "BatchMaker", "LeftOut", "parts_of_set"]

# In this order the rejected inputs are listed.
_READING, _CHANNELS, _PREPROCESSING = range(3)


class LeftOut(NamedTuple):
    """An input that cannot be used.

    Attributes
    ----------
    stage : int
        0 where it cannot be read, 1 where it has other channels, 2 where it cannot be preprocessed.
    path : str
    reason : str
    last : Place
        Behind it in the stream.
    id : str, default ""
        Name of an image that can be read.
    row : int, default 0
        Number of usable images before it.
    """

    stage: int
    path: str
    reason: str
    last: Place
    id: str = ""
    row: int = 0


class Batch(NamedTuple):
    """Images that can be used and follow one another.

    Attributes
    ----------
    originals, images : ImageSet
        As read, and preprocessed.
    ids : tuple of str
        Names, which images of other files may have too.
    last : Place
        Behind the last of them in the stream.
    share : float
        Part of the inputs that is read by then, 0 to 1.
    """

    originals: ImageSet
    images: ImageSet
    ids: tuple[str, ...]
    last: Place
    share: float


class _Raw(NamedTuple):
    """An image of the stream, and where it ends there."""

    image: Image
    last: Place
    share: float


@dataclass
class BatchMaker:
    """Preprocesses a stream, 64 images at a time, whatever the sizes of its parts.

    Parameters
    ----------
    preprocessor : Preprocessor
    left_out : list of LeftOut, default empty
        Grows as inputs are met that cannot be used; those before the last image of a batch are
        there when the batch is.
    n_usable : int, default 0
        Usable images until now.
    """

    preprocessor: Preprocessor
    left_out: list[LeftOut] = field(default_factory=list)
    n_usable: int = 0

    def batches(self, parts: Iterable[StreamPart]) -> Iterator[Batch]:
        """Batches of 64 usable images; the last one has fewer.

        Parameters
        ----------
        parts : iterable of StreamPart

        Yields
        ------
        Batch
        """
        usable: list[tuple[_Raw, Image]] = []
        for chunk in self._chunks(parts):
            usable += self._usable(chunk)
            if len(usable) >= CHUNK:
                yield _batch(usable[:CHUNK])
                usable = usable[CHUNK:]
        if usable:
            yield _batch(usable)

    def _chunks(self, parts: Iterable[StreamPart]) -> Iterator[list[_Raw]]:
        waiting: list[_Raw] = []
        for part in parts:
            if part.rejected is not None:
                self.left_out.append(LeftOut(_READING, *part.rejected, part.last))
            waiting += _raw(part)
            while len(waiting) >= CHUNK:
                yield waiting[:CHUNK]
                del waiting[:CHUNK]
        if waiting:
            yield waiting

    def _usable(self, chunk: list[_Raw]) -> Iterator[tuple[_Raw, Image]]:
        images = _distinct([one.image for one in chunk])
        for one, new in zip(chunk, preprocessed(images, self.preprocessor), strict=True):
            if isinstance(new, Unfit):
                stage = _CHANNELS if new.by_channels else _PREPROCESSING
                name = one.image.path or one.image.id
                self.left_out.append(
                    LeftOut(stage, name, new.reason, one.last, one.image.id, self.n_usable)
                )
            else:
                self.n_usable += 1
                yield one, new


def parts_of_set(images: ImageSet) -> Iterator[StreamPart]:
    """The stream of images in memory.

    Parameters
    ----------
    images : ImageSet

    Yields
    ------
    StreamPart
    """
    n = len(images)
    for start in range(0, n, CHUNK):
        chunk = images.images[start : start + CHUNK]
        last = start + len(chunk)
        first = START._replace(image=start)
        yield StreamPart(first, chunk, None, START._replace(image=last), start / n, last / n)


def _raw(part: StreamPart) -> Iterator[_Raw]:
    file, first = part.first
    step = (part.share - part.share_before) / max(1, len(part.images))
    for k, image in enumerate(part.images, start=1):
        yield _Raw(image, Place(file, first + k), part.share_before + k * step)


def _distinct(images: list[Image]) -> ImageSet:
    """The images with ids that differ, which those of several files need not do."""
    if len({image.id for image in images}) == len(images):
        return ImageSet(tuple(images))
    return ImageSet(tuple(replace(image, id=str(k)) for k, image in enumerate(images)))


def _batch(usable: list[tuple[_Raw, Image]]) -> Batch:
    originals = _distinct([one.image for one, _ in usable])
    pairs = zip(originals, usable, strict=True)
    images = (new if new.id == old.id else replace(new, id=old.id) for old, (_, new) in pairs)
    end = usable[-1][0]
    ids = tuple(one.image.id for one, _ in usable)
    return Batch(originals, ImageSet(tuple(images)), ids, end.last, end.share)
