"""How much one file may unpack to: what it claims is checked before memory is taken for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from equiclust.exceptions import UnreadableFileError
from equiclust.memory import readable_size, total_memory

__all__ = [
    "SMALLEST_LIMIT",
    "UNPACKING_RATIO",
    "check_claim",
    "limited_memory",
    "unpacked_limit",
]

SMALLEST_LIMIT = 1 << 28
"""Bytes that the pixels of any file may take, however small it is: 256 MiB."""

UNPACKING_RATIO = 100
"""Times its size that the pixels of a larger file may take.

Pictures of noise are packed to a half, of simulated objects on black to a 50th; deflate reaches a
1000th of zeros alone.
"""

MEMORY_SHARE = 0.5
"""Share of the machine's memory that the pixels of one file may take when they are read whole."""


_most_bytes: ContextVar[int | None] = ContextVar("most_bytes", default=None)


@contextmanager
def limited_memory(n_bytes: int | None) -> Iterator[None]:
    """Limit the pixels of files that are read whole within a block.

    Parameters
    ----------
    n_bytes : int or None
        Bytes; None sets no further limit.

    Yields
    ------
    None
    """
    token = _most_bytes.set(n_bytes)
    try:
        yield
    finally:
        _most_bytes.reset(token)


def unpacked_limit(path: Path, *, whole: bool = True, size: int | None = None) -> int:
    """Bytes that the pixels of a file may take.

    Parameters
    ----------
    path : Path
        The file.
    whole : bool, default True
        Whether all pixels are read at once, so that they must fit into memory.
    size : int, optional
        Of the file in bytes; by default that which it has.

    Returns
    -------
    int
        `UNPACKING_RATIO` times the size of the file, but at least `SMALLEST_LIMIT`; when read
        whole, at most `MEMORY_SHARE` of the memory.
    """
    n_bytes = path.stat().st_size if size is None else size
    limit = max(SMALLEST_LIMIT, UNPACKING_RATIO * n_bytes)
    if not whole:
        return limit
    memory, allowed = total_memory(), _most_bytes.get()
    if memory:
        limit = min(limit, int(MEMORY_SHARE * memory))
    return limit if allowed is None else min(limit, allowed)


def check_claim(
    path: Path,
    n_values: int,
    *,
    itemsize: int = 4,
    whole: bool = True,
    size: int | None = None,
) -> None:
    """Refuse a file that claims more pixels than it can honestly hold, or than memory can.

    Parameters
    ----------
    path : Path
        The file.
    n_values : int
        Number of its values, in all images and channels.
    itemsize : int, default 4
        Size of a value in bytes; less than float32 counts as float32, in which images are held.
    whole : bool, default True
        Whether all values are read at once.
    size : int, optional
        Of the file in bytes, or of all files of a folder; by default that which `path` has.

    Raises
    ------
    UnreadableFileError
        When the values take more bytes than `unpacked_limit`.
    """
    n_bytes, limit = n_values * max(itemsize, 4), unpacked_limit(path, whole=whole, size=size)
    allowed = _most_bytes.get()
    if whole and allowed is not None and limit == allowed < n_bytes:
        raise UnreadableFileError(
            f"{path}: its pixels are read whole and take {readable_size(n_bytes)}, more than the "
            f"{readable_size(allowed)} that max_memory leaves for one file; allow more"
        )
    if n_bytes > limit:
        raise UnreadableFileError(
            f"{path}: it claims {n_values} pixel values, which would take {readable_size(n_bytes)} "
            f"where a file of its size may take {readable_size(limit)}; cut it into smaller "
            "images, or save it uncompressed if it really is so large"
        )
