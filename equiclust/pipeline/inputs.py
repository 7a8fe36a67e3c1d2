"""From what the user names to images the network can take, and a list of what was left out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from equiclust.cli.session import Session
from equiclust.exceptions import InputError
from equiclust.images import Image, ImageSet
from equiclust.preprocessing import Preprocessor

__all__ = ["LoadedImages", "absolute", "load_images", "process"]

_SLICE = 64
_EXAMPLES = 3

Rejection = tuple[str, str]


@dataclass(frozen=True)
class LoadedImages:
    """What can be used, and what cannot.

    Parameters
    ----------
    originals : ImageSet
        As read.
    images : ImageSet
        The same, processed.
    rejected : tuple of (path, reason)
    preprocessor : Preprocessor
        What they were processed with, its channels decided.
    """

    originals: ImageSet
    images: ImageSet
    rejected: tuple[Rejection, ...]
    preprocessor: Preprocessor


def absolute(inputs: Iterable[str]) -> list[str]:
    """Inputs that mean the same from every folder."""
    return [os.path.abspath(os.path.expanduser(name)) if name else name for name in inputs]


def load_images(
    inputs: Sequence[str], preprocessing: Mapping[str, Any], session: Session
) -> LoadedImages:
    """Read and process; images that cannot be used are listed, and the rest go on.

    Parameters
    ----------
    inputs : sequence of str
        Files, folders and globs.
    preprocessing : mapping
        Parameters of `Preprocessor`.
    session : Session

    Raises
    ------
    InputError
        When an input does not exist, or no image can be used.
    """
    from data_adapters import read

    with session.stage("reading") as update:
        result = read(absolute(inputs), progress=lambda done, total: update(done, total, ""))
    rejected: list[Rejection] = list(result.rejected)
    preprocessor = Preprocessor(**{"channels": _channels(result.images), **preprocessing})
    with session.stage("processing") as update:
        originals, images, unusable = process(result.images, preprocessor, update)
    rejected += unusable
    if not len(images):
        raise InputError(_nothing_left(rejected))
    if rejected:
        session.note(
            f"{len(rejected)} of {len(rejected) + len(images)} inputs left out: " + _some(rejected)
        )
    return LoadedImages(originals, images, tuple(rejected), preprocessor)


def process(
    images: ImageSet, preprocessor: Preprocessor, update: Any = None
) -> tuple[ImageSet, ImageSet, list[Rejection]]:
    """Originals that can be used, the same processed, and the others with the reason."""
    wanted = preprocessor.channels
    fitting, unusable = _with_channels(images, 1 if wanted == "auto" else int(wanted))
    done: list[Image] = []
    for start in range(0, len(fitting), _SLICE):
        part = preprocessor.process(fitting[start : start + _SLICE])
        done += part.images
        unusable += [(image.path or image.id, reason) for image, reason in part.unusable]
        if update is not None:
            update(min(start + _SLICE, len(fitting)), len(fitting), "")
    names = {image.id for image in done}
    kept = tuple(image for image in fitting if image.id in names)
    return ImageSet(kept), ImageSet(tuple(done)), unusable


def _channels(images: ImageSet) -> int:
    """Their number of channels, one where it differs."""
    counts = {channels for channels, _, _ in images.shapes}
    return counts.pop() if len(counts) == 1 else 1


def _with_channels(images: ImageSet, wanted: int) -> tuple[ImageSet, list[Rejection]]:
    """Images that can have so many channels: any can be averaged to one, one can be repeated."""
    legal = partial(_fits, wanted=wanted)
    reason = f"has other than 1 or {wanted} channels"
    unusable = [(image.path or image.id, reason) for image in images if not legal(image)]
    return ImageSet(tuple(filter(legal, images))), unusable


def _fits(image: Image, *, wanted: int) -> bool:
    return wanted == 1 or image.shape[0] in (1, wanted)


def _nothing_left(rejected: Sequence[Rejection]) -> str:
    if not rejected:
        return "the inputs hold no image; name files, folders or globs with images"
    return f"no image can be used: {_some(rejected)}"


def _some(rejected: Sequence[Rejection]) -> str:
    said = [f"{Path(path).name}: {reason}" for path, reason in rejected[:_EXAMPLES]]
    more = len(rejected) - len(said)
    return "; ".join(said) + (f"; and {more} more" if more > 0 else "")
