"""Blocks of values in an ASDF file, whose headers are checked before values are read."""

from __future__ import annotations

import bz2
import math
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from data_adapters.size_claims import check_claim
from data_adapters.time_limit import check_time
from equiclust.exceptions import UnreadableFileError
from equiclust.typing import Array

__all__ = ["Block", "StoredValues", "blocks_of"]

MAGIC = b"\xd3BLK"
_STREAMED = 1
_MAX_BLOCKS = 1 << 16
_UNPACK: dict[bytes, Callable[[], Any]] = {
    b"zlib": zlib.decompressobj,
    b"bzp2": bz2.BZ2Decompressor,
}


class Block(NamedTuple):
    """Where a block lies.

    Attributes
    ----------
    start, size : int
        First byte of its content in the file, and bytes of the content.
    n_bytes : int
        Of the values, unpacked.
    packing : bytes
        How it is packed; empty where it is not.
    """

    start: int
    size: int
    n_bytes: int
    packing: bytes


def blocks_of(file: IO[bytes], start: int, path: Path) -> list[Block]:
    """All blocks of a file; no value is read.

    Parameters
    ----------
    file : binary file
    start : int
        Where the tree of the file ends.
    path : Path
        The file, named in messages.

    Returns
    -------
    list of Block

    Raises
    ------
    UnreadableFileError
        When a block is not all there, or claims more than it can hold.
    """
    size = os.fstat(file.fileno()).st_size
    found: list[Block] = []
    at = _first(file, start)
    while at + 54 <= size and len(found) < _MAX_BLOCKS:
        check_time(path)
        file.seek(at)
        head = file.read(54)
        if head[:4] != MAGIC:
            # The index of blocks, which nothing needs.
            break
        length, flags = int.from_bytes(head[4:6], "big"), int.from_bytes(head[6:10], "big")
        packing = head[10:14].rstrip(b"\0")
        allocated, used, n_bytes = (int.from_bytes(head[k : k + 8], "big") for k in (14, 22, 30))
        content = at + 6 + length
        if flags & _STREAMED:
            allocated = used = n_bytes = size - content
        if content + used > size or used > allocated:
            raise UnreadableFileError(
                f"{path}: it is damaged or truncated (a block claims {used} bytes, and "
                f"{max(0, size - content)} are there)"
            )
        if packing:
            check_claim(path, n_bytes, itemsize=1, whole=False)
        found.append(Block(content, used, n_bytes if packing else used, packing))
        at = content + allocated
    return found


def _first(file: IO[bytes], start: int) -> int:
    """The first block, before which there may be blanks."""
    file.seek(start)
    beginning = file.read(1 << 16)
    place = beginning.find(MAGIC)
    return start + max(place, 0)


@dataclass(frozen=True, eq=False)
class StoredValues:
    """An array in a block, of which rows of the first axis are read.

    Parameters
    ----------
    path : Path
    block : Block
    shape : tuple of int
    dtype : numpy.dtype
    offset : int
        First byte within the unpacked block.
    """

    path: Path
    block: Block
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """A packed block is unpacked whole."""
        return self.shape if self.block.packing else None

    def __getitem__(self, box: tuple[int | slice, ...]) -> Array:
        length = math.prod(self.shape[1:]) * self.dtype.itemsize
        first = box[0] if isinstance(box[0], slice) else slice(box[0], box[0] + 1)
        start, stop, _ = first.indices(self.shape[0])
        content = self._bytes(self.offset + start * length, (stop - start) * length)
        rows = np.frombuffer(content, self.dtype).reshape(stop - start, *self.shape[1:])
        whole: Array = rows[(slice(None) if isinstance(box[0], slice) else 0, *box[1:])]
        return whole

    def _bytes(self, start: int, n_bytes: int) -> bytes:
        with self.path.open("rb") as file:
            if not self.block.packing:
                file.seek(self.block.start + start)
                content = file.read(n_bytes)
            else:
                file.seek(self.block.start)
                content = self._unpacked(file.read(self.block.size), start + n_bytes)
                content = content[start : start + n_bytes]
        if len(content) < n_bytes:
            raise UnreadableFileError(f"{self.path}: it ends before its values do")
        return content

    def _unpacked(self, content: bytes, wanted: int) -> bytes:
        make = _UNPACK.get(self.block.packing)
        if make is None:
            name = self.block.packing.decode("latin-1")
            raise UnreadableFileError(
                f"{self.path}: its values are packed by {name!r}; save them with zlib or bzp2"
            )
        unpacked: bytes = make().decompress(content, wanted)
        return unpacked
