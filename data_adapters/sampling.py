"""`read_sample`: a random part of the images that inputs name, which may be more than fit."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from data_adapters.reading import Rejected
from data_adapters.streaming import ImageStream
from data_adapters.unique_ids import changed_ids
from equiclust.images import Image, ImageSet
from equiclust.images_like import ImagesLike

__all__ = ["SampledImages", "read_sample"]


class SampledImages(NamedTuple):
    """Images drawn at random, and files that could not be read.

    Parameters
    ----------
    images : ImageSet
        In the order of the inputs, with the ids that `read` gives them.
    rejected : tuple of Rejected
        Of all inputs.
    n_images : int
        Number of images that could be read; as many as `images` where all were kept.
    """

    images: ImageSet
    rejected: tuple[Rejected, ...]
    n_images: int


def read_sample(
    inputs: ImagesLike,
    *,
    max_images: int,
    max_bytes: int | None = None,
    axes: str = "",
    random_state: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> SampledImages:
    """Read the images that inputs name and keep some, every image with the same probability.

    Each gets a random number, and those with the lowest are kept: one pass, in which no more than
    the kept images and a part of a file are in memory.

    Parameters
    ----------
    inputs : object
        As for `read`.
    max_images : int
        Number of images to keep; all where there are fewer.
    max_bytes : int, optional
        Bytes that their pixels and masks may take.
    axes : str, default ""
        As for `read`.
    random_state : int, default 0
        Seed of the draw.
    progress : callable, optional
        Gets the number of images read and an estimate of their total.

    Returns
    -------
    SampledImages

    Raises
    ------
    InputError
        As `read`.
    """
    generator = np.random.default_rng(random_state)
    kept = _Lowest(max_images, max_bytes)
    ids: list[str] = []
    places: list[str] = []
    rejected: list[Rejected] = []
    for part in ImageStream(inputs, axes=axes).parts():
        if part.rejected is not None:
            rejected.append(part.rejected)
        for image, key in zip(part.images, generator.random(len(part.images)), strict=True):
            kept.offer(float(key), len(ids), image)
            ids.append(image.id)
            places.append(image.path or "")
        if progress is not None:
            progress(len(ids), max(len(ids), round(len(ids) / part.share)))
    changed = changed_ids(lambda: ids, lambda: places)
    images = (
        replace(image, id=changed[row]) if row in changed else image for row, image in kept.found()
    )
    return SampledImages(ImageSet(tuple(images)), tuple(rejected), len(ids))


class _Lowest:
    """Images with the lowest of random numbers, as many as fit."""

    def __init__(self, max_images: int, max_bytes: int | None) -> None:
        self._max_images, self._max_bytes = max_images, max_bytes
        # The highest number first; rows differ, so that images are never compared.
        self._heap: list[tuple[float, int, Image]] = []
        self._n_bytes = 0
        self._limit = np.inf

    def offer(self, key: float, row: int, image: Image) -> None:
        """Keep the image unless its number is as high as one that was given up."""
        if key >= self._limit:
            return
        own = _of_its_own(image)
        heapq.heappush(self._heap, (-key, row, own))
        self._n_bytes += _size(own)
        while self._is_full():
            highest, _, left = heapq.heappop(self._heap)
            self._limit = -highest
            self._n_bytes -= _size(left)

    def _is_full(self) -> bool:
        if len(self._heap) > self._max_images:
            return True
        too_large = self._max_bytes is not None and self._n_bytes > self._max_bytes
        # Two images are the least that anything can be learned from.
        return too_large and len(self._heap) > 2

    def found(self) -> Iterable[tuple[int, Image]]:
        """Rows and images in the order of the rows."""
        return sorted(((row, image) for _, row, image in self._heap), key=lambda one: one[0])


def _size(image: Image) -> int:
    return image.pixels.nbytes + image.mask.nbytes


def _of_its_own(image: Image) -> Image:
    """The image without what it shares memory with, which would stay as long as it does."""
    owner = image.pixels.base
    if owner is None or (isinstance(owner, np.ndarray) and owner.nbytes <= image.pixels.nbytes):
        return image
    pixels, mask = image.pixels.copy(), image.mask.copy()
    pixels.setflags(write=False)
    mask.setflags(write=False)
    return replace(image, pixels=pixels, mask=mask)
