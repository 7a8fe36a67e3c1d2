"""Simulated detector frames in one NeXus file, with the truth about each beside them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError, OutputError
from equiclust.io.atomic import atomic_path
from equiclust.io.locks import exclusive
from equiclust.io.output_checks import check_writable, output_path
from equiclust.io.staging import recover
from equiclust.optional import import_optional
from equiclust.progress import Progress, Update, start_stage
from equiclust.simulation.diffraction import detector_modules
from equiclust.simulation.frames import FRAME_CLASSES, SATURATION, check_frames, frame_blocks
from equiclust.simulation.sampling import RandomState
from equiclust.typing import PathLike

__all__ = ["SimulatedFrames", "write_frames"]

_SUFFIXES = (".h5", ".hdf5", ".nxs")


class SimulatedFrames(NamedTuple):
    """A file of simulated frames.

    Parameters
    ----------
    path : Path
    n_frames : int
    n_bad : int
        Number of unusable ones.
    """

    path: Path
    n_frames: int
    n_bad: int


@checks_types
def write_frames(
    path: PathLike,
    n: int,
    *,
    size: int = 256,
    bad_fraction: float = 0.1,
    dtype: str = "uint16",
    random_state: RandomState = None,
    on_progress: Progress | None = None,
) -> SimulatedFrames:
    """Simulate detector frames into a NeXus file, as many as the disk holds.

    The frames are ``/entry/data/data``, compressed by bitshuffle and LZ4, one chunk each, and the
    truth is in ``/entry/truth``: ``class``, ``usable`` and ``flux``.

    Parameters
    ----------
    path : path-like
        Ends in .h5, .hdf5 or .nxs; nothing may be there.
    n : int
        Number of frames.
    size, bad_fraction, dtype, random_state : int, float or str, optional
        As in `simulate_frames`.
    on_progress : callable, optional
        See `equiclust.progress.Progress`.

    Returns
    -------
    SimulatedFrames

    Raises
    ------
    InputError
        When an argument cannot be used.
    MissingPackageError
        When h5py or hdf5plugin is not installed.
    OutputError
        When the file is there already, or cannot be written.
    """
    place = output_path(path)
    if place.suffix not in _SUFFIXES:
        raise InputError(f"output must end in one of {', '.join(_SUFFIXES)}, got {str(place)!r}")
    check_frames(n, size, bad_fraction, dtype)
    h5py = import_optional("h5py", extra="frames", purpose="simulating frames")
    check_writable(place)
    options: dict[str, Any] = {"size": size, "bad_fraction": bad_fraction, "dtype": dtype}
    with exclusive(place):
        recover(place.parent)
        if os.path.lexists(place):
            raise OutputError(
                f"cannot write to {str(place)!r}: it is there already; choose another output"
            )
        with atomic_path(place) as draft, h5py.File(draft, "w") as file:
            update = start_stage(on_progress, "simulating")
            n_bad = _fill(file, n, {**options, "random_state": random_state}, update)
    return SimulatedFrames(place, n, n_bad)


def _fill(file: Any, n: int, options: dict[str, Any], update: Update) -> int:
    entry, data, truth = _layout(file, n, options["size"], options["dtype"])
    done = n_bad = 0
    for block in frame_blocks(n, **options):
        part = slice(done, done + len(block.frames))
        data[part] = block.frames
        truth["class"][part] = block.classes
        truth["usable"][part] = block.classes == 0
        truth["flux"][part] = block.flux
        n_bad += int(np.count_nonzero(block.classes))
        done = part.stop
        update(done, n, "")
    entry["title"] = "simulated detector frames"
    return n_bad


def _layout(file: Any, n: int, size: int, dtype: str) -> tuple[Any, Any, Any]:
    """The groups of a NeXus file; returns the entry, the frames and the group of the truth."""
    plugin = import_optional("hdf5plugin", extra="frames", purpose="simulating frames")
    file.attrs["default"] = "entry"
    entry = _group(file, "entry", "NXentry")
    entry.attrs["default"] = "data"
    group = _group(entry, "data", "NXdata")
    group.attrs["signal"] = "data"
    data = group.create_dataset(
        "data", (n, size, size), dtype, chunks=(1, size, size), **plugin.Bitshuffle(cname="lz4")
    )
    detector = _group(_group(entry, "instrument", "NXinstrument"), "detector", "NXdetector")
    detector["data"] = data
    detector["saturation_value"] = SATURATION
    detector["pixel_mask"] = (detector_modules(size) < 0).astype(np.uint32)
    truth = _group(entry, "truth", "NXcollection")
    truth.create_dataset("class", (n,), np.uint8).attrs["names"] = list(FRAME_CLASSES)
    truth.create_dataset("usable", (n,), np.uint8)
    truth.create_dataset("flux", (n,), np.float32)
    return entry, data, truth


def _group(parent: Any, name: str, nexus_class: str) -> Any:
    group = parent.create_group(name)
    group.attrs["NX_class"] = nexus_class
    return group
