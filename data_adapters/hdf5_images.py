"""Images in an HDF5 file, read some at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from data_adapters.adapter import ImagePart, PartAdapter, joined
from data_adapters.array_axes import axes_of
from data_adapters.array_stack import ArrayStack
from data_adapters.hdf5_files import check_filters, check_sources, damage_told, open_file
from data_adapters.objects.pixels import Pixels
from data_adapters.size_claims import check_claim
from data_adapters.stacks import file_id, numbered_names
from equiclust.exceptions import InputError, UnreadableFileError
from equiclust.images import Image
from equiclust.memory import readable_size

__all__ = ["Hdf5Adapter", "image_name"]

IMAGE_NAMES = ("images", "pixels")
BESIDE = ("mask", "ids")
# Bytes of one chunk, which is unpacked whole.
_LARGEST_CHUNK = 1 << 30
_MAX_NAMES = 10_000


class Hdf5Adapter(PartAdapter):
    """Reads images from ``.h5`` and ``.hdf5`` files.

    A data set has the axes of `data_adapters.arrays.ArrayAdapter`. It is called ``images`` or
    ``pixels``, is named in brackets behind the file (``file.h5[group/name]``), or is the only one
    of such a shape. Data sets ``mask``, `True` = ignore, with the axes of the images without the
    channels, and ``ids``, `(n,)`, text or whole numbers, of the same group are used too. What lies
    in other files, to which a file may link, is not read.
    """

    suffixes = (".h5", ".hdf5")
    takes_axes = True

    def read(self, path: Path, part: str = "", *, axes: str = "") -> tuple[Image, ...]:
        """All images of a file.

        Parameters
        ----------
        path : Path
            The file.
        part : str, default ""
            Path of a data set within the file.
        axes : str, default ""
            Letters of its axes in their order, such as ``nhwc``; by default the shape decides.

        Returns
        -------
        tuple of Image
            The first row of pixels is the lowest one.

        Raises
        ------
        UnreadableFileError
            When the file cannot be read; the message is one sentence.
        """
        path = Path(path)
        return joined(self._parts(path, part, axes, 0, 1 << 26, is_whole=True), path)

    def read_parts(
        self,
        path: Path,
        part: str = "",
        *,
        axes: str = "",
        first: int = 0,
        most_bytes: int = 1 << 26,
    ) -> Iterator[ImagePart]:
        """The images of a file in order, some at a time."""
        return self._parts(Path(path), part, axes, first, most_bytes, is_whole=False)

    def _parts(
        self, path: Path, part: str, axes: str, first: int, most_bytes: int, *, is_whole: bool
    ) -> Iterator[ImagePart]:
        with _errors_named(path), open_file(path) as file:
            name = part.strip("/") or image_name(_datasets(file), path)
            pixels = _pixels(file, name, path)
            check_claim(
                path, math.prod(pixels.shape), itemsize=pixels.dtype.itemsize, whole=is_whole
            )
            stem = file_id(path, part, self.suffixes)
            yield from _stack(file, name, pixels, path, stem, part, axes).parts(first, most_bytes)


@contextmanager
def _errors_named(path: Path) -> Iterator[None]:
    """What frames are refused by, with the path first as of every adapter."""
    try:
        with damage_told(path):
            yield
    except InputError as error:
        text = str(error).removeprefix(f"cannot read {str(path)!r}: ")
        prefix = "" if text.startswith(str(path)) else f"{path}: "
        raise UnreadableFileError(f"{prefix}{text}") from error


def _datasets(file: Any) -> dict[str, Any]:
    """Data sets of real numbers and two to four axes, by path; links are not followed."""
    found: dict[str, Any] = {}

    def visit(name: str, item: Any) -> bool | None:
        kind = getattr(getattr(item, "dtype", None), "kind", "")
        if kind in tuple("biuf") and 2 <= len(item.shape or ()) <= 4 and 0 not in item.shape:
            found[name] = item
        return True if len(found) > _MAX_NAMES else None

    visitor: Callable[[str, Any], bool | None] = visit
    file.visititems(visitor)
    return found


def image_name(found: Mapping[str, Any], path: Path) -> str:
    """Name of the array that holds the images.

    Parameters
    ----------
    found : mapping of str to object
        Arrays of a shape that images may have, by their paths in the file, with slashes.
    path : Path
        The file, named in messages.

    Returns
    -------
    str
        The one called ``images`` or ``pixels``, or the only one that is no mask.

    Raises
    ------
    UnreadableFileError
        When it is not clear which.
    """
    for wanted in IMAGE_NAMES:
        called = [name for name in found if name.rpartition("/")[2] == wanted]
        if wanted in found or len(called) == 1:
            return wanted if wanted in found else called[0]
    others = [name for name in found if name.rpartition("/")[2] not in BESIDE]
    if len(others) != 1:
        listed = ", ".join(list(found)[:10]) or "nothing"
        raise UnreadableFileError(
            f"{path}: it must hold one array called images or pixels, it holds {listed}; name one "
            f"as in {path.name}[NAME]"
        )
    return others[0]


def _pixels(file: Any, name: str, path: Path) -> Pixels:
    """A data set that is in the file itself, and can be unpacked."""
    linked = file.get(name, getlink=True)
    if linked is None or not hasattr(found := _own(file, name, path), "shape"):
        listed = ", ".join(list(_datasets(file))[:10]) or "nothing"
        raise UnreadableFileError(f"{path}: it holds no array {name!r}, only {listed}")
    if found.external:
        raise UnreadableFileError(f"{path}: the values of {name!r} lie in another file")
    check_filters(path, name, found)
    check_sources(path, name, found)
    chunk = math.prod(found.chunks or ()) * found.dtype.itemsize
    if found.chunks and chunk > _LARGEST_CHUNK:
        raise UnreadableFileError(
            f"{path}: its chunks take {readable_size(chunk)} each, more than "
            f"{readable_size(_LARGEST_CHUNK)}; save it in smaller ones"
        )
    return Pixels(found, str(path))


def _own(file: Any, name: str, path: Path) -> Any:
    """What a name leads to, by no way through other files."""
    parts = name.split("/")
    for depth in range(1, len(parts) + 1):
        place = "/".join(parts[:depth])
        link = file.get(place, getlink=True)
        if type(link).__name__ == "ExternalLink":
            raise UnreadableFileError(
                f"{path}: {place!r} lies in another file, {link.filename!r}; name that file"
            )
    return file.get(name)


def _stack(
    file: Any, name: str, pixels: Pixels, path: Path, stem: str, part: str, axes: str
) -> ArrayStack:
    letters = axes_of(pixels.shape, axes, path)
    n = pixels.shape[letters.index("n")] if "n" in letters else 1
    group = name.rpartition("/")[0]
    beside = {one: f"{group}/{one}".lstrip("/") for one in BESIDE}
    mask = _pixels(file, beside["mask"], path) if beside["mask"] in file else None
    ids = _ids(_own(file, beside["ids"], path), n, path) if beside["ids"] in file else None

    def names(start: int, last: int) -> Sequence[str]:
        if ids is not None:
            return ids[start:last]
        return numbered_names(stem, n, start, last) if "n" in letters else [stem]

    source = f"{path}[{part}]" if part else str(path)
    return ArrayStack(pixels, letters, path, names, source, mask)


def _ids(found: Any, n: int, path: Path) -> list[str]:
    if found.shape != (n,):
        raise UnreadableFileError(
            f"{path}: its ids must name {n} images, got an array of shape {found.shape}"
        )
    if found.dtype.kind in "iu":
        return [str(one) for one in found[...]]
    if found.dtype.kind not in "SO":
        raise UnreadableFileError(
            f"{path}: its ids are {found.dtype}; save them as text or whole numbers"
        )
    values = np.asarray(found[...]).tolist()
    return [
        one.decode("utf-8", "surrogateescape") if isinstance(one, bytes) else str(one)
        for one in values
    ]
