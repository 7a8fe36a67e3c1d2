"""One image of a file, without reading the others where the format allows."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np

from data_adapters.array_axes import axes_of, check_axes, in_order
from data_adapters.discovery import split_part
from data_adapters.reading import read
from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError, UnreadableFileError
from equiclust.images import Image
from equiclust.typing import PathLike

__all__ = ["chosen", "read_image"]

T = TypeVar("T")

_NUMBER = re.compile(r"-\d+$")


@checks_types
def read_image(path: PathLike, id: str, *, axes: str = "") -> Image:
    """Read one image of a file by the id that it has in a catalogue.

    Of an array in a ``.npy`` file only that image is read; of other files all images are.

    Parameters
    ----------
    path : str or path
        As in the catalogue, such as ``file.fits[1]``.
    id : str
        As in the catalogue.
    axes : str, default ""
        Letters for the axes of arrays; see `data_adapters.read`.

    Returns
    -------
    Image

    Raises
    ------
    InputError
        When the file is missing or unreadable, or has no such image any more.
    """
    source = os.fspath(path)
    if not Path(split_part(source)[0]).exists():
        raise InputError(f"cannot read {source!r}: there is no such file")
    if source.endswith(".npy"):
        found = _from_array(Path(source), id, check_axes(axes))
        if found is not None:
            return found
    result = read(source, axes=axes)
    if result.rejected:
        raise InputError(f"cannot read {source!r}: {result.rejected[0].reason}")
    image = chosen(id, {one.id: one for one in result.images})
    if image is None:
        raise InputError(f"{source!r} has no image {id!r} any more")
    return image


def chosen(id: str, among: Mapping[str, T]) -> T | None:
    """The entry of this id among those of all images that came from one file.

    Ids of files that were read together are made unique by the names of their folders and numbers
    behind, so that an image of a file that is read alone may have another id.

    Parameters
    ----------
    id : str
    among : mapping of str to object

    Returns
    -------
    object or None
    """
    if len(among) == 1:
        return next(iter(among.values()))
    own = id.partition("/")[2] or id
    names = (id, own, _NUMBER.sub("", id), _NUMBER.sub("", own))
    return next((among[name] for name in names if name in among), None)


def _from_array(path: Path, id: str, axes: str) -> Image | None:
    """Image of a stack by the number at the end of its id; None where it must be read as a whole.

    What is damaged is left to `read`, which knows all about it.
    """
    stem, _, digits = id.rpartition("_")
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        letters = axes_of(array.shape, axes, path)
    except (OSError, EOFError, ValueError, UnreadableFileError, InputError):
        return None
    if "n" not in letters or stem.rpartition("/")[2] != path.stem or not digits.isdecimal():
        return None
    place = letters.index("n")
    if array.dtype.kind not in "biuf" or int(digits) >= array.shape[place]:
        return None
    plane = np.take(array, [int(digits)], axis=place)
    return Image.from_values(in_order(plane, letters)[0], id, path=str(path))
