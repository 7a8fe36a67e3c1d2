"""Frames of detectors: HDF5 and NeXus stacks, and sequences of CBF, EDF, TIFF and FITS files."""

from typing import TYPE_CHECKING

from equiclust._lazy import lazy_names

if TYPE_CHECKING:
    from data_adapters.frames.opening import (
        FRAME_SUFFIXES,
        OpenedFrames,
        open_frames,
        open_stacks,
    )
    from data_adapters.frames.stack import FrameSeries, FrameStack, Piece

__all__ = [
    "FRAME_SUFFIXES",
    "FrameSeries",
    "FrameStack",
    "OpenedFrames",
    "Piece",
    "open_frames",
    "open_stacks",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    __all__,
    {
        "FRAME_SUFFIXES": "data_adapters.frames.opening",
        "FrameSeries": "data_adapters.frames.stack",
        "FrameStack": "data_adapters.frames.stack",
        "OpenedFrames": "data_adapters.frames.opening",
        "Piece": "data_adapters.frames.stack",
        "open_frames": "data_adapters.frames.opening",
        "open_stacks": "data_adapters.frames.opening",
    },
)
