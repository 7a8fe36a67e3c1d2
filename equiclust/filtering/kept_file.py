"""The result of a filter as an HDF5 file with a mask and links to the kept frames, or a table."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data_adapters.frames import FrameSeries, FrameStack
from data_adapters.frames.hdf5 import CREATOR, Hdf5Stack
from equiclust.filtering.features import FrameFeatures
from equiclust.filtering.frame_filter import REASONS, Judgement
from equiclust.io.catalogue import FORMATS, write_table
from equiclust.optional import import_optional
from equiclust.typing import BoolArray, IntArray

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["HDF5_SUFFIXES", "OUTPUT_SUFFIXES", "make_table", "write_kept"]

HDF5_SUFFIXES = (".h5", ".hdf5", ".nxs")
OUTPUT_SUFFIXES = (*HDF5_SUFFIXES, *FORMATS)
"""Endings of the names of results."""

_DESCRIPTIONS = {
    "file": "file of the frame",
    "index": "of the frame within its file",
    "usable": "1 = usable and kept",
    "label": "1 = usable, 0 = not usable, -1 = uncertain",
    "probability": "that the frame is usable",
    "flux": "mean count of its pixels that are not masked, hot pixels left out",
    "reason": "in what it differs most from usable frames",
}


def write_kept(
    path: Path, home: Path, series: FrameSeries, features: FrameFeatures, judgement: Judgement
) -> None:
    """Write the result of a filter.

    Parameters
    ----------
    path : Path
        Ends in one of `OUTPUT_SUFFIXES`.
    home : Path
        Folder in which the file will lie, from which links lead to the frames.
    series : FrameSeries
    features : FrameFeatures
    judgement : Judgement
    """
    if path.suffix in HDF5_SUFFIXES:
        _write_hdf5(path, home, series, features, judgement)
    else:
        write_table(make_table(series, features, judgement), path)


def make_table(
    series: FrameSeries, features: FrameFeatures, judgement: Judgement, *, start: int = 0
) -> Table:
    """Table of frames that follow each other.

    Parameters
    ----------
    series : FrameSeries
    features : FrameFeatures
        Of `n` frames.
    judgement : Judgement
        Of the same frames.
    start : int, default 0
        Index of the first one within the series.

    Returns
    -------
    astropy.table.Table
        One row for each frame.
    """
    from astropy.table import Table

    files, numbers, indices = _origin(series)
    part = slice(start, start + len(features))
    table = Table(
        {
            "file": np.array(files)[numbers[part]],
            "index": indices[part],
            "usable": (judgement.label == 1).astype(np.int64),
            "label": judgement.label,
            "probability": judgement.probability.round(6),
            "flux": features.flux,
            "reason": np.array(REASONS)[judgement.reason],
        }
    )
    for name, description in _DESCRIPTIONS.items():
        table[name].description = description
    return table


def _origin(series: FrameSeries) -> tuple[list[str], IntArray, IntArray]:
    """Files, the number of the file of every frame, and its index within the file."""
    files: dict[str, int] = {}
    numbers, indices = [], []
    counted: dict[str, int] = {}
    for stack in series.stacks:
        name = str(stack.path)
        before = counted.get(name, 0)
        numbers.append(np.full(stack.n_frames, files.setdefault(name, len(files))))
        indices.append(before + np.arange(stack.n_frames))
        counted[name] = before + stack.n_frames
    return list(files), np.concatenate(numbers), np.concatenate(indices)


def _write_hdf5(
    path: Path, home: Path, series: FrameSeries, features: FrameFeatures, judgement: Judgement
) -> None:
    h5py = import_optional("h5py", extra="frames", purpose="writing HDF5 files")
    files, numbers, indices = _origin(series)
    keep = judgement.label == 1
    columns = {
        "keep": keep.astype(np.uint8),
        "probability": judgement.probability.astype(np.float32),
        "label": judgement.label.astype(np.int8),
        "reason": judgement.reason.astype(np.uint8),
        "flux": features.flux,
        "file": numbers.astype(np.uint32),
        "index": indices.astype(np.uint64),
    }
    with h5py.File(path, "w", libver="latest") as file:
        file.attrs["creator"] = CREATOR
        file.attrs["default"] = "entry"
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        for name, values in columns.items():
            entry.create_dataset(name, data=values, compression="gzip", shuffle=True)
        entry["reason"].attrs["names"] = list(REASONS)
        entry["files"] = [os.fsencode(name) for name in files]
        if keep.any() and _can_be_linked(series):
            _link_kept(h5py, entry, home, series, keep)


def _can_be_linked(series: FrameSeries) -> bool:
    """Whether the frames are of one type and scale, on three axes, and in HDF5 files."""
    kinds = {
        (stack.dtype, stack.scaling, stack.n_axes) if isinstance(stack, Hdf5Stack) else None
        for stack in series.stacks
    }
    kind = kinds.pop()
    return not kinds and kind is not None and kind[-1] == 3


def _link_kept(h5py: Any, entry: Any, home: Path, series: FrameSeries, keep: BoolArray) -> None:
    """A virtual data set of the kept frames, as NeXus data; nothing is copied."""
    group = entry.create_group("data")
    group.attrs["NX_class"], group.attrs["signal"] = "NXdata", "kept"
    entry.attrs["default"] = "data"
    shape = series.frame_shape
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    target = h5py.h5s.create_simple((int(keep.sum()), *shape))
    for stack, start, stop, place in _runs(series, keep):
        source = h5py.h5s.create_simple((stack.n_frames, *shape))
        source.select_hyperslab((start, 0, 0), (1, 1, 1), block=(stop - start, *shape))
        target.select_hyperslab((place, 0, 0), (1, 1, 1), block=(stop - start, *shape))
        file = os.fsencode(os.path.relpath(stack.path.absolute(), home.absolute()))
        layout.set_virtual(target, file, stack.part.encode(), source)
    target.select_all()
    kind = h5py.h5t.py_create(series.stacks[0].dtype)
    h5py.h5d.create(group.id, b"kept", kind, target, dcpl=layout)
    scaling = getattr(series.stacks[0], "scaling", None)
    for name in () if scaling is None else ("scale_factor", "add_offset"):
        group["kept"].attrs[name] = getattr(scaling, name)
    if scaling is not None and scaling.fill_value is not None:
        group["kept"].attrs["_FillValue"] = scaling.fill_value


def _runs(series: FrameSeries, keep: BoolArray) -> Iterator[tuple[FrameStack, int, int, int]]:
    """Kept frames that follow each other: their stack, first and last but one, and place."""
    before = place = 0
    for stack in series.stacks:
        part = keep[before : before + stack.n_frames].astype(np.int8)
        edges = np.flatnonzero(np.diff(part, prepend=0, append=0)).reshape(-1, 2)
        for start, stop in edges.tolist():
            yield stack, start, stop, place
            place += stop - start
        before += stack.n_frames
