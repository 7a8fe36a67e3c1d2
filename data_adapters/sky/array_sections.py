"""Sections of the pixels of an array: in memory, computed by chunks, or unpacked from tiles."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from astropy.io import fits

from data_adapters.fits_files import open_fits
from data_adapters.objects.pixels import Pixels
from data_adapters.sky.sections import Box, Sections
from equiclust.exceptions import UnreadableFileError
from equiclust.typing import Array

__all__ = ["ArraySections", "CompressedSections"]

# Bytes of whole chunks that are kept for the next rows.
_KEPT_BYTES = 1 << 28


class ArraySections(Sections):
    """Pixels of an object in memory, or of one that reads or computes chunks when asked.

    Of chunks, all that the rows asked for touch are read whole and kept while the map is open, so
    that the next rows need not read them again.

    Parameters
    ----------
    path : Path
        What the object is, named in messages.
    shape : (int, int, int)
        Lengths of the axes in pixels, slowest first.
    pixels : Pixels
        The array.
    kept : (int or None, int, int)
        Index of each of the three axes in the array; None where it has no such axis.
    planes : mapping of int to int
        Index on the other axes; 0 where it has none.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, int, int],
        *,
        pixels: Pixels,
        kept: tuple[int | None, int, int],
        planes: Mapping[int, int],
    ) -> None:
        super().__init__(path, shape)
        self.pixels = pixels
        self.kept = kept
        self.planes = dict(planes)
        self._handle: tuple[Box, Array] | None = None

    def _open(self) -> None:
        self._handle = None

    def _close(self) -> None:
        self._handle = None

    def blocks(self, box: Box) -> Iterator[tuple[Box, Array]]:
        """Values of the box; see `Sections.blocks`."""
        held = self._handle
        if held is None or not _covers(held[0], box):
            whole = self._whole_chunks(box)
            held = whole, values_of(self.pixels, self.kept, self.planes, whole)
            self._handle = None if whole == box else held
        within = tuple(
            slice(part.start - start.start, part.stop - start.start)
            for part, start in zip(box, held[0], strict=True)
        )
        yield from by_plane(held[1][within])

    def _whole_chunks(self, box: Box) -> Box:
        """The box, made larger to whole chunks where these are not too many bytes."""
        chunks = self.pixels.chunks
        if chunks is None:
            return box
        lengths = [1 if axis is None else chunks[axis] for axis in self.kept]
        slow, middle, fast = (
            slice(part.start // step * step, min(-(-part.stop // step) * step, length))
            for part, step, length in zip(box, lengths, self.shape, strict=True)
        )
        n_values = math.prod(part.stop - part.start for part in (slow, middle, fast))
        too_many = n_values * self.pixels.dtype.itemsize > _KEPT_BYTES
        return box if too_many else (slow, middle, fast)


class CompressedSections(Sections):
    """A tile-compressed image: only the tiles that the box touches are unpacked.

    Parameters
    ----------
    path : Path
        The file.
    shape : (int, int, int)
        Lengths of the axes in pixels, slowest first.
    extension : int
        Index of the extension in the file.
    kept : (int or None, int, int)
        Index of each of the three axes in the array of the file; None where it has no such axis.
    planes : mapping of int to int
        Index on the other axes; 0 where it has none.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, int, int],
        *,
        extension: int,
        kept: tuple[int | None, int, int],
        planes: Mapping[int, int],
    ) -> None:
        super().__init__(path, shape)
        self.extension = extension
        self.kept = kept
        self.planes = dict(planes)
        self._handle: fits.HDUList | None = None

    def _open(self) -> None:
        self._opened = ExitStack()
        self._handle = self._opened.enter_context(open_fits(self.path))

    def _close(self) -> None:
        if self._handle is not None:
            self._opened.close()
        self._handle = None

    def blocks(self, box: Box) -> Iterator[tuple[Box, Array]]:
        """Stored values of the box; see `Sections.blocks`."""
        if self._handle is None:
            raise UnreadableFileError(f"{self.path}: it is closed; read within a with block")
        section = self._handle[self.extension].section
        yield from by_plane(values_of(section, self.kept, self.planes, box))


def values_of(
    array: Any, kept: tuple[int | None, int, int], planes: Mapping[int, int], box: Box
) -> Array:
    """Values of a box of three axes.

    Parameters
    ----------
    array : Pixels, or section of an HDU
    kept : (int or None, int, int)
        Index of each axis of the box in the array.
    planes : mapping of int to int
        Index on other axes; by default 0.
    box : (slice, slice, slice)

    Returns
    -------
    ndarray of three axes
    """
    index: list[Any] = [planes.get(axis, 0) for axis in range(len(array.shape))]
    for axis, part in zip(kept, box, strict=True):
        if axis is not None:
            index[axis] = part
    size = tuple(part.stop - part.start for part in box)
    found: Array = array.read(tuple(index)) if isinstance(array, Pixels) else array[tuple(index)]
    return found.reshape(size)


def by_plane(values: Array) -> Iterator[tuple[Box, Array]]:
    """Values of a box, one of its first axis after the other.

    Parameters
    ----------
    values : ndarray of three axes

    Yields
    ------
    position : (slice, slice, slice)
    values : ndarray of three axes
    """
    for plane in range(len(values)):
        yield (slice(plane, plane + 1), slice(None), slice(None)), values[plane : plane + 1]


def _covers(held: Box, box: Box) -> bool:
    return all(
        have.start <= want.start and want.stop <= have.stop
        for have, want in zip(held, box, strict=True)
    )
