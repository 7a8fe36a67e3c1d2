"""How far frames lie from the usable ones, in robust standard deviations of these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from equiclust.filtering.features import FrameFeatures
from equiclust.typing import BoolArray, Float32Array, Float64Array

__all__ = ["CERTAIN", "COMPONENTS", "USUAL", "Core"]

COMPONENTS = ("flux", "pattern", "place", "masked", "zero", "hot", "saturated")
"""What a distance consists of: the total flux, the pattern over all blocks, the blocks that differ
most, and the shares of odd pixels."""

USUAL, CERTAIN = 4.0, 8.0
"""Frames nearer than the first are surely like the usable ones, farther than the second surely not;
between them lies what no threshold decides."""

# Differences of shares of pixels that count as certain at the earliest, so that a spread of nearly
# nothing makes no pixel matter.
_LEAST_SHARES = {"masked": 2e-3, "zero": 1e-2, "hot": 3e-4, "saturated": 1e-3}
# Counts that do not matter, as a share of the usual ones.
_DARK = 0.01
_N_ROUNDS = 20
_N_LOCAL = 4
_MAD_TO_SD = 1.4826


@dataclass(frozen=True, eq=False)
class Core:
    """Where the usable frames lie, and how far they spread.

    Parameters
    ----------
    usual : ndarray (256,), float64
        Median of the means of each block, 0 where it is always masked.
    is_used : ndarray (256,), bool
        Whether a block is looked at.
    centre, spread : ndarray (7,), float64
        Median and robust standard deviation of every one of `COMPONENTS`.
    """

    usual: Float64Array
    is_used: BoolArray
    centre: Float64Array
    spread: Float64Array

    @classmethod
    def fit(cls, features: FrameFeatures, start: BoolArray, *, tolerance: float) -> Self:
        """Find the dense part of frames around some of them.

        From these it grows, or shrinks, until it consists of the frames that are near to it.

        Parameters
        ----------
        features : FrameFeatures
            Of `n` frames.
        start : ndarray (n,), bool
            Frames most of which are usable.
        tolerance : float
            Relative difference below which frames are alike.
        """
        chosen = start
        for _ in range(_N_ROUNDS):
            core = cls._of(features[chosen], tolerance)
            kept = core.distance(features) < USUAL
            if not kept.any() or np.array_equal(kept, chosen):
                break
            chosen = kept
        return core

    @classmethod
    def _of(cls, features: FrameFeatures, tolerance: float) -> Self:
        blocks = features.blocks
        is_used = np.isfinite(blocks).mean(axis=0) > 0.5
        usual = np.zeros(blocks.shape[1])
        usual[is_used] = np.nanmedian(blocks[:, is_used], axis=0)
        n = len(COMPONENTS)
        raw = cls(usual, is_used, np.zeros(n), np.ones(n))._raw(features)
        centre = np.median(raw, axis=0)
        spread = _MAD_TO_SD * np.median(np.abs(raw - centre), axis=0)
        least = [tolerance, tolerance / 2, tolerance]
        least += [float(np.sqrt(_LEAST_SHARES[name])) for name in COMPONENTS[3:]]
        return cls(usual, is_used, centre, np.maximum(spread, np.array(least) / CERTAIN))

    def components(self, features: FrameFeatures) -> Float64Array:
        """Distances in each of `COMPONENTS`.

        Parameters
        ----------
        features : FrameFeatures
            Of `n` frames.

        Returns
        -------
        ndarray (n, 7), float64
            The first is negative where the flux is too low, the others are not below zero.
        """
        scaled = (self._raw(features) - self.centre) / self.spread
        scaled[:, 1:] = np.maximum(scaled[:, 1:], 0.0)
        return scaled

    def distance(self, features: FrameFeatures) -> Float64Array:
        """Largest of the components.

        Parameters
        ----------
        features : FrameFeatures
            Of `n` frames.

        Returns
        -------
        ndarray (n,), float64
        """
        found: Float64Array = np.abs(self.components(features)).max(axis=1)
        return found

    def _raw(self, features: FrameFeatures) -> Float64Array:
        blocks = features.blocks[:, self.is_used]
        usual = self.usual[self.is_used]
        dark = _DARK * float(np.median(usual)) + np.finfo(np.float32).tiny
        ratio = np.log(np.maximum(blocks, 0) + np.float32(dark))
        ratio -= np.log(usual + dark).astype(np.float32)
        lost = np.isnan(ratio)
        flux = _medians(ratio, lost)
        ratio -= flux[:, None]
        # What is masked altogether is counted below, and not here.
        ratio[lost] = 0
        sizes = np.abs(ratio, out=ratio)
        pattern = np.sqrt(np.einsum("ij,ij->i", sizes, sizes) / sizes.shape[1])
        n_local = min(_N_LOCAL, sizes.shape[1])
        local = np.partition(sizes, -n_local, axis=1)[:, -n_local:].mean(axis=1)
        shares = [np.sqrt(features.share(name)) for name in COMPONENTS[3:]]
        return np.stack([flux, pattern, local, *shares], axis=1).astype(np.float64)


def _medians(values: Float32Array, lost: BoolArray) -> Float32Array:
    """Medians of rows, without what is lost; 0 where all of a row is lost."""
    found: Float32Array = np.median(values, axis=1)
    for row in np.flatnonzero(lost.any(axis=1)):
        kept = values[row, ~lost[row]]
        found[row] = np.median(kept) if len(kept) else 0
    return found
