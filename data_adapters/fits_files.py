"""`open_fits`: FITS files, of which astropy is shown what lies within claims that can be true."""

from __future__ import annotations

import io
import logging
import math
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from astropy.io import fits

from data_adapters.packed_files import unpacked
from data_adapters.size_claims import check_claim, unpacked_limit
from data_adapters.time_limit import check_time
from equiclust.exceptions import UnreadableFileError

__all__ = ["open_fits"]

logger = logging.getLogger(__name__)

BLOCK, CARD = 2880, 80
CHUNK = 1 << 20
MAX_HEADER = 1 << 23
"""Bytes of one header: a hundred thousand cards, more than any program's history."""
MAX_AXES = 64
"""Axes that an array can have; the standard allows 999."""
MAX_COLUMNS = 999
"""Columns of a table, by the standard."""
MAX_TILE = 1 << 30
"""Bytes of one tile of a compressed image, which is unpacked whole."""

_SIZES = re.compile(r"BITPIX|TFIELDS|[PG]COUNT|GROUPS|ZIMAGE|ZBITPIX|NAXIS\d*|ZNAXIS\d*|ZTILE\d+")
_WHOLE = re.compile(r"[+-]?\d+")


@contextmanager
def open_fits(path: Path) -> Iterator[fits.HDUList]:
    """Extensions of a FITS file, packed or not; nothing is scaled, and nothing mapped.

    Before astropy sees the file, the headers are walked through and what they claim is checked.
    What lies behind the last extension is not read.

    Parameters
    ----------
    path : Path
        The file.

    Yields
    ------
    astropy.io.fits.HDUList

    Raises
    ------
    UnreadableFileError
        When a header claims what cannot be: more axes than an array can have, or more pixels than a
        file of this size can hold.
    OSError
        When the file does not exist or is no FITS file.
    """
    with ExitStack() as stack:
        stream = unpacked(path, stack)
        end = _Walk(stream, path).end()
        stream.seek(0)
        shown = io.BufferedReader(_Clipped(stream, end))
        yield stack.enter_context(fits.open(shown, memmap=False, do_not_scale_image_data=True))


class _Clipped(io.RawIOBase):
    """The beginning of a stream as if it were the whole."""

    def __init__(self, stream: IO[bytes], end: int) -> None:
        self._stream = stream
        self._end = end
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = max(0, offset + (0, self._at, self._end)[whence])
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        wanted = max(0, min(len(view), self._end - self._at))
        if not wanted:
            return 0
        if self._stream.tell() != self._at:
            self._stream.seek(self._at)
        content = self._stream.read(wanted)
        view[: len(content)] = content
        self._at += len(content)
        return len(content)


