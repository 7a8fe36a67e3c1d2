"""`ArrayStack`: images that follow one another in an array, read some at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_adapters.adapter import ImagePart
from data_adapters.array_axes import in_order
from data_adapters.objects.pixels import Pixels
from data_adapters.stacks import images_of_stack
from data_adapters.time_limit import check_time
from equiclust.exceptions import EquiclustError, UnreadableFileError
from equiclust.images import Image
from equiclust.typing import Array

__all__ = ["ArrayStack"]

# Chunks that one part may be larger than asked for, as each is unpacked whole.
_LARGEST_PART = 4


@dataclass(frozen=True)
class ArrayStack:
    """The images of an array, and where they lie in it.

    Parameters
    ----------
    pixels : Pixels
        The array.
    letters : str
        One of `nchw` for each of its axes.
    path : Path
        The file, or what the object is, named in messages.
    names : callable
        From the number of an image, and that behind the last, to their ids.
    source : str or None
        `Image.path` of all of them.
    mask : Pixels, optional
        With the axes of the images without the channels, `True` = ignore.
    unit : str, default ""
        Unit of the values.

    Raises
    ------
    UnreadableFileError
        When the mask has another shape.
    """

    pixels: Pixels
    letters: str
    path: Path
    names: Callable[[int, int], Sequence[str]]
    source: str | None
    mask: Pixels | None = None
    unit: str = ""

    def __post_init__(self) -> None:
        if self.mask is None:
            return
        pairs = zip(self.pixels.shape, self.letters, strict=True)
        wanted = tuple(n for n, letter in pairs if letter != "c")
        if self.mask.shape != wanted:
            raise UnreadableFileError(
                f"{self.path}: its mask must have shape {wanted}, got {self.mask.shape}"
            )

    @property
    def n(self) -> int:
        """Number of images."""
        return self.pixels.shape[self._axis] if self._axis >= 0 else 1

    @property
    def _axis(self) -> int:
        return self.letters.find("n")

    @property
    def _depth(self) -> int:
        """Images that are unpacked or computed at once."""
        chunks = self.pixels.chunks
        return 1 if chunks is None or self._axis < 0 else min(chunks[self._axis], self.n)

    @property
    def _bytes_of_one(self) -> int:
        n_values = math.prod(self.pixels.shape) // self.n
        return n_values * max(self.pixels.dtype.itemsize, 4)

    def parts(self, first: int, most_bytes: int) -> Iterator[ImagePart]:
        """The images in order, whole chunks at a time where they fit.

        Parameters
        ----------
        first : int
            Number of the first image that is read.
        most_bytes : int
            About how many bytes the pixels of one part may take.

        Yields
        ------
        ImagePart
            Of several chunks only those that cannot be read are left out.

        Raises
        ------
        UnreadableFileError
            When one chunk is far larger than `most_bytes`.
        """
        self._check_depth(most_bytes)
        step = max(1, most_bytes // (self._depth * self._bytes_of_one)) * self._depth
        for start, last in _ranges(first, self.n, step):
            check_time(self.path)
            found = self._read(start, last)
            if not found.reason:
                yield found
                continue
            for part in _ranges(start, last, self._depth):
                yield self._read(*part)

    def _check_depth(self, most_bytes: int) -> None:
        most = _LARGEST_PART * max(most_bytes, self._bytes_of_one)
        if self._depth * self._bytes_of_one > most:
            raise UnreadableFileError(
                f"{self.path}: its chunks hold {self._depth} images each, more than max_memory "
                "allows; save it with fewer in a chunk, or allow more"
            )

    def _read(self, start: int, last: int) -> ImagePart:
        """Some of the images, or why they cannot be read."""
        try:
            images = self._images(start, last)
        except Exception as error:
            # One damaged chunk must not take the others with it, and may fail in any way.
            if isinstance(error, EquiclustError):
                raise
            text = " ".join(str(error).split()) or type(error).__name__
            where = f"images {start} to {last - 1} of {self.n}" if self.n > 1 else "it"
            return ImagePart(last - start, self.n, reason=f"{where} cannot be read ({text})")
        return ImagePart(last - start, self.n, images)

    def _images(self, start: int, last: int) -> tuple[Image, ...]:
        pixels = in_order(self._values(self.pixels, self.letters, start, last), self.letters)
        mask = None
        if self.mask is not None:
            letters = self.letters.replace("c", "")
            hidden = self._values(self.mask, letters, start, last).astype(bool)
            mask = in_order(hidden, letters, order="nhw")
        names = self.names(start, last)
        return images_of_stack(pixels, names, self.source, mask=mask, unit=self.unit)

    def _values(self, array: Pixels, letters: str, start: int, last: int) -> Array:
        index: list[Any] = [slice(None)] * len(letters)
        if "n" in letters:
            index[letters.index("n")] = slice(start, last)
        return array.read(tuple(index))


def _ranges(first: int, end: int, step: int) -> Iterator[tuple[int, int]]:
    """First image, and that behind the last, of every part."""
    start = first
    while start < end:
        last = min((start // step + 1) * step, end)
        yield start, last
        start = last
