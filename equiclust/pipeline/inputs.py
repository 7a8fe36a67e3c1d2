"""From the inputs of a run to images that the network can take, and a list of the rejected ones."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data_adapters.discovery import LIST
from data_adapters.objects.inputs import HeldInput, listed_inputs
from equiclust.exceptions import EquiclustWarning, InputError
from equiclust.images import ImageSet
from equiclust.images_like import ImagesLike
from equiclust.io.notes import Note, collected_notes
from equiclust.pipeline.preprocessing import preprocess
from equiclust.preprocessing import Preprocessor
from equiclust.progress import Progress, Update, start_stage
from equiclust.typing import IntArray

__all__ = [
    "Draw",
    "Inputs",
    "LoadedImages",
    "Rejection",
    "absolute_paths",
    "load_images",
    "nothing_left",
    "sample_indices",
    "warn_of_rejected",
]

_MAX_EXAMPLES = 3

Inputs = ImagesLike
"""Files, folders and globs, or images in memory."""

Rejection = tuple[str, str]
"""Path, or id, of an input that cannot be used, and the reason."""


@dataclass(frozen=True)
class LoadedImages:
    """Images that can be used, and the inputs that cannot.

    Parameters
    ----------
    originals : ImageSet
        As read.
    images : ImageSet
        The same images, preprocessed.
    rejected : tuple of (str, str)
        Path and reason of every input that cannot be used.
    preprocessor : Preprocessor
        The preprocessor, with its number of channels decided.
    notes : tuple of Note, default ()
        What reading left out or took for something else: for each kind the first ``message`` and
        the ``count``.
    n_read : int, default 0
        Number of images that could be read.
    n_left : int, default 0
        Number of those that were not drawn.
    """

    originals: ImageSet
    images: ImageSet
    rejected: tuple[Rejection, ...]
    preprocessor: Preprocessor
    notes: tuple[Note, ...] = ()
    n_read: int = 0
    n_left: int = 0

    @property
    def note(self) -> list[str]:
        """That these are not all images, where they are not."""
        if not self.n_left:
            return []
        return [
            f"Learned from {len(self.originals)} of {self.n_read} images, drawn at random, which "
            "are those of this report and of the catalogue."
        ]


class Draw(NamedTuple):
    """How many images are kept of those that inputs name.

    Attributes
    ----------
    max_images : int
        All where there are no more, else as many, drawn at random.
    max_bytes : int or None
        Bytes that their pixels may take.
    random_state : int
        Seed of the draw.
    """

    max_images: int
    max_bytes: int | None
    random_state: int


def absolute_paths(inputs: Inputs) -> list[str | HeldInput]:
    """Absolute paths, with ``~`` expanded, behind the ``@`` of a list too; empty names stay so.

    Parameters
    ----------
    inputs : str, path, object in memory, or iterable of them

    Returns
    -------
    list of str and HeldInput

    Raises
    ------
    InputTypeError
        When one of them is neither.
    """
    return [_absolute(one) if isinstance(one, str) else one for one in listed_inputs(inputs)]


def _absolute(name: str) -> str:
    if name.startswith(LIST) and not os.path.lexists(name):
        return LIST + _absolute(name[len(LIST) :])
    return os.path.abspath(os.path.expanduser(name)) if name else name


def load_images(
    inputs: Inputs,
    preprocessing: Mapping[str, Any],
    *,
    axes: str = "",
    draw: Draw | None = None,
    on_progress: Progress | None = None,
) -> LoadedImages:
    """Read and preprocess; inputs that cannot be used are listed and warned of.

    Parameters
    ----------
    inputs : str, path, ImageSet, another of `ImagesLike`, or sequence of them
        Files, folders, globs and ``@lists``, or images in memory; see `data_adapters.read`.
    preprocessing : mapping
        Parameters of `Preprocessor`; without ``channels`` the images decide.
    axes : str, default ""
        Letters for the axes of arrays; see `data_adapters.read`.
    draw : Draw, optional
        By default all images are kept, as are all of an `ImageSet`.
    on_progress : callable, optional
        See `equiclust.progress.Progress`.

    Returns
    -------
    LoadedImages

    Raises
    ------
    InputError
        When an input does not exist, or no image can be used.

    Warns
    -----
    EquiclustWarning
        When inputs were rejected, and once for each kind of what reading left out.
    """
    with collected_notes() as notes:
        found, rejected, n_read = _read(inputs, axes, draw, start_stage(on_progress, "reading"))
    preprocessor = Preprocessor(**{"channels": _channels(found), **preprocessing})
    update = start_stage(on_progress, "preprocessing")
    originals, images, unusable = preprocess(found, preprocessor, update)
    rejected += unusable
    if not len(images):
        raise InputError(nothing_left(rejected))
    n_left = n_read - len(found)
    if not n_left:
        # Else when all are labelled.
        warn_of_rejected(rejected, len(images))
    told = tuple(notes.record)
    return LoadedImages(originals, images, tuple(rejected), preprocessor, told, n_read, n_left)


def _read(
    inputs: Inputs, axes: str, draw: Draw | None, update: Update
) -> tuple[ImageSet, list[Rejection], int]:
    """Images, what could not be read, and how many there were."""
    from data_adapters import read
    from data_adapters.sampling import read_sample

    if isinstance(inputs, ImageSet):
        return inputs, [], len(inputs)
    names = absolute_paths(inputs)

    def progress(done: int, total: int) -> None:
        update(done, total, "")

    if draw is None:
        whole = read(names, axes=axes, progress=progress)
        return whole.images, [*whole.rejected], len(whole.images)
    drawn = read_sample(names, **draw._asdict(), axes=axes, progress=progress)
    return drawn.images, [*drawn.rejected], drawn.n_images


def sample_indices(n: int, most: int, random_state: int) -> IntArray:
    """Sorted indices of a random sample.

    Parameters
    ----------
    n : int
        Size of the set.
    most : int
        Size of the sample where the set is larger.
    random_state : int

    Returns
    -------
    ndarray (min(n, most),), int
    """
    return np.sort(np.random.default_rng(random_state).permutation(n)[:most])


def _channels(images: ImageSet) -> int:
    """The common number of channels; one where it differs."""
    counts = {channels for channels, _, _ in images.shapes}
    return counts.pop() if len(counts) == 1 else 1


def nothing_left(rejected: Sequence[Rejection]) -> str:
    """Why there is no image, as a sentence.

    Parameters
    ----------
    rejected : sequence of (str, str)

    Returns
    -------
    str
    """
    if not rejected:
        return "the inputs hold no image; name files, folders or globs with images"
    return f"no image can be used: {_examples(rejected)}"


def warn_of_rejected(rejected: Sequence[Rejection], n_images: int) -> None:
    """Warn of inputs that cannot be used, where there are any.

    Parameters
    ----------
    rejected : sequence of (str, str)
    n_images : int
        Number of images that can be used.

    Warns
    -----
    EquiclustWarning
    """
    if rejected:
        warnings.warn(
            f"{len(rejected)} of {len(rejected) + n_images} inputs rejected: "
            + _examples(rejected),
            EquiclustWarning,
            stacklevel=3,
        )


def _examples(rejected: Sequence[Rejection]) -> str:
    shown = [f"{Path(path).name}: {reason}" for path, reason in rejected[:_MAX_EXAMPLES]]
    more = len(rejected) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more > 0 else "")
