"""Preprocessing of image sets, with a reason for every image that cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from equiclust.images import Image, ImageSet
from equiclust.preprocessing import Preprocessor
from equiclust.progress import Update

__all__ = ["CHUNK", "Unfit", "preprocess", "preprocessed"]

CHUNK = 64
"""Images that are preprocessed at a time, few enough for the processor's cache."""


class Unfit(NamedTuple):
    """An image that cannot be used.

    Attributes
    ----------
    name : str
        Its file, or else its id.
    reason : str
    by_channels : bool
        Whether the number of its channels is the reason.
    """

    name: str
    reason: str
    by_channels: bool


def preprocessed(images: ImageSet, preprocessor: Preprocessor) -> Iterator[Image | Unfit]:
    """Preprocess a set chunk by chunk.

    Parameters
    ----------
    images : ImageSet
        As read.
    preprocessor : Preprocessor

    Yields
    ------
    Image or Unfit
        For every image the new one, or why there is none.
    """
    wanted = 1 if preprocessor.channels == "auto" else int(preprocessor.channels)
    for start in range(0, len(images), CHUNK):
        chunk = images[start : start + CHUNK]
        done = preprocessor.process(ImageSet(tuple(one for one in chunk if _fits(one, wanted))))
        new = {image.id: image for image in done.images}
        reasons = {image.id: reason for image, reason in done.unusable}
        for image in chunk:
            name = image.path or image.id
            if not _fits(image, wanted):
                text = f"the number of channels must be 1 or {wanted}, got {image.shape[0]}"
                yield Unfit(name, text, True)
            elif image.id in reasons:
                yield Unfit(name, reasons[image.id], False)
            else:
                yield new[image.id]


def preprocess(
    images: ImageSet, preprocessor: Preprocessor, update: Update | None = None
) -> tuple[ImageSet, ImageSet, list[tuple[str, str]]]:
    """Preprocess a set and leave out what cannot be used.

    Parameters
    ----------
    images : ImageSet
        As read.
    preprocessor : Preprocessor
    update : callable, optional
        Gets the images done, their total and "".

    Returns
    -------
    originals : ImageSet
        The images that can be used, as read.
    preprocessed : ImageSet
        The same, preprocessed.
    rejected : list of (str, str)
        Path or id of the others, with the reason; first those with other channels.
    """
    kept: list[Image] = []
    done: list[Image] = []
    unfit: list[Unfit] = []
    for number, (image, new) in enumerate(
        zip(images, preprocessed(images, preprocessor), strict=True), start=1
    ):
        if isinstance(new, Unfit):
            unfit.append(new)
        else:
            kept.append(image)
            done.append(new)
        if update is not None and (number % CHUNK == 0 or number == len(images)):
            update(number, len(images), "")
    unfit.sort(key=lambda one: not one.by_channels)
    return ImageSet(tuple(kept)), ImageSet(tuple(done)), [(one.name, one.reason) for one in unfit]


def _fits(image: Image, wanted: int) -> bool:
    """Any number of channels can be averaged to one, and one can be repeated."""
    return wanted == 1 or image.shape[0] in (1, wanted)
