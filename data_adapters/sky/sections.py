"""Sections of the pixels of a FITS file, without holding or mapping the whole of it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self

import numpy as np
from astropy.io import fits

from data_adapters.fits_files import open_fits
from data_adapters.fits_headers import card, errors_named, number
from equiclust.exceptions import UnreadableFileError
from equiclust.precision import LARGEST
from equiclust.typing import Array, Float32Array, Float64Array

__all__ = [
    "BLOCK_BYTES",
    "Box",
    "PlainSections",
    "Scaling",
    "Sections",
    "WholeSections",
]

BLOCK_BYTES = 1 << 21
"""Bytes read at once from a plain file.

Enough for the system to read ahead well, few enough to stay near the processor.
"""

Box = tuple[slice, slice, slice]

# `BZERO` of unsigned integers of 64 bits.
_UNSIGNED_64 = 2.0**63
# Float32 has 24 bits: it tells steps of integers well apart below so many steps of offset.
_MOST_STEPS = 2.0**19


class Scaling(NamedTuple):
    """From stored pixels to true values.

    Parameters
    ----------
    scale : float, default 1.0
        `BSCALE`.
    zero : float, default 0.0
        `BZERO`.
    blank : int, optional
        `BLANK`, the stored value of integer pixels without value.
    """

    scale: float = 1.0
    zero: float = 0.0
    blank: int | None = None

    @classmethod
    def of(cls, header: fits.Header, path: Path) -> Self:
        """Scaling that a header asks for.

        Parameters
        ----------
        header : astropy.io.fits.Header
        path : Path
            The file, named in messages.

        Returns
        -------
        Scaling

        Raises
        ------
        UnreadableFileError
            When `BSCALE` or `BZERO` is no number.
        """
        found = {"BSCALE": 1.0, "BZERO": 0.0}
        for name in found:
            if name in header:
                found[name] = number(header, name)
                if not math.isfinite(found[name]):
                    raise UnreadableFileError(
                        f"{path}: {name} is no number, so its values are unknown"
                    )
        blank = _blank(header) if int(header["BITPIX"]) > 0 else None
        return cls(found["BSCALE"], found["BZERO"], blank)

    def is_held_by_float32(self, bitpix: int) -> bool | None:
        """Whether float32 can hold the true values, as far as the type of the stored ones tells.

        Parameters
        ----------
        bitpix : int
            `BITPIX`.

        Returns
        -------
        bool or None
            None where the values have to be seen.
        """
        if bitpix == -32 and (self.scale, self.zero) == (1.0, 0.0):
            return True
        if bitpix not in (8, 16):
            return None
        scale, zero = abs(self.scale), abs(self.zero)
        return zero <= _MOST_STEPS * scale and 1 / LARGEST < scale < LARGEST / 2**17

    def fill(self, target: Float32Array | Float64Array, stored: Array) -> None:
        """Write true values into an array; values that are not finite in its type become NaN.

        Parameters
        ----------
        target : ndarray, float32 or float64
            Overwritten.
        stored : ndarray
            Pixels as stored, of the same shape.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            if self.scale == 1.0 and self.zero == 0.0:
                target[...] = stored
            elif (self.scale, self.zero) == (1.0, _UNSIGNED_64) and stored.dtype == np.dtype(">i8"):
                # float64 would lose the last digits of what is added up.
                target[...] = stored.view(">u8") ^ np.uint64(_UNSIGNED_64)
            else:
                target[...] = stored * np.float64(self.scale) + self.zero
        if stored.dtype.kind == "f":
            np.copyto(target, np.nan, where=~np.isfinite(target))
        if self.blank is not None:
            np.copyto(target, np.nan, where=stored == self.blank)


def _blank(header: fits.Header) -> int | None:
    """The whole number as it is written: float64 has not all those of 64 bits."""
    try:
        return int(card(header, "BLANK"))
    except ValueError:
        value = number(header, "BLANK")
        return int(value) if math.isfinite(value) else None


class Sections(ABC):
    """Pixels of one image with three axes in the order of the file.

    The file is open within a `with` block, which may be nested. A copy sent to another process is
    closed.

    Parameters
    ----------
    path : Path
        The file.
    shape : (int, int, int)
        Lengths of the axes in pixels, slowest first.
    """

    def __init__(self, path: Path, shape: tuple[int, int, int]) -> None:
        self.path = path
        self.shape = shape
        self._depth = 0

    def __enter__(self) -> Self:
        if self._depth == 0:
            with errors_named(self.path):
                self._open()
        self._depth += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._close()

    def __getstate__(self) -> dict[str, Any]:
        kept = {name: value for name, value in self.__dict__.items() if name != "_opened"}
        return {**kept, "_depth": 0, "_handle": None}

    @abstractmethod
    def _open(self) -> None: ...

    @abstractmethod
    def _close(self) -> None: ...

    @abstractmethod
    def blocks(self, box: Box) -> Iterator[tuple[Box, Array]]:
        """Stored values of a box, part by part.

        Parameters
        ----------
        box : (slice, slice, slice)
            Pixels along each axis, slowest first.

        Yields
        ------
        position : (slice, slice, slice)
            Position of the part, relative to the corner of the box.
        values : ndarray of three axes
            Pixels as stored.
        """


