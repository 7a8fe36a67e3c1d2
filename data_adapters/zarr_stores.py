"""Images in a Zarr store, read some at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from data_adapters.adapter import ImagePart, PartAdapter, joined
from data_adapters.array_axes import axes_of, in_order
from data_adapters.size_claims import check_claim
from data_adapters.stacks import images_of_stack, numbered_names
from data_adapters.zarr_metadata import ZarrArray, arrays_within
from data_adapters.zarr_stamps import HEADER_INDEX, HEADERS, IDS, ORIGINS, StampRecords
from equiclust.exceptions import MissingPackageError, UnreadableFileError
from equiclust.optional import import_optional
from equiclust.typing import Array

__all__ = ["ZarrAdapter"]

IMAGE_NAMES = ("images", "pixels")
MASK = "mask"
_NO_IMAGES = (MASK, IDS, HEADERS, HEADER_INDEX, ORIGINS)
# Chunks that one part may be larger than asked for, as each is unpacked whole.
_LARGEST_PART = 4


class ZarrAdapter(PartAdapter):
    """Reads images from stores of Zarr, format 2 or 3, that are folders called ``.zarr``.

    An array has the axes of `data_adapters.arrays.ArrayAdapter`. In a group it is called ``images``
    or ``pixels``, is named in brackets behind the store (``store.zarr[name]``), or is the only one
    of such a shape; an array ``mask``, `True` = ignore, with the axes of the images without the
    channels, is used too, and so are names and coordinates where it holds them as stores of
    `equiclust cutouts` do (`data_adapters.zarr_stamps`). Only numbers are read, and only codecs of
    numbers are used: opening a store runs no code from it.
    """

    suffixes = (".zarr",)
    takes_axes = True

    def read(self, path: Path, part: str = "", *, axes: str = "") -> tuple[Any, ...]:
        """All images of a store.

        Parameters
        ----------
        path : Path
            The folder.
        part : str, default ""
            Name of an array in a group.
        axes : str, default ""
            Letters of its axes in their order, such as ``nhwc``; by default the shape decides.

        Returns
        -------
        tuple of Image

        Raises
        ------
        UnreadableFileError
            When the store, or a part of it, cannot be read; the message is one sentence.
        """
        path = Path(path)
        with _errors_named(path):
            images, _ = _chosen(path, part)
            check_claim(path, math.prod(images.shape), itemsize=images.dtype.itemsize)
        return joined(self.read_parts(path, part, axes=axes), path)

    def read_parts(
        self,
        path: Path,
        part: str = "",
        *,
        axes: str = "",
        first: int = 0,
        most_bytes: int = 1 << 26,
    ) -> Iterator[ImagePart]:
        """The images of a store in order, some at a time."""
        path = Path(path)
        with _errors_named(path):
            images, mask = _chosen(path, part)
            folders = {} if part else arrays_within(path)
            # Such stores say what their axes are.
            known = "nchw" if IDS in folders and images.ndim == 4 else ""
            stack = _Stack(images, mask, path, part, axes or known)
            if IDS in folders and stack.axis >= 0:
                stack.records = StampRecords(path, folders, stack.n)
            stack.check_depth(most_bytes)
            for start, last in stack.ranges(first, most_bytes):
                found = stack.read(start, last)
                # Of several chunks only those that are damaged are left out.
                smaller = stack.ranges(start, 0, last) if found.reason else ()
                yield from (stack.read(*part) for part in smaller)
                if not found.reason:
                    yield found


@contextmanager
def _errors_named(path: Path) -> Iterator[None]:
    try:
        yield
    except (UnreadableFileError, MissingPackageError):
        raise
    except Exception as error:
        # A damaged store can make a library fail in any way.
        raise UnreadableFileError(f"{path}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"it is damaged ({' '.join(str(error).split()) or type(error).__name__})"


def _chosen(store: Path, part: str) -> tuple[ZarrArray, ZarrArray | None]:
    """The array of the images, and that of their masks."""
    if not store.is_dir():
        raise UnreadableFileError(f"{store}: it is no folder; unpack the store first")
    folders = arrays_within(store)
    if part:
        folder = folders.get(part, store / part)
        if ".." in Path(part).parts or not folder.is_dir():
            listed = ", ".join(folders) or "nothing"
            raise UnreadableFileError(f"{store}: it holds no array {part!r}, only {listed}")
        return ZarrArray.described(folder, store), None
    mask = ZarrArray.described(folders[MASK], store) if MASK in folders else None
    return ZarrArray.described(folders[_image_name(folders, store)], store), mask


def _image_name(folders: dict[str, Path], store: Path) -> str:
    for name in ("", *IMAGE_NAMES):
        if name in folders:
            return name
    others = [name for name in folders if name not in _NO_IMAGES]
    candidates = [one for one in others if ZarrArray.described(folders[one], store).ndim >= 2]
    if len(candidates) != 1:
        listed = ", ".join(folders) or "nothing"
        raise UnreadableFileError(
            f"{store}: it must hold one array called images or pixels, it holds {listed}; name one "
            f"as in {store.name}[NAME]"
        )
    return candidates[0]


class _Stack:
    """The images of an array, and where they lie in it."""

    def __init__(
        self, images: ZarrArray, mask: ZarrArray | None, path: Path, part: str, axes: str
    ) -> None:
        self.letters = axes_of(images.shape, axes, path)
        self.path, self.part = path, part
        self.records: StampRecords | None = None
        self.images, self.mask = images, mask
        self.axis = self.letters.find("n")
        self.n = images.shape[self.axis] if self.axis >= 0 else 1
        self.depth = images.chunks[self.axis] if self.axis >= 0 else 1
        self.bytes_of_one = math.prod(images.shape) // self.n * max(images.dtype.itemsize, 4)
        if mask is not None:
            pairs = zip(images.shape, self.letters, strict=True)
            wanted = tuple(n for n, letter in pairs if letter != "c")
            if mask.shape != wanted:
                raise UnreadableFileError(
                    f"{path}: its mask must have shape {wanted}, got {mask.shape}"
                )

    def ranges(
        self, first: int, most_bytes: int, end: int | None = None
    ) -> Iterator[tuple[int, int]]:
        """First image, and that behind the last, of every part: whole chunks where they fit."""
        end = self.n if end is None else end
        step = max(1, most_bytes // (self.depth * self.bytes_of_one)) * self.depth
        start = first
        while start < end:
            last = min((start // step + 1) * step, end)
            yield start, last
            start = last

    def check_depth(self, most_bytes: int) -> None:
        """Refuse chunks that take more memory than there is, as each is unpacked whole."""
        most = _LARGEST_PART * max(most_bytes, self.bytes_of_one)
        if min(self.depth, self.n) * self.bytes_of_one > most:
            raise UnreadableFileError(
                f"{self.path}: its chunks hold {self.depth} images each, more than max_memory "
                "allows; save it with fewer in a chunk, or allow more"
            )

    def read(self, start: int, last: int) -> ImagePart:
        """Some of the images, or why they cannot be read."""
        try:
            pixels = in_order(self._values(self.images, self.letters, start, last), self.letters)
            mask = None
            if self.mask is not None:
                letters = self.letters.replace("c", "")
                hidden = self._values(self.mask, letters, start, last)
                mask = in_order(hidden, letters, order="nhw")
        except Exception as error:
            # One damaged chunk must not take the others with it, and may fail in any way.
            if isinstance(error, MissingPackageError):
                raise
            where = f"images {start} to {last - 1} of {self.n}"
            return ImagePart(last - start, self.n, reason=f"{where}: {_reason(error)}")
        stem = self.path.name[: -len(".zarr")]
        stem = f"{stem}[{self.part}]" if self.part else stem
        names = [stem] if self.axis < 0 else numbered_names(stem, self.n, start, last)
        source = f"{self.path}[{self.part}]" if self.part else str(self.path)
        if self.records is not None:
            names = self.records.names(start, last)
        found = images_of_stack(pixels, names, source, mask=mask)
        if self.records is not None:
            found = self.records.described(found, start)
        return ImagePart(last - start, self.n, found)

    def _values(self, array: ZarrArray, letters: str, start: int, last: int) -> Array:
        zarr = import_optional("zarr", extra="zarr", purpose="a Zarr store")
        opened = zarr.open_array(str(array.folder), mode="r", zarr_format=array.version)
        index = [slice(None)] * len(array.shape)
        if "n" in letters:
            index[letters.index("n")] = slice(start, last)
        return np.asarray(opened[tuple(index)])
