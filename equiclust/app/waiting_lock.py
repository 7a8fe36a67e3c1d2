"""A lock on a file that several servers write, which waits for its turn."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from equiclust.exceptions import OutputError
from equiclust.io.locks import exclusive

__all__ = ["held"]

# Another server writes the same file for a few milliseconds.
_SECONDS_TO_WAIT = 5.0
_SECONDS_BETWEEN_TRIES = 0.02


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Keep other threads and processes away from a file, and wait for one that writes it now.

    Parameters
    ----------
    path : Path

    Yields
    ------
    None

    Raises
    ------
    OutputError
        When it is held for five seconds, or its folder cannot be written.
    """
    deadline = time.monotonic() + _SECONDS_TO_WAIT
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(exclusive(path))
                break
            except OutputError as error:
                # Any other cause does not pass by waiting.
                is_busy = isinstance(error.__cause__, TimeoutError)
                if not is_busy or time.monotonic() > deadline:
                    raise
            time.sleep(_SECONDS_BETWEEN_TRIES)
        yield
