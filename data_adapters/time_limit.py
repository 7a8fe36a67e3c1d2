"""A limit on the time that reading one file may take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from equiclust.exceptions import UnreadableFileError

__all__ = ["SECONDS_PER_FILE", "check_time", "limited_time"]

SECONDS_PER_FILE = 60.0
"""Time for any file."""

BYTES_PER_SECOND = 5e6
"""What is more for large files: the speed of a slow network."""

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def limited_time(path: Path) -> Iterator[None]:
    """Limit the time of a block that reads one file.

    Nothing can stop a library from outside, in the middle of a page. So the limit is looked at by
    `check_time`, between the pages, and `size_claims` keeps every page small enough to be read in
    time.

    Parameters
    ----------
    path : Path
        The file; its size adds to the time.

    Yields
    ------
    None
    """
    try:
        size = path.stat().st_size
    except OSError:
        size = 0
    token = _deadline.set(time.monotonic() + SECONDS_PER_FILE + size / BYTES_PER_SECOND)
    try:
        yield
    finally:
        _deadline.reset(token)


def check_time(path: Path) -> None:
    """Give up a file when its time is over; to be called between pages, images or headers.

    Parameters
    ----------
    path : Path
        The file, named in the message.

    Raises
    ------
    UnreadableFileError
        When the time is over. Outside `limited_time` there is no limit.
    """
    deadline = _deadline.get()
    if deadline is not None and time.monotonic() > deadline:
        raise UnreadableFileError(
            f"{path}: reading it takes more than {SECONDS_PER_FILE:.0f} s and what its size "
            "explains; cut it into several files"
        )
