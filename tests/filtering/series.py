"""Series of frames in memory, for the tests of the filter."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from data_adapters.frames import FrameSeries, FrameStack
from equiclust.exceptions import UnreadableFileError
from equiclust.typing import Array

__all__ = ["stack_of"]


@dataclass(frozen=True)
class _Memory(FrameStack):
    frames: Array = field(default_factory=lambda: np.zeros((0, 0, 0)))
    lost: frozenset[int] = frozenset()

    def read(self, start: int, stop: int) -> Array:
        if self.lost.intersection(range(start, stop)):
            raise UnreadableFileError(f"cannot read frames {start} to {stop - 1}")
        return self.frames[start:stop]


def stack_of(
    frames: Array, *, name: str = "a", lost: tuple[int, ...] = (), **more: float
) -> FrameSeries:
    """A series of one stack, of which some frames cannot be read."""
    stack = _Memory(
        Path(name), "", len(frames), frames.shape[1:], frames.dtype, more.get("saturation"),
        frames=frames, lost=frozenset(lost),
    )  # fmt: skip
    return FrameSeries((stack,))
