"""Powder rings with Bragg spots on a detector of modules, and photon counts drawn quickly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import pdtr

from equiclust.typing import Array, Float32Array, IntArray

__all__ = ["Pattern", "detector_modules", "draw_pattern", "poisson_counts"]

_MODULE_ROWS, _MODULE_COLUMNS = 4, 2
_GAP_SHARE = 1 / 64

# Radii as shares of the side, heights and widths of the rings of all scans.
_RADII = (0.12, 0.19, 0.26, 0.34, 0.41, 0.52)
_HEIGHTS = (260.0, 180.0, 320.0, 120.0, 160.0, 90.0)
_WIDTH = 0.008
_BACKGROUND, _FLOOR, _DARK = 140.0, 30.0, 0.4
_SPOTS, _SPOT_COUNTS = 6.0, 900.0

# Expected counts in steps of a tenth of the noise: the square root of a count has noise 0.5.
_STEP = 0.05
_MOST_TABULATED = 2500.0
_BITS = 10


@dataclass(frozen=True)
class Pattern:
    """What the detector sees of a sample in one scan.

    Parameters
    ----------
    beam : ndarray (size, size), float32
        Expected counts of a frame at flux 1, without what the detector itself counts.
    """

    beam: Float32Array

    def expected(self, flux: float, rng: np.random.Generator) -> Float32Array:
        """Expected counts of one frame, with a few Bragg spots at random places.

        Parameters
        ----------
        flux : float
            Relative to the usual one.
        rng : Generator

        Returns
        -------
        ndarray (size, size), float32
        """
        counts = self.beam * np.float32(flux)
        size = len(counts)
        for _ in range(rng.poisson(_SPOTS)):
            y, x = rng.integers(size - 2, size=2)
            counts[y : y + 3, x : x + 3] += np.float32(flux * rng.exponential(_SPOT_COUNTS))
        counts += np.float32(_DARK)
        return counts


def detector_modules(size: int) -> IntArray:
    """Number of the module of every pixel of a square detector of four by two modules.

    Parameters
    ----------
    size : int
        Height and width in pixels.

    Returns
    -------
    ndarray (size, size), int64
        From 0; -1 in the gaps between modules.
    """
    rows, columns = _modules_along(size, _MODULE_ROWS), _modules_along(size, _MODULE_COLUMNS)
    numbers = rows[:, None] * _MODULE_COLUMNS + columns[None]
    return np.where((rows[:, None] < 0) | (columns[None] < 0), -1, numbers)


def _modules_along(size: int, count: int) -> IntArray:
    gap = max(int(size * _GAP_SHARE), 1)
    positions = np.arange(size) * count / size
    numbers = positions.astype(np.int64)
    borders = np.arange(1, count) * size / count
    near = np.abs(np.arange(size)[:, None] + 0.5 - borders[None]).min(axis=1) < gap / 2
    return np.where(near, -1, numbers)


def draw_pattern(size: int, rng: np.random.Generator) -> Pattern:
    """Pattern of one scan: the beam's centre and the strengths of the rings vary a little.

    Parameters
    ----------
    size : int
        Height and width in pixels.
    rng : Generator

    Returns
    -------
    Pattern
    """
    cy, cx = size * (np.array([0.47, 0.52]) + rng.normal(0.0, 0.002, 2))
    y, x = np.mgrid[:size, :size].astype(np.float32)
    radius = np.hypot(y - np.float32(cy), x - np.float32(cx)) / np.float32(size)
    beam = _FLOOR + _BACKGROUND * np.exp(-3.0 * radius)
    for centre, height in zip(_RADII, _HEIGHTS, strict=True):
        strength = np.float32(height * rng.normal(1.0, 0.05))
        beam = beam + strength * np.exp(-0.5 * ((radius - centre) / _WIDTH) ** 2)
    return Pattern(beam.astype(np.float32))


def poisson_counts(expected: Float32Array, rng: np.random.Generator) -> Array:
    """Draw counts from Poisson distributions, several times faster than NumPy does.

    The expected counts are rounded by a twentieth of the noise at most, and one of 1024 quantiles
    is taken; above 2500 counts the distribution is a normal one.

    Parameters
    ----------
    expected : ndarray (h, w), float32
        Not negative.
    rng : Generator

    Returns
    -------
    ndarray (h, w), uint16 or uint32
    """
    index = np.sqrt(np.minimum(expected, np.float32(_MOST_TABULATED)))
    index *= np.float32(1 / _STEP)
    index = np.rint(index, out=index).astype(np.int32)
    index <<= _BITS
    index += rng.integers(1 << 16, size=expected.shape, dtype=np.uint16) >> (16 - _BITS)
    counts: Array = _quantiles().take(index)
    bright = np.flatnonzero(expected > _MOST_TABULATED)
    if len(bright):
        counts = counts.astype(np.uint32)
        means = expected.ravel()[bright]
        noise = rng.standard_normal(means.shape, dtype=np.float32)
        counts.ravel()[bright] = np.rint(means + np.sqrt(means) * noise)
    return counts


@cache
def _quantiles() -> Array:
    """Quantiles of the Poisson distributions of all tabulated means, one after another."""
    n_levels = int(np.sqrt(_MOST_TABULATED) / _STEP) + 2
    shares = (np.arange(1 << _BITS) + 0.5) / (1 << _BITS)
    table = np.empty((n_levels, 1 << _BITS), np.uint16)
    for level, mean in enumerate((_STEP * np.arange(n_levels)) ** 2):
        highest = int(mean + 6.0 * np.sqrt(mean) + 10.0)
        table[level] = np.searchsorted(pdtr(np.arange(highest), mean), shares)
    return table.ravel()
