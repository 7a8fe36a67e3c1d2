"""What a TIFF file claims of itself, checked before pages are decoded."""

from __future__ import annotations

import lzma
import math
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tifffile

from data_adapters.size_claims import SMALLEST_LIMIT, check_claim
from data_adapters.time_limit import check_time
from equiclust.exceptions import UnreadableFileError

__all__ = ["check_directories", "check_pages", "check_segments"]

_ORDERS = {b"II": "little", b"MM": "big"}
# What a byte can be unpacked to: of deflate by its format, of LZMA as found with zeros.
_RATIOS = {
    tifffile.COMPRESSION.ADOBE_DEFLATE: 1032,
    tifffile.COMPRESSION.DEFLATE: 1032,
    tifffile.COMPRESSION.LZMA: 7000,
}


def check_directories(path: Path) -> None:
    """Refuse a file whose list of pages runs in a circle, in which a reader would go on for ever.

    Parameters
    ----------
    path : Path

    Raises
    ------
    UnreadableFileError
        When a page follows that was there before.
    """
    with path.open("rb") as file:
        start = file.read(16)
        order: Any = _ORDERS.get(start[:2], "little")
        big = int.from_bytes(start[2:4], order) == 43
        count_size, entry, offset_size = (8, 20, 8) if big else (2, 12, 4)
        offset = int.from_bytes(start[8:16] if big else start[4:8], order)
        seen: set[int] = set()
        while offset:
            if offset in seen:
                raise UnreadableFileError(
                    f"{path}: it is damaged (its list of pages runs in a circle)"
                )
            seen.add(offset)
            check_time(path)
            file.seek(offset)
            count = int.from_bytes(file.read(count_size), order)
            file.seek(min(offset + count_size + entry * count, path.stat().st_size))
            offset = int.from_bytes(file.read(offset_size), order)


def check_pages(pages: Sequence[tifffile.TiffPage], n_series_values: int, path: Path) -> None:
    """Refuse more pixels than a file of its size can honestly hold.

    Parameters
    ----------
    pages : sequence of tifffile.TiffPage
    n_series_values : int
        Values of the images that metadata describe; there may be more than pages show.
    path : Path
        The file.

    Raises
    ------
    UnreadableFileError
        See `data_adapters.size_claims.check_claim`.
    """
    itemsize = max((-(-page.bitspersample // 8) for page in pages), default=1)
    tiles = [
        page.tilewidth * page.tilelength * max(page.tiledepth, 1) * page.samplesperpixel
        for page in pages
        if page.is_tiled
    ]
    n_values = sum(math.prod(page.shape) for page in pages)
    check_claim(path, max(n_values, n_series_values, *tiles, 0), itemsize=itemsize)


def check_segments(page: tifffile.TiffPage, path: Path) -> None:
    """Refuse strips and tiles that unpack to more than they hold of the page.

    Only those are tried that could take much memory.

    Parameters
    ----------
    page : tifffile.TiffPage
    path : Path
        The file.

    Raises
    ------
    UnreadableFileError
        When a strip or tile unpacks to more bytes than its pixels take.
    """
    # What frames have in common is known of the first.
    like = page.keyframe
    ratio = _RATIOS.get(like.compression, 0)
    expected = math.prod(like.chunks) * -(-like.bitspersample // 8)
    file = page.parent.filehandle
    for offset, size in zip(page.dataoffsets, page.databytecounts, strict=False):
        if size * ratio > SMALLEST_LIMIT:
            file.seek(offset)
            if _is_longer(like.compression, file.read(size), expected):
                raise UnreadableFileError(
                    f"{path}: it is damaged (a strip or tile unpacks to more than its {expected} "
                    "bytes)"
                )


def _is_longer(compression: int, packed: bytes, expected: int) -> bool:
    unpack: Callable[[bytes, int], bytes]
    if compression == tifffile.COMPRESSION.LZMA:
        unpack = lzma.LZMADecompressor().decompress
    else:
        unpack = zlib.decompressobj().decompress
    return len(unpack(packed, expected + 1)) > expected
