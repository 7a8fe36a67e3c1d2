"""`read`: files, folders and globs to one `ImageSet`, and a list of files that failed."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from itertools import groupby
from typing import Any, NamedTuple

from data_adapters.adapter import Adapter, joined
from data_adapters.array_axes import check_axes
from data_adapters.discovery import Found, discover
from data_adapters.objects.inputs import HeldInput, listed_inputs
from data_adapters.objects.kinds import ARRAYS, Kind, kind_of
from data_adapters.registry import adapter_of, adapters_by_suffix
from data_adapters.time_limit import limited_time
from data_adapters.unique_ids import changed_ids
from equiclust.argument_types import checks_types
from equiclust.exceptions import MissingPackageError, UnreadableFileError
from equiclust.images import Image, ImageSet
from equiclust.images_like import ImagesLike
from equiclust.io.catalogue import printable

__all__ = [
    "ReadResult",
    "Rejected",
    "errors_of_one_file",
    "found_inputs",
    "image_set_of",
    "read",
    "read_file",
    "rejection",
    "with_printable_names",
]

logger = logging.getLogger(__name__)

# Of arrays that estimators are given.
_AXES = {2: "hw", 3: "nhw", 4: "nchw"}
_AT_ONCE = 1 << 26


class Rejected(NamedTuple):
    """A file that could not be read.

    Parameters
    ----------
    path : str
        The file.
    reason : str
        One phrase, without the path.

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from data_adapters import read
    >>> np.save("whole.npy", np.zeros((32, 32)))
    >>> Path("empty.fits").touch()
    >>> for path, reason in read(["whole.npy", "empty.fits"]).rejected:
    ...     print(f"{path}: {reason}")
    empty.fits: it is empty
    """

    path: str
    reason: str


class ReadResult(NamedTuple):
    """Images that could be read and files that could not, as `read` returns them.

    Parameters
    ----------
    images : ImageSet
        In the order of the inputs.
    rejected : tuple of Rejected
        In the order of the inputs.

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from data_adapters import read
    >>> np.save("good.npy", np.zeros((32, 32)))
    >>> written = Path("broken.fits").write_text("no image")
    >>> result = read(["good.npy", "broken.fits"])
    >>> result.images.ids, len(result.rejected)
    (('good',), 1)
    """

    images: ImageSet
    rejected: tuple[Rejected, ...]


@checks_types
def read(
    inputs: ImagesLike,
    *,
    axes: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> ReadResult:
    """Read every image that the inputs name.

    Parameters
    ----------
    inputs : str, path, another of `ImagesLike`, or sequence of them
        Objects in memory, of which those of a sequence are one image each;
        files, of which the content says what they are where the name says something else;
        ``file.fits[1]`` or ``file.fits[SCI]`` for an extension and ``file.npz[name]`` for
        an array; folders, with all below them; globs; ``@list.txt``, a text file with one of these
        a line, relative to its own folder. A file met twice is read once.
    axes : str, default ""
        Letters for the axes of arrays (NumPy, TIFF, Zarr) in their order: `n` images, `c` channels,
        `h` rows and `w` columns, such as ``nhwc``. By default their shapes decide; see
        `data_adapters.array_axes.guessed_axes`. With ``nhw`` each plane of a FITS cube without a
        `CTYPE3` is an image.
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

    Examples
    --------
    >>> import numpy as np
    >>> from data_adapters import read
    >>> np.save("sky.npy", np.zeros((3, 32, 32)))
    >>> images, rejected = read("sky.npy", axes="nhw")
    >>> len(images), images.pixels.shape
    (3, (3, 1, 32, 32))

    Objects in memory are read as well, one image each of a list:

    >>> read([np.zeros((32, 32)), np.ones((48, 64))]).images.shapes
    frozenset({...})
    """
    axes = check_axes(axes)
    adapters = adapters_by_suffix()
    found = found_inputs(listed_inputs(inputs), adapters)
    images: list[Image] = []
    rejected: list[Rejected] = []
    for done, item in enumerate(found, start=1):
        try:
            images.extend(map(with_printable_names, read_file(item, adapters, axes)))
        except UnreadableFileError as error:
            rejected.append(rejection(item, str(error)))
        if progress is not None:
            progress(done, len(found))
    return ReadResult(ImageSet(_with_unique_ids(images)), tuple(rejected))


def found_inputs(
    inputs: Sequence[str | HeldInput], adapters: Mapping[str, Adapter]
) -> tuple[Found | HeldInput, ...]:
    """Files and objects that the inputs name, in order.

    Parameters
    ----------
    inputs : sequence of str and HeldInput
        From `listed_inputs`.
    adapters : mapping of str to Adapter
        By suffix, from `adapters_by_suffix`.

    Returns
    -------
    tuple of Found and HeldInput
        Files are looked for together where they follow one another.

    Raises
    ------
    InputError
        As `discover`.
    """
    if not inputs:
        return discover([], adapters)
    found: list[Found | HeldInput] = []
    for is_held, group in groupby(inputs, lambda one: isinstance(one, HeldInput)):
        several = list(group)
        found += several if is_held else discover(several, adapters)  # type: ignore[arg-type]
    return tuple(found)


def image_set_of(images: Any) -> ImageSet | None:
    """Image set of an object or of files; `equiclust.images_like.as_image_set` calls it.

    Parameters
    ----------
    images : object
        One of `equiclust.images_like.ImagesLike`. An array has the axes `(n, h, w)` or
        `(n, c, h, w)`, of dask, Zarr, h5py or with a unit or mask also `(h, w)`.

    Returns
    -------
    ImageSet or None
        None for what NumPy makes a plain array of, if anything.

    Raises
    ------
    InputError
        When one of the images cannot be read.
    """
    kind = kind_of(images)
    if kind == Kind.OTHER and not isinstance(images, str | os.PathLike) and not _is_list(images):
        return None
    axes = _AXES.get(len(images.shape), "") if kind in ARRAYS else ""
    found = read(images, axes=axes)
    if found.rejected:
        path, reason = found.rejected[0]
        raise UnreadableFileError(f"{path}: {reason}")
    return found.images


def _is_list(images: Any) -> bool:
    """Whether it is a list of images, and of more than what is an array of numbers."""
    if not isinstance(images, list | tuple) or not images:
        return False
    kinds = {kind_of(one) for one in images}
    if Kind.OTHER in kinds:
        has_paths = any(isinstance(one, str | os.PathLike) for one in images)
        return has_paths or not kinds <= {Kind.OTHER, Kind.ARRAY}
    return kinds != {Kind.ARRAY} or len({one.shape for one in images}) > 1


def read_file(
    item: Found | HeldInput, adapters: Mapping[str, Adapter], axes: str
) -> tuple[Image, ...]:
    """All images of one file or object.

    Parameters
    ----------
    item : Found or HeldInput
    adapters : mapping of str to Adapter
        By suffix, from `adapters_by_suffix`.
    axes : str
        From `check_axes`.

    Returns
    -------
    tuple of Image

    Raises
    ------
    UnreadableFileError
        When it cannot be read, or holds no image.
    """
    if item.reason:
        raise UnreadableFileError(f"{item.path}: {item.reason}")
    if isinstance(item, HeldInput):
        with errors_of_one_file(item):
            return joined(item.parts(axes, 0, _AT_ONCE), item.path)
    adapter = adapter_of(item.path, adapters)
    options = {"axes": axes} if getattr(adapter, "takes_axes", False) else {}
    with errors_of_one_file(item):
        images = tuple(adapter.read(item.path, item.part, **options))
    if not images:
        raise UnreadableFileError(f"{item.path}: it holds no image")
    return images


def with_printable_names(image: Image) -> Image:
    """The image with U+FFFD where its name on disk is no text.

    Parameters
    ----------
    image : Image

    Returns
    -------
    Image
    """
    id, path = printable(image.id), None if image.path is None else printable(image.path)
    return image if (id, path) == (image.id, image.path) else replace(image, id=id, path=path)


def rejection(item: Found | HeldInput, error: str) -> Rejected:
    """A file that could not be read, as it is listed; the log has it too.

    Parameters
    ----------
    item : Found or HeldInput
    error : str
        The path and the reason.

    Returns
    -------
    Rejected
    """
    logger.info("%s", error)
    reason = error.removeprefix(f"{item.name}: ")
    return Rejected(printable(item.name), printable(reason))


@contextmanager
def errors_of_one_file(item: Found | HeldInput) -> Iterator[None]:
    """Limit the time of a block that reads one file, and let it fail by one kind of error alone.

    Parameters
    ----------
    item : Found or HeldInput

    Yields
    ------
    None

    Raises
    ------
    UnreadableFileError
        When the block fails in any way but for want of a package: a damaged file can make a library
        do so, and the other files must go on.
    """
    try:
        with nullcontext() if isinstance(item, HeldInput) else limited_time(item.path):
            yield
    except (UnreadableFileError, MissingPackageError):
        raise
    except Exception as error:
        raise UnreadableFileError(f"{item.path}: {type(error).__name__}: {error}") from error


def _with_unique_ids(images: list[Image]) -> tuple[Image, ...]:
    changed = changed_ids(
        lambda: (image.id for image in images), lambda: (image.path or "" for image in images)
    )
    return tuple(
        replace(image, id=changed[row]) if row in changed else image
        for row, image in enumerate(images)
    )