class _Walk:
    """Walks from header to header, and checks what they claim before anything is made of it."""

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        self.stream = stream
        self.path = path
        # The length of a packed file is not known before all of it is unpacked.
        self.packed = not isinstance(stream, io.BufferedReader)
        self.size = 0 if self.packed else path.stat().st_size
        self.n_unpacked = 0

    def end(self) -> int:
        """Where the last extension ends."""
        end, first = 0, True
        while True:
            check_time(self.path)
            header = self._header(first)
            if header is None:
                # What is no FITS file at all is left for astropy to describe.
                return end or BLOCK
            end = self._at() + self._data_size(header)
            first = False
            if self.packed and end > unpacked_limit(self.path):
                raise UnreadableFileError(
                    f"{self.path}: it is packed and claims {end} bytes unpacked, more than a file "
                    "of its size may take; unpack the file first"
                )
            if not self._skip_to(end):
                return end

    def _at(self) -> int:
        return self.stream.tell()

    def _skip_to(self, end: int) -> bool:
        """Whether the stream goes on there."""
        if not self.packed:
            self.stream.seek(min(end, self.size))
            return end < self.size
        while (left := end - self._at()) > 0:
            if not self.stream.read(min(left, CHUNK)):
                return False
        return True

    def _header(self, first: bool) -> dict[str, str] | None:
        """Cards of the next header that say how large it is; None where there is none."""
        cards: dict[str, str] = {}
        for n_block in range(MAX_HEADER // BLOCK):
            block = self.stream.read(BLOCK)
            if n_block == 0 and not block.startswith(b"SIMPLE" if first else b"XTENSION"):
                return None
            for start in range(0, len(block), CARD):
                card = block[start : start + CARD].decode("latin-1")
                name = card[:8].rstrip()
                if name == "END":
                    return cards
                if card[8:10] == "= " and _SIZES.fullmatch(name):
                    self._note(cards, name, card[10:].partition("/")[0].strip())
            if len(block) < BLOCK:
                return cards
        raise UnreadableFileError(f"{self.path}: it has a header without end; it is damaged")

    def _note(self, cards: dict[str, str], name: str, value: str) -> None:
        """Keep a value; of two, astropy takes now the first and now the last."""
        before = cards.setdefault(name, value)
        if before != value:
            raise UnreadableFileError(
                f"{self.path}: a header says that {name} is {before} and {value}; it is damaged"
            )
        if not _WHOLE.fullmatch(value) and value not in ("T", "F"):
            raise UnreadableFileError(
                f"{self.path}: {name} of a header is {value!r}, which is no whole number; it is "
                "damaged"
            )

    def _data_size(self, cards: dict[str, str]) -> int:
        """Bytes from the end of a header to the next, whole blocks."""
        shape = self._shape(cards, "NAXIS")
        if not 0 <= _whole(cards, "TFIELDS", 0) <= MAX_COLUMNS:
            raise UnreadableFileError(
                f"{self.path}: TFIELDS of a header is {cards['TFIELDS']}, and a table has at most "
                f"{MAX_COLUMNS} columns; it is damaged"
            )
        if cards.get("ZIMAGE") == "T":
            self._check_tiles(cards, shape)
        if shape[:1] == [0] and cards.get("GROUPS") == "T":
            shape = shape[1:]
        values = math.prod(shape) if shape else 0
        groups = _whole(cards, "GCOUNT", 1) * (_whole(cards, "PCOUNT", 0) + values)
        n_bytes = groups * abs(_whole(cards, "BITPIX", 8)) // 8
        if n_bytes < 0:
            # astropy would go back by as much, and read the same headers for ever.
            raise UnreadableFileError(
                f"{self.path}: a header claims {n_bytes} bytes of data; it is damaged"
            )
        return -(-n_bytes // BLOCK) * BLOCK

    def _shape(self, cards: dict[str, str], name: str) -> list[int]:
        """Lengths of the axes, fastest first."""
        n_axes = _whole(cards, name, 0)
        if not 0 <= n_axes <= MAX_AXES:
            raise UnreadableFileError(
                f"{self.path}: {name} of a header is {n_axes}, and an image has at most {MAX_AXES} "
                "axes; it is damaged"
            )
        shape = [_whole(cards, f"{name}{axis}", 0) for axis in range(1, n_axes + 1)]
        if any(length < 0 for length in shape):
            raise UnreadableFileError(
                f"{self.path}: a header claims axes of {shape} pixels; it is damaged"
            )
        return shape

    def _check_tiles(self, cards: dict[str, str], table: list[int]) -> None:
        """A tile-compressed image must have the tiles that it claims, none too large to unpack."""
        shape = self._shape(cards, "ZNAXIS")
        default = [1] * len(shape)
        default[:1] = shape[:1]
        tile = [
            min(max(_whole(cards, f"ZTILE{axis}", side), 1), max(length, 1))
            for axis, (side, length) in enumerate(zip(default, shape, strict=True), start=1)
        ]
        itemsize = abs(_whole(cards, "ZBITPIX", 8)) // 8
        if math.prod(tile) * itemsize > MAX_TILE:
            raise UnreadableFileError(
                f"{self.path}: it claims a compressed tile of {tile} pixels, more than {MAX_TILE} "
                "bytes; compress it in smaller tiles"
            )
        n_tiles = math.prod(-(-n // side) for n, side in zip(shape, tile, strict=True))
        n_rows = table[1] if len(table) > 1 else 0
        if n_tiles > n_rows:
            raise UnreadableFileError(
                f"{self.path}: it is damaged or truncated (it claims {n_tiles} compressed tiles "
                f"and lists {n_rows})"
            )
        # All images of a file may be asked for at once.
        self.n_unpacked += math.prod(shape)
        check_claim(self.path, self.n_unpacked, itemsize=itemsize, whole=False)


def _whole(cards: dict[str, str], name: str, default: int) -> int:
    """A whole number on a card; the default where it is missing or unreadable."""
    try:
        return int(cards[name])
    except (KeyError, ValueError):
        return default