class PlainSections(Sections):
    """An uncompressed image: the file is read where the pixels lie.

    Rows are always read whole, since many small reads cost more.

    Parameters
    ----------
    path : Path
        The file.
    shape : (int, int, int)
        Lengths of the axes in pixels, slowest first.
    offset : int
        Position of the first pixel in the file, in bytes.
    dtype : numpy.dtype
        Type of the pixels as stored.
    strides : (int, int, int)
        Distance from one pixel to the next along each axis, in pixels.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, int, int],
        *,
        offset: int,
        dtype: np.dtype[Any],
        strides: tuple[int, int, int],
    ) -> None:
        super().__init__(path, shape)
        self.offset = offset
        self.dtype = dtype
        self.strides = strides
        self._handle: BinaryIO | None = None
        self._buffer: Array | None = None

    def _open(self) -> None:
        self._handle = self.path.open("rb", buffering=0)

    def _close(self) -> None:
        if self._handle is not None:
            self._handle.close()
        self._handle = self._buffer = None

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_buffer": None}

    def blocks(self, box: Box) -> Iterator[tuple[Box, Array]]:
        """Stored values of the box until the next part of any; see `Sections.blocks`."""
        slow, middle, fast = box
        along_slow, along_middle, along_fast = self.strides
        width = (self.shape[2] - 1) * along_fast + 1
        n_rows = max(1, BLOCK_BYTES // (along_middle * self.dtype.itemsize))
        n_rows = min(n_rows, middle.stop - middle.start)
        size = (n_rows - 1) * along_middle + width
        if self._buffer is None or len(self._buffer) < size:
            self._buffer = np.empty(size, self.dtype)
        buffer = self._buffer
        for plane in range(slow.start, slow.stop):
            for first in range(middle.start, middle.stop, n_rows):
                last = min(first + n_rows, middle.stop)
                span = buffer[: (last - first - 1) * along_middle + width]
                self._read_into(span, plane * along_slow + first * along_middle)
                rows = self._rows(span, last - first)
                position = (
                    slice(plane - slow.start, plane - slow.start + 1),
                    slice(first - middle.start, last - middle.start),
                    slice(None),
                )
                yield position, rows[None, :, fast]

    def _rows(self, span: Array, n_rows: int) -> Array:
        steps = [stride * self.dtype.itemsize for stride in self.strides[1:]]
        return np.ndarray((n_rows, self.shape[2]), self.dtype, span, strides=steps)

    def _read_into(self, span: Array, first_pixel: int) -> None:
        file = self._handle
        if file is None:
            raise UnreadableFileError(f"{self.path}: it is closed; read within a with block")
        file.seek(self.offset + first_pixel * self.dtype.itemsize)
        wanted = memoryview(span.view(np.uint8).data)
        while len(wanted) > 0:
            got = file.readinto(wanted)  # type: ignore[attr-defined]
            if not got:
                raise UnreadableFileError(f"{self.path}: it ends before its pixels do")
            wanted = wanted[got:]


class WholeSections(Sections):
    """An image in a packed file (gzip, bzip2): unpacked whole when opened, kept while open.

    Parameters
    ----------
    path : Path
        The file.
    shape : (int, int, int)
        Lengths of the axes in pixels, slowest first.
    extension : int
        Index of the extension in the file.
    planes : mapping of int to int
        Index on other axes that are longer than one pixel.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, int, int],
        *,
        extension: int,
        planes: Mapping[int, int],
    ) -> None:
        super().__init__(path, shape)
        self.extension = extension
        self.planes = dict(planes)
        self._handle: Array | None = None

    def _open(self) -> None:
        with open_fits(self.path) as hdus:
            data = np.asarray(hdus[self.extension].data)
            index = tuple(self.planes.get(axis, slice(None)) for axis in range(data.ndim))
            self._handle = data[index].reshape(self.shape)

    def _close(self) -> None:
        self._handle = None

    def blocks(self, box: Box) -> Iterator[tuple[Box, Array]]:
        """Stored values of the box; see `Sections.blocks`."""
        if self._handle is None:
            raise UnreadableFileError(f"{self.path}: it is closed; read within a with block")
        values = self._handle[box]
        for plane in range(len(values)):
            position = (slice(plane, plane + 1), slice(None), slice(None))
            yield position, values[plane : plane + 1]
