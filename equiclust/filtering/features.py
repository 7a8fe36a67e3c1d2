"""What is kept of a frame: the mean counts of 16 x 16 blocks, and shares of odd pixels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from equiclust.filtering.kernel import COUNTED, sum_blocks
from equiclust.typing import Array, BoolArray, Float32Array, IntArray

__all__ = ["GRID", "N_FEATURES", "FrameFeatures", "Measure", "plain_frames"]

GRID = 16
"""Blocks along each side of a frame."""

N_FEATURES = GRID * GRID + len(COUNTED)
"""Features of a frame."""

_MOST_ROWS = 128


@dataclass(frozen=True, eq=False)
class FrameFeatures:
    """Features of `n` frames, as a `Measure` gives them.

    Parameters
    ----------
    values : ndarray (n, 260), float32
        Means of the blocks in counts per pixel, NaN where all is masked; then the shares of pixels
        that are masked, zero, hot and saturated.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust.filtering import Measure
    >>> from equiclust.simulation import simulate_frames
    >>> frames, truth = simulate_frames(20, size=64, random_state=0)
    >>> features = Measure(np.full((64, 64), 1e4, np.float32))(frames)
    >>> len(features), features.blocks.shape, features.flux.shape
    (20, (20, 256), (20,))
    >>> usable = features[truth["usable"]]
    >>> bool(usable.is_readable.all()), float(usable.share("hot").max())
    (True, 0.0)
    """

    values: Float32Array

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, chosen: Any) -> FrameFeatures:
        return FrameFeatures(self.values[chosen])

    @property
    def blocks(self) -> Float32Array:
        """Means of the blocks `(n, 256)`, NaN where all is masked."""
        return self.values[:, : GRID * GRID]

    @property
    def flux(self) -> Float32Array:
        """Mean count of the pixels that are not masked `(n,)`; NaN where there is none."""
        finite = np.isfinite(self.blocks)
        total = np.where(finite, self.blocks, 0.0).sum(axis=1)
        count = finite.sum(axis=1)
        return np.where(count, total / np.maximum(count, 1), np.nan).astype(np.float32)

    def share(self, kind: str) -> Float32Array:
        """Share of odd pixels.

        Parameters
        ----------
        kind : str
            One of "masked", "zero", "hot", "saturated".

        Returns
        -------
        ndarray (n,), float32
        """
        return self.values[:, GRID * GRID + COUNTED.index(kind)]

    @property
    def is_readable(self) -> BoolArray:
        """Whether the frames could be read and are not masked altogether `(n,)`."""
        found: BoolArray = np.any(np.isfinite(self.blocks), axis=1)
        return found


@dataclass(frozen=True, eq=False)
class Measure:
    """Measure of the frames of an experiment: called with frames, it returns their features.

    Of frames with more than 255 rows only every second, third, ... row is looked at, so that
    measuring costs less than reading.

    Parameters
    ----------
    limits : ndarray (h, w), float32
        Counts that only a hot pixel exceeds.
    mask_value : float or None, default None
        Value of masked pixels in the files; see `plain_frames`.
    saturation : float or None, default None
        Count from which a pixel is saturated; by default the largest but one of the type.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust.filtering import Measure
    >>> frames = np.full((2, 32, 32), 10, np.uint16)
    >>> frames[1, :8] = 0
    >>> measure = Measure(limits=np.full((32, 32), 1000.0, np.float32))
    >>> features = measure(frames)
    >>> features.flux, features.share("zero")
    (array([10. , 7.5], dtype=float32), array([0. , 0.25], dtype=float32))
    """

    limits: Float32Array
    mask_value: float | None = None
    saturation: float | None = None
    _cast: dict[Any, Array] = field(default_factory=dict, init=False, repr=False)

    def __call__(self, frames: Array) -> FrameFeatures:
        """Measure frames `(n, h, w)` of any type of number."""
        plain, mask_value = plain_frames(frames, self.mask_value)
        n, height, width = plain.shape
        rows, bounds = _rows(height), _bounds(width)
        sums = np.zeros((n, GRID, GRID), np.float32)
        valid = np.zeros((n, GRID, GRID), np.int32)
        counts = np.zeros((n, len(COUNTED)), np.int64)
        kind: Any = plain.dtype.type
        highest = _highest(kind)
        full = highest if self.saturation is None else min(self.saturation, highest)
        if kind not in self._cast:
            self._cast[kind] = self.limits.clip(0, highest).astype(kind)
        limits = self._cast[kind]
        sum_blocks(plain, kind(mask_value), kind(full), limits, rows, bounds, sums, valid, counts)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.where(valid > 0, sums / valid, np.nan).reshape(n, -1)
        shares = counts / (len(rows) * width)
        return FrameFeatures(np.concatenate([means, shares], axis=1).astype(np.float32))


def _rows(height: int) -> IntArray:
    """Rows to look at, and the row of blocks of each."""
    rows = np.arange(0, height, max(height // _MOST_ROWS, 1))
    return np.stack([rows, rows * GRID // height], axis=1)


def _bounds(width: int) -> IntArray:
    return np.arange(GRID + 1) * width // GRID


def _type_of(dtype: np.dtype[Any]) -> type[np.generic]:
    """Type in which frames are measured."""
    if dtype.kind == "f":
        return np.float32
    return np.uint16 if dtype.kind == "u" and dtype.itemsize <= 2 else np.uint32


def plain_frames(frames: Array, mask_value: float | None) -> tuple[Array, float]:
    """Frames in one of three types, with one value for all pixels that measured nothing.

    Without a mask value these are the pixels with the largest value of an unsigned type, below zero
    for a signed one, and not finite for a float.

    Parameters
    ----------
    frames : ndarray (n, h, w)
    mask_value : float or None
        Value of masked pixels as the user or the file gives it.

    Returns
    -------
    frames : ndarray (n, h, w), uint16, uint32 or float32
    mask_value : float
        Value of masked pixels in it: the largest of its type.
    """
    kind = _type_of(frames.dtype)
    largest = _largest(kind)
    if frames.dtype == kind and frames.dtype.kind == "u" and mask_value in (None, largest):
        return np.ascontiguousarray(frames), largest
    masked = _is_masked(frames) if mask_value is None else frames == mask_value
    if frames.dtype.kind == "f":
        masked |= ~np.isfinite(frames)
    # Only floats have a meaning below zero, as after a dark frame was subtracted.
    lowest = -_highest(kind) if kind is np.float32 else 0
    plain = np.clip(np.where(masked, 0, frames), lowest, _highest(kind)).astype(kind)
    plain[masked] = largest
    return plain, largest


def _largest(kind: type[np.generic]) -> float:
    if kind is np.float32:
        return float(np.finfo(np.float32).max)
    return float(np.iinfo(kind).max)  # type: ignore[type-var]


def _highest(kind: type[np.generic]) -> float:
    """Largest value of a pixel that is not masked."""
    largest = _largest(kind)
    return 0.5 * largest if kind is np.float32 else largest - 1


def _is_masked(frames: Array) -> Array:
    if frames.dtype.kind == "f":
        return ~np.isfinite(frames)
    unusual = np.iinfo(frames.dtype).max if frames.dtype.kind == "u" else None
    masked: Array = frames < 0 if unusual is None else frames == unusual
    return masked
