"""Standard streams that are closed or end early, and signals that end a command."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

__all__ = ["Terminated", "mute", "open_standard_streams", "terminable"]


class Terminated(BaseException):
    """The process was asked to end by SIGTERM or SIGHUP.

    Parameters
    ----------
    signal_number : int
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number


def open_standard_streams() -> None:
    """Open what the caller has closed, so that no file that is opened later takes its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free, which is this one.
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def mute(stream: IO[str]) -> None:
    """Send what is still in a stream that nobody reads to nowhere, so that the exit is quiet.

    Parameters
    ----------
    stream : text file
    """
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


@contextmanager
def terminable() -> Iterator[None]:
    """Raise `Terminated` on SIGTERM and SIGHUP, so that unfinished files are removed.

    Outside of the main thread, where signals do not arrive, nothing is changed.

    Yields
    ------
    None
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    numbers = [getattr(signal, name) for name in names]
    # What the caller ignores, as `nohup` does with SIGHUP, stays ignored.
    before = {number: signal.getsignal(number) for number in numbers}
    changed = [number for number, handler in before.items() if handler is signal.SIG_DFL]
    for number in changed:
        signal.signal(number, _raise)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, before[number])


def _raise(number: int, frame: Any) -> None:
    # A second one, which would come into the cleaning, is ignored.
    signal.signal(number, signal.SIG_IGN)
    raise Terminated(number)
