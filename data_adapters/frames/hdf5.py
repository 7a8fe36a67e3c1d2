"""Stacks of frames in HDF5 and NeXus files, also virtual and linked ones."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data_adapters.frames.stack import FrameStack
from data_adapters.hdf5_files import (
    DAMAGE,
    check_filters,
    check_sources,
    damage_told,
    open_file,
    reason_of_hdf5,
    text_of,
)
from equiclust.exceptions import InputError, UnreadableFileError
from equiclust.typing import Array, Float32Array

__all__ = ["CREATOR", "Hdf5Stack", "Scaling", "open_hdf5"]

CREATOR = "equiclust filter"
"""Attribute `creator` of the HDF5 files of a filter, by which they are not taken for frames."""

# An axis of more pixels is no axis of colours.
_MOST_COLOURS = 4
_SERIES = re.compile(r"data_\d+")


class Scaling(NamedTuple):
    """Linear scale of a data set, by the conventions of netCDF.

    Attributes
    ----------
    scale_factor, add_offset : float
    fill_value : float or None
        Number in the file of pixels that measured nothing; `None` for the largest of an unsigned
        type.
    """

    scale_factor: float
    add_offset: float
    fill_value: float | None

    def counts(self, numbers: Array) -> Float32Array:
        """Counts of numbers in the file.

        Parameters
        ----------
        numbers : ndarray

        Returns
        -------
        ndarray, float32
            Of the same shape; NaN where nothing was measured.
        """
        empty = self.fill_value
        if empty is None and numbers.dtype.kind == "u":
            empty = np.iinfo(numbers.dtype).max
        scaled = self.scale_factor * numbers.astype(np.float64) + self.add_offset
        return np.where(numbers == empty, np.nan, scaled).astype(np.float32)


@dataclass(frozen=True)
class Hdf5Stack(FrameStack):
    """A data set `(n, height, width)`, or `(height, width)` for a single frame.

    Of a scan with several axes before these two, frames follow each other as they lie in memory.
    The file stays open between reads.

    Parameters
    ----------
    path, part, n_frames, frame_shape, dtype : object
        See `FrameStack`.
    saturation : float or None, default None
        See `FrameStack`.
    n_axes : int, default 3
        Of the data set.
    scaling : Scaling or None, default None
        From the numbers in the file to counts; `None` where these are the counts.
    """

    n_axes: int = 3
    scaling: Scaling | None = None
    _opened: list[Any] = field(default_factory=list, repr=False, compare=False)

    def read(self, start: int, stop: int) -> Array:
        """Read frames; see `FrameStack.read`."""
        if not self._opened:
            with damage_told(self.path, self.part):
                file = open_file(self.path)
                self._opened.extend([file, file[self.part]])
        dataset = self._opened[1]
        try:
            found = _frames(dataset, start, stop)
        except DAMAGE as error:
            reason = reason_of_hdf5(error)
            raise UnreadableFileError(
                f"cannot read frames {start} to {stop - 1} of {self.name!r}: {reason}"
            ) from error
        return found if self.scaling is None else self.scaling.counts(found)

    def close(self) -> None:
        """Close the file; reading opens it again."""
        if self._opened:
            self._opened[0].close()
            self._opened.clear()


def open_hdf5(path: Path, dataset: str | None = None) -> list[Hdf5Stack]:
    """Find the frames in an HDF5 file.

    Without a name, the default signal of a NeXus file is taken, else the pieces
    ``data_000001``, ... of ``/entry/data``, else the largest data set of three axes or more.

    Parameters
    ----------
    path : Path
    dataset : str, optional
        Path of the data set within the file, or of a group that holds ``data_000001``, ...

    Returns
    -------
    list of Hdf5Stack
        One; several where the frames lie in pieces.

    Raises
    ------
    InputError
        When there is no such data set, it has other axes, or it is not clear which one is meant.
    MissingPackageError
        When h5py or hdf5plugin is not installed.
    UnreadableFileError
        When the file is no HDF5 file, or is damaged.
    """
    with damage_told(path), open_file(path) as file:
        if text_of(file.attrs.get("creator")) == CREATOR:
            raise UnreadableFileError(
                f"{str(path)!r} is the result of a filter; name the files of the frames"
            )
        names = _members(file, dataset) if dataset else _default_names(file, path)
        return [_stack(path, file, name) for name in names]


def _members(file: Any, name: str) -> list[str]:
    """The data set of a name, or its pieces."""
    with damage_told(Path(file.filename), name):
        linked = file.get(name, getlink=True) is not None
        found = file.get(name)
    if found is None:
        what = "leads to a file or data set that is missing" if linked else "is missing"
        known = ", ".join(item for item, _ in _stacks_of(file)) or "no data set of three axes"
        raise InputError(
            f"dataset {name!r} {what} in {file.filename!r}, which holds {known}; name one of these"
        )
    if hasattr(found, "shape"):
        return [name]
    pieces = [f"{name.rstrip('/')}/{key}" for key in sorted(found) if _SERIES.fullmatch(key)]
    if not pieces:
        raise InputError(
            f"dataset {name!r} of {file.filename!r} is a group without data_000001, ...; name a "
            "data set"
        )
    return pieces


def _default_names(file: Any, path: Path) -> list[str]:
    signal = _nexus_signal(file)
    if signal is not None:
        return [signal]
    group = file.get("/entry/data")
    if group is not None and any(_SERIES.fullmatch(key) for key in group):
        return _members(file, "/entry/data")
    found = _stacks_of(file)
    if not found:
        raise InputError(
            f"{str(path)!r} holds no data set of three axes, frame, height and width; "
            "name one by dataset"
        )
    largest = max(size for _, size in found)
    names = [name for name, size in found if size == largest]
    if len(names) > 1:
        raise InputError(
            f"{str(path)!r} holds several equally large data sets: {', '.join(names)}; choose one "
            "by dataset"
        )
    return names


def _nexus_signal(file: Any) -> str | None:
    """Path of the default signal of a NeXus file, where it is a stack of frames."""
    place = file
    while (name := text_of(place.attrs.get("default"))) is not None and name in place:
        place = place[name]
    name = text_of(place.attrs.get("signal"))
    if name is None or place.get(name) is None or getattr(place[name], "ndim", 0) < 3:
        return None
    return f"{place.name.rstrip('/')}/{name}"


def _stacks_of(file: Any) -> list[tuple[str, int]]:
    """Paths and sizes of all numeric data sets of frames, links not followed."""
    found: list[tuple[str, int]] = []

    def visit(name: str, item: Any) -> None:
        if getattr(item, "ndim", 0) > 2 and item.dtype.kind in "uif" and not _coloured(item.shape):
            found.append((f"/{name}", item.size))

    visitor: Callable[[str, Any], None] = visit
    file.visititems(visitor)
    return found


def _coloured(shape: tuple[int, ...]) -> bool:
    """Whether the last axis is one of colours, after frame, height and width."""
    return len(shape) > 3 and shape[-1] <= _MOST_COLOURS


def _frames(dataset: Any, start: int, stop: int) -> Array:
    if dataset.ndim == 3:
        found: Array = dataset[start:stop]
        return found
    before = dataset.shape[:-2]
    places = (np.unravel_index(index, before) if before else () for index in range(start, stop))
    return np.stack([dataset[place] for place in places])


def _stack(path: Path, file: Any, name: str) -> Hdf5Stack:
    with damage_told(path, name):
        dataset = file[name]
    shape: tuple[int, ...] = tuple(dataset.shape or ())
    is_stack = len(shape) > 1 and 0 not in shape and not _coloured(shape)
    if not is_stack or dataset.dtype.kind not in "uif":
        raise InputError(
            f"dataset {name!r} of {str(path)!r} must hold numbers on the axes frame, height and "
            f"width, the last two of them last, got {dataset.dtype} of shape {shape}"
        )
    check_filters(path, name, dataset)
    check_sources(path, name, dataset)
    scaling, saturation = _scaling(dataset), _saturation(dataset)
    if scaling is not None and saturation is not None:
        saturation = scaling.scale_factor * saturation + scaling.add_offset
    return Hdf5Stack(
        path=path,
        part=name,
        n_frames=math.prod(shape[:-2]),
        frame_shape=(int(shape[-2]), int(shape[-1])),
        dtype=dataset.dtype,
        saturation=saturation,
        n_axes=len(shape),
        scaling=scaling,
    )


def _scaling(dataset: Any) -> Scaling | None:
    factor, offset = _number(dataset, "scale_factor", 1.0), _number(dataset, "add_offset", 0.0)
    if factor is None or offset is None or (factor, offset) == (1.0, 0.0):
        return None
    return Scaling(factor, offset, _number(dataset, "_FillValue", None))


def _number(dataset: Any, name: str, default: float | None) -> float | None:
    value = np.asarray(dataset.attrs.get(name, default))
    is_one = value.size == 1 and value.dtype.kind in "uif" and np.isfinite(value).all()
    return float(value.ravel()[0]) if is_one else default


def _saturation(dataset: Any) -> float | None:
    """Count from which a pixel is saturated, as the group of the data set or its detector says."""
    for place in (dataset.parent, dataset.file.get("/entry/instrument/detector")):
        value: Any = None if place is None else place.get("saturation_value")
        # A group or a named type has no shape, an empty data set none either.
        if getattr(value, "shape", None) in ((), (1,)) and value.dtype.kind in "uif":
            count = float(np.ravel(value[()])[0])
            # Some write 0 or -1 for a detector that has none.
            return count if np.isfinite(count) and count > 0 else None
    return None
