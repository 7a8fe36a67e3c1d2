"""One pass over all frames, reading ahead while the last ones are measured."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from data_adapters.frames import FrameSeries, Piece
from equiclust.exceptions import UnreadableFileError
from equiclust.filtering.features import N_FEATURES, FrameFeatures, Measure
from equiclust.typing import Array

__all__ = ["Measured", "measure_series", "n_ahead"]

_PIECE_BYTES = 1 << 23
_MOST_OF_A_PIECE = 256


class Measured(NamedTuple):
    """Features of consecutive frames.

    Parameters
    ----------
    features : FrameFeatures
        NaN for frames that cannot be read.
    stop : int
        Index after the last frame, within the series.
    failure : str
        Why some of the frames cannot be read; empty when all can.
    """

    features: FrameFeatures
    stop: int
    failure: str


def measure_series(series: FrameSeries, measure: Measure, *, start: int = 0) -> Iterator[Measured]:
    """Measure the frames of a series in order.

    Parameters
    ----------
    series : FrameSeries
    measure : Measure
    start : int, default 0
        First frame.

    Yields
    ------
    Measured
        Of a few megabytes of frames.
    """
    pieces = series.pieces(start, _piece_size(series))
    with ThreadPoolExecutor(1) as reader:
        coming = None
        for piece in pieces:
            following = (piece, reader.submit(_read, piece))
            if coming is not None:
                yield _measured(coming[0], coming[1].result(), measure)
                _close_left(coming[0], piece)
            coming = following
        if coming is not None:
            yield _measured(coming[0], coming[1].result(), measure)
            coming[0].stack.close()


def n_ahead(series: FrameSeries) -> int:
    """Number of frames that may have been read but not measured when a call is stopped.

    Parameters
    ----------
    series : FrameSeries

    Returns
    -------
    int
    """
    return 2 * _piece_size(series)


def _piece_size(series: FrameSeries) -> int:
    height, width = series.frame_shape
    frame_bytes = height * width * max(stack.dtype.itemsize for stack in series.stacks)
    return min(max(_PIECE_BYTES // frame_bytes, 1), _MOST_OF_A_PIECE)


def _close_left(last: Piece, following: Piece) -> None:
    if following.stack is not last.stack:
        last.stack.close()


def _read(piece: Piece) -> Array | UnreadableFileError:
    try:
        return piece.stack.read(piece.start, piece.stop)
    except UnreadableFileError as error:
        return error


def _measured(piece: Piece, frames: Array | UnreadableFileError, measure: Measure) -> Measured:
    stop = piece.offset + piece.stop - piece.start
    if isinstance(frames, UnreadableFileError):
        return Measured(_one_by_one(piece, measure), stop, str(frames))
    return Measured(measure(frames), stop, "")


def _one_by_one(piece: Piece, measure: Measure) -> FrameFeatures:
    """Features of a piece of which a part cannot be read."""
    values = np.full((piece.stop - piece.start, N_FEATURES), np.nan, np.float32)
    for row, index in enumerate(range(piece.start, piece.stop)):
        frame = _read(piece._replace(start=index, stop=index + 1))
        if not isinstance(frame, UnreadableFileError):
            values[row] = measure(frame).values[0]
    return FrameFeatures(values)
