"""Reading from the disk itself, and not from what the system keeps of it in memory."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import NamedTemporaryFile
from time import perf_counter

import numpy as np

__all__ = ["forget", "measure_disk", "seconds_to_read"]

_BYTES = 1 << 29
_BLOCK = 1 << 24
_MEGA = 1e6


def forget(path: Path) -> None:
    """Ask the system to drop a file from its cache, so that it is read from the disk next time.

    Parameters
    ----------
    path : path
    """
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def seconds_to_read(path: Path) -> float:
    """Seconds that it takes to read a file from the disk and do nothing with it.

    Parameters
    ----------
    path : path

    Returns
    -------
    float
    """
    forget(path)
    buffer = bytearray(_BLOCK)
    with path.open("rb", buffering=0) as file:
        started = perf_counter()
        while file.readinto(buffer):
            pass
        return perf_counter() - started


def measure_disk(folder: Path | None = None) -> float:
    """Rate at which the disk is read, by a file of 512 MiB that is removed again.

    Parameters
    ----------
    folder : path, optional
        Where the file is written; default the folder for temporary files.

    Returns
    -------
    float
        In MB/s.
    """
    block = np.random.default_rng(0).bytes(_BLOCK)
    with NamedTemporaryFile(dir=folder) as file:
        for _ in range(_BYTES // _BLOCK):
            file.write(block)
        file.flush()
        return _BYTES / seconds_to_read(Path(file.name)) / _MEGA
