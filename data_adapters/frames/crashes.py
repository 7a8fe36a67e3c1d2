"""Damage at which the HDF5 library ends the process, found by reading in another process first.

HDF5 does not withstand every damage: it may crash, or not come to an end, and no exception tells
of it. Only a process of its own keeps that from ours.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

from data_adapters.frames.hdf5 import Hdf5Stack, open_hdf5
from data_adapters.frames.stack import FrameSeries, FrameStack

__all__ = ["crashing_files", "crashing_frame"]

# Path, data set and single frames; without these as many as are looked at before a file is used.
Task = tuple[str, str | None, list[int] | None]

_PROGRAM = "from data_adapters.frames.crashes import _read_all; _read_all()"
# On one file; reading what is not damaged takes a fraction of it.
_CPU_SECONDS = 20
_MOST_BYTES = 1 << 25
_ENDLESS = getattr(signal, "SIGVTALRM", None)
_CRASHES = ("SIGSEGV", "SIGBUS", "SIGABRT", "SIGFPE", "SIGILL", "SIGVTALRM")


def crashing_files(paths: Sequence[Path], dataset: str | None = None) -> dict[Path, str]:
    """Find HDF5 files whose structure or first frames the library does not survive.

    One other process opens all of them, so that it costs half a second and not that for each.

    Parameters
    ----------
    paths : sequence of Path
    dataset : str, optional
        See `open_hdf5`.

    Returns
    -------
    dict of Path to str
        One sentence for each file that cannot be used.
    """
    found: dict[Path, str] = {}
    left = list(paths)
    while left:
        n, what = _survived([(str(path), dataset, None) for path in left])
        for path in left[n : n + 1]:
            found[path] = (
                f"cannot read {str(path)!r}: the HDF5 library {what} on it; the file is damaged, "
                "copy it again or leave it out"
            )
        left = left[n + 1 :]
    return found


def crashing_frame(series: FrameSeries, start: int, stop: int) -> str:
    """Find the first frame that the HDF5 library does not survive.

    Parameters
    ----------
    series : FrameSeries
    start, stop : int
        First frame and the one after the last.

    Returns
    -------
    str
        One sentence; empty when there is none.
    """
    places = [series.locate(index) for index in range(start, min(stop, len(series)))]
    told = [(stack, index) for stack, index in places if isinstance(stack, Hdf5Stack)]
    n, what = _survived([(str(stack.path), stack.part, [index]) for stack, index in told])
    if n == len(told):
        return ""
    stack, index = told[n]
    return (
        f"cannot read frame {index} of {stack.name!r}: the HDF5 library {what} on it; the file is "
        "damaged, copy it again or leave it out"
    )


def _survived(tasks: Sequence[Task]) -> tuple[int, str]:
    """How many tasks another process survives, and what happens at the next one."""
    if not tasks or not sys.executable:
        return len(tasks), ""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        # The current folder may be somebody else's, and hold a module of the same name.
        "PYTHONSAFEPATH": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        input=json.dumps(tasks).encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        check=False,
    )
    ends = {-number: name for name in _CRASHES if (number := getattr(signal, name, None))}
    if done.returncode not in ends:
        return len(tasks), ""
    endless = _ENDLESS is not None and done.returncode == -_ENDLESS
    return len(done.stdout.split()), "does not come to an end" if endless else "crashes"


def _read_all() -> None:
    """Work of the other process: a line when a task is done, whatever came out."""
    for path, dataset, frames in json.load(sys.stdin):
        if _ENDLESS is not None:
            signal.setitimer(signal.ITIMER_VIRTUAL, _CPU_SECONDS)
        # What an exception tells, the process that needs the frames will hear itself.
        with suppress(Exception):
            for stack in open_hdf5(Path(path), dataset):
                for index in _first(stack) if frames is None else frames:
                    with suppress(Exception):
                        stack.read(index, index + 1)
                stack.close()
        print("done", flush=True)


def _first(stack: FrameStack) -> list[int]:
    """Frames from the first on that take no long to read, and the last one."""
    size = stack.frame_shape[0] * stack.frame_shape[1] * stack.dtype.itemsize
    few = takewhile(lambda index: index * size < _MOST_BYTES, range(stack.n_frames - 1))
    return [*few, stack.n_frames - 1]
