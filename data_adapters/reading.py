"""`read`: files, folders and globs to one `ImageSet`, and a list of files that failed."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from data_adapters.adapter import Adapter
from data_adapters.array_axes import check_axes
from data_adapters.discovery import Found, discover
from data_adapters.registry import adapter_of, adapters_by_suffix
from data_adapters.time_limit import limited_time
from equiclust.argument_types import checks_types
from equiclust.exceptions import UnreadableFileError
from equiclust.images import Image, ImageSet
from equiclust.io.catalogue import printable

__all__ = ["ReadResult", "Rejected", "read"]

logger = logging.getLogger(__name__)


class Rejected(NamedTuple):
    """A file that could not be read.

    Parameters
    ----------
    path : str
        The file.
    reason : str
        One phrase, without the path.
    """

    path: str
    reason: str


class ReadResult(NamedTuple):
    """Images that could be read and files that could not.

    Parameters
    ----------
    images : ImageSet
        In the order of the inputs.
    rejected : tuple of Rejected
        In the order of the inputs.
    """

    images: ImageSet
    rejected: tuple[Rejected, ...]


@checks_types
def read(
    inputs: str | os.PathLike[str] | Iterable[str | Path],
    *,
    axes: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> ReadResult:
    """Read every image that the inputs name.

    Parameters
    ----------
    inputs : str, path or sequence of them
        Files, of which the content says what they are where the name says something else;
        ``file.fits[1]`` or ``file.fits[SCI]`` for an extension and ``file.npz[name]`` for
        an array; folders, with all below them; globs. A file met twice is read once.
    axes : str, default ""
        Letters for the axes of arrays (NumPy, TIFF) in their order: `n` images, `c` channels, `h`
        rows and `w` columns, such as ``nhwc``. By default their shapes decide; see
        `data_adapters.array_axes.guessed_axes`.
    progress : callable, optional
        Called after every file with the number of files done and the number of all files.

    Returns
    -------
    ReadResult
        Ids are the names of the files without suffix; where two are the same, the folder's name
        goes before them, and a number behind if that is not enough.

    Raises
    ------
    InputError
        When an input does not exist, matches nothing or is a folder without a readable file. A file
        that exists but cannot be read is listed in `rejected` instead. When `axes` holds other
        letters, or one twice, or not both `h` and `w`.
    """
    axes = check_axes(axes)
    wanted = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    adapters = adapters_by_suffix()
    found = discover([os.fspath(name) for name in wanted], adapters)
    images: list[Image] = []
    rejected: list[Rejected] = []
    for done, item in enumerate(found, start=1):
        try:
            images.extend(map(_with_printable_names, _read_one(item, adapters, axes)))
        except UnreadableFileError as error:
            reason = printable(_without_path(error, item.path))
            rejected.append(Rejected(printable(str(item.path)), reason))
            logger.info("%s", error)
        if progress is not None:
            progress(done, len(found))
    return ReadResult(ImageSet(_with_unique_ids(images)), tuple(rejected))


def _read_one(item: Found, adapters: Mapping[str, Adapter], axes: str) -> tuple[Image, ...]:
    if item.reason:
        raise UnreadableFileError(f"{item.path}: {item.reason}")
    adapter = adapter_of(item.path, adapters)
    # A damaged file can make a library fail in any way, and the other files must go on.
    try:
        with limited_time(item.path):
            options = {"axes": axes} if getattr(adapter, "takes_axes", False) else {}
            images = tuple(adapter.read(item.path, item.part, **options))
    except UnreadableFileError:
        raise
    except Exception as error:
        raise UnreadableFileError(f"{item.path}: {type(error).__name__}: {error}") from error
    if not images:
        raise UnreadableFileError(f"{item.path}: it holds no image")
    return images


def _with_printable_names(image: Image) -> Image:
    """The image with U+FFFD where its name on disk is no text."""
    id, path = printable(image.id), None if image.path is None else printable(image.path)
    return image if (id, path) == (image.id, image.path) else replace(image, id=id, path=path)


def _without_path(error: UnreadableFileError, path: Path) -> str:
    return str(error).removeprefix(f"{path}: ")


def _with_unique_ids(images: list[Image]) -> tuple[Image, ...]:
    plain = Counter(image.id for image in images)
    names = [image.id if plain[image.id] == 1 else _with_folder(image) for image in images]
    taken, seen = set(names), set[str]()
    # Counted on from name to name, so that thousands of equal ones take no more time than others.
    numbers: Counter[str] = Counter()
    for index, name in enumerate(names):
        while names[index] in seen:
            numbers[name] += 1
            candidate = f"{name}-{numbers[name] + 1}"
            names[index] = name if candidate in taken else candidate
        seen.add(names[index])
    return tuple(
        image if image.id == name else replace(image, id=name)
        for image, name in zip(images, names, strict=True)
    )


def _with_folder(image: Image) -> str:
    folder = Path(image.path).resolve().parent.name if image.path else ""
    return f"{folder}/{image.id}" if folder else image.id
