"""A stack of detector frames that is read in pieces, and several of them in a row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from equiclust.exceptions import InputError
from equiclust.typing import Array

__all__ = ["FrameSeries", "FrameStack", "Piece"]


@dataclass(frozen=True)
class FrameStack(ABC):
    """Frames of one file, or of one data set of it: the base class of all stacks.

    Parameters
    ----------
    path : Path
        The file.
    part : str
        Data set within the file; empty for files that hold nothing else.
    n_frames : int
    frame_shape : tuple of (int, int)
        Height and width in pixels.
    dtype : dtype
        Of the values in the file.
    saturation : float or None, default None
        Value from which a pixel is saturated; `None` where the file does not say so.

    Examples
    --------
    >>> import h5py
    >>> from data_adapters.frames import open_stacks
    >>> from equiclust.simulation import simulate_frames
    >>> frames, truth = simulate_frames(5, size=32, random_state=0)
    >>> with h5py.File("stack.h5", "w") as file:
    ...     file["entry/data/data"] = frames
    >>> stack = open_stacks("stack.h5")[0]
    >>> stack.part, stack.n_frames, stack.frame_shape, stack.dtype.name
    ('/entry/data/data', 5, (32, 32), 'uint16')
    >>> stack.read(2, 4).shape
    (2, 32, 32)

    Frames of any other origin are a class of your own:

    >>> from pathlib import Path
    >>> from data_adapters.frames import FrameSeries, FrameStack
    >>> class InMemory(FrameStack):
    ...     def read(self, start, stop):
    ...         return frames[start:stop]
    >>> own = InMemory(Path("memory"), "", 5, (32, 32), frames.dtype)
    >>> len(FrameSeries((stack, own)))
    10
    """

    path: Path
    part: str
    n_frames: int
    frame_shape: tuple[int, int]
    dtype: np.dtype[Any]
    saturation: float | None = None

    @property
    def name(self) -> str:
        """Path, with the data set where there is one."""
        return f"{self.path}::{self.part}" if self.part else str(self.path)

    @abstractmethod
    def read(self, start: int, stop: int) -> Array:
        """Read frames.

        Parameters
        ----------
        start, stop : int
            First frame and the one after the last.

        Returns
        -------
        ndarray (stop - start, height, width)
            In the type of the file.

        Raises
        ------
        UnreadableFileError
            When they cannot be read.
        """

    def close(self) -> None:  # noqa: B027
        """Close the file; reading opens it again."""


class Piece(NamedTuple):
    """Consecutive frames of one stack.

    Parameters
    ----------
    stack : FrameStack
    start, stop : int
        Within the stack.
    offset : int
        Index of the first frame within the series.

    Examples
    --------
    >>> from astropy.io import fits
    >>> from data_adapters.frames import open_frames
    >>> from equiclust.simulation import simulate_frames
    >>> frames, truth = simulate_frames(5, size=32, random_state=0)
    >>> fits.writeto("scan.fits", frames)
    >>> for piece in open_frames("scan.fits").series.pieces(0, size=3):
    ...     counts = piece.stack.read(piece.start, piece.stop)
    ...     print(piece.offset, counts.shape)
    0 (3, 32, 32)
    3 (2, 32, 32)
    """

    stack: FrameStack
    start: int
    stop: int
    offset: int


@dataclass(frozen=True)
class FrameSeries:
    """Stacks in a row, all with frames of one shape.

    Parameters
    ----------
    stacks : tuple of FrameStack
        At least one.

    Raises
    ------
    InputError
        When there is none, or the shapes of their frames differ.

    Examples
    --------
    >>> from astropy.io import fits
    >>> from data_adapters.frames import open_frames
    >>> from equiclust.simulation import simulate_frames
    >>> frames, truth = simulate_frames(6, size=32, random_state=0)
    >>> fits.writeto("morning.fits", frames[:4])
    >>> fits.writeto("evening.fits", frames[4:])
    >>> series = open_frames(["morning.fits", "evening.fits"]).series
    >>> len(series), series.frame_shape
    (6, (32, 32))
    >>> stack, index = series.locate(5)
    >>> stack.name, index
    ('evening.fits', 1)
    >>> [(number, frame.shape) for number, frame in series.read_frames([0, 5])]
    [(0, (32, 32)), (5, (32, 32))]
    """

    stacks: tuple[FrameStack, ...]
    _ends: tuple[int, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.stacks:
            raise InputError("no frames were found in the inputs")
        first = self.stacks[0]
        for stack in self.stacks:
            if stack.frame_shape != first.frame_shape:
                raise InputError(
                    f"frames of {stack.name!r} have {_shape(stack)} pixels and those of "
                    f"{first.name!r} have {_shape(first)}; filter them separately"
                )
        ends = np.cumsum([stack.n_frames for stack in self.stacks])
        object.__setattr__(self, "_ends", tuple(int(end) for end in ends))

    def __len__(self) -> int:
        return self._ends[-1]

    @property
    def frame_shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.stacks[0].frame_shape

    def pieces(self, start: int, size: int) -> Iterator[Piece]:
        """Cut the series into pieces that lie within one stack each.

        Parameters
        ----------
        start : int
            First frame.
        size : int
            Most frames of a piece.

        Yields
        ------
        Piece
        """
        before = 0
        for stack, end in zip(self.stacks, self._ends, strict=True):
            first = max(start - before, 0)
            for low in range(first, stack.n_frames, size):
                yield Piece(stack, low, min(low + size, stack.n_frames), before + low)
            before = end

    def locate(self, index: int) -> tuple[FrameStack, int]:
        """Find the stack of a frame and its index there.

        Parameters
        ----------
        index : int
            Within the series.

        Returns
        -------
        stack : FrameStack
        index : int
            Within the stack.
        """
        number = bisect_right(self._ends, index)
        return self.stacks[number], index - (self._ends[number - 1] if number else 0)

    def read_frames(self, indices: Sequence[int]) -> Iterator[tuple[int, Array]]:
        """Read single frames, in rising order.

        Parameters
        ----------
        indices : sequence of int

        Yields
        ------
        index : int
        frame : ndarray (height, width)

        Raises
        ------
        UnreadableFileError
            When one cannot be read.
        """
        for index in sorted(indices):
            stack, within = self.locate(index)
            yield index, stack.read(within, within + 1)[0]


def _shape(stack: FrameStack) -> str:
    return " x ".join(map(str, stack.frame_shape))
