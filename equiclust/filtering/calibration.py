"""What the pixels of a detector usually show, from a sample of its frames."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import maximum_filter

from data_adapters.frames import FrameSeries
from equiclust.exceptions import UnreadableFileError
from equiclust.filtering.features import Measure, plain_frames
from equiclust.typing import Array, Float32Array

__all__ = ["calibrate"]

_MOST_FRAMES = 200
_MOST_BYTES = 1 << 28
# A hot pixel shows more than this many times what it and its neighbours usually show, and this many
# counts more.
_FACTOR, _COUNTS = 4.0, 25.0


def calibrate(
    series: FrameSeries,
    *,
    mask_value: float | None = None,
    saturation: float | None = None,
    random_state: int = 0,
) -> Measure:
    """Find the limits of the pixels, above which they are hot.

    Parameters
    ----------
    series : FrameSeries
    mask_value, saturation : float, optional
        Where the files do not say them rightly; see `Measure`.
    random_state : int, default 0
        Chooses up to 200 frames.

    Returns
    -------
    Measure

    Raises
    ------
    UnreadableFileError
        When no frame of the sample can be read.
    """
    known = [stack.saturation for stack in series.stacks if stack.saturation is not None]
    frames = _sample(series, mask_value, random_state)
    # The brighter half: while the beam was off, a pixel does not show what it usually shows.
    flux = frames.mean(axis=(1, 2), dtype=np.float64)
    usual = np.quantile(frames[flux >= np.median(flux)], 0.75, axis=0)
    limits: Float32Array = (_FACTOR * maximum_filter(usual, 3) + _COUNTS).astype(np.float32)
    return Measure(
        limits, mask_value, min(known, default=None) if saturation is None else saturation
    )


def _sample(series: FrameSeries, mask_value: float | None, random_state: int) -> Array:
    """Frames `(n, h, w)`, float32, masked pixels zero."""
    height, width = series.frame_shape
    n = min(len(series), _MOST_FRAMES, max(_MOST_BYTES // (4 * height * width), 8))
    chosen = np.random.default_rng([random_state, 0]).choice(len(series), n, replace=False)
    frames = []
    failure: UnreadableFileError | None = None
    for index in sorted(int(one) for one in chosen):
        stack, within = series.locate(index)
        try:
            plain, masked = plain_frames(stack.read(within, within + 1), mask_value)
        except UnreadableFileError as error:
            failure = error
            continue
        frames.append(np.where(plain == masked, 0, plain)[0].astype(np.float32))
    if not frames and failure is not None:
        raise failure
    return np.stack(frames)
