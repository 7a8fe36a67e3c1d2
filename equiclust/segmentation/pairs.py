"""Patches of a map as the network sees them: brightness and contrast taken out, texture left."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as functional
from scipy.stats import median_abs_deviation

from equiclust.exceptions import InputError
from equiclust.typing import BoolArray, Float32Array

__all__ = [
    "FLATNESS",
    "MOST_MASKED",
    "Pairs",
    "Stretch",
    "check_enough",
    "draw_pairs",
    "network_size",
    "normalised",
    "usable",
]


MOST_MASKED = 0.5
"""Tiles are left out if more is masked of the disc that fits into them."""

FLATNESS = 1e-6
"""Share of the largest value from which a contrast is one: float32 holds 7 digits."""

# Standard deviations of a patch that become 1.
_UNIT = 3.0
# Values from which the stretch is learned.
_MOST_VALUES = 1 << 22
_SMALLEST_NETWORK = 32
_ROUNDS = 50
_FEWEST = 16


@dataclass(frozen=True)
class Stretch:
    """Stretch `asinh((x - level) / scale)`: linear about the level, logarithmic far from it.

    Parameters
    ----------
    level, scale : float
        In the unit of the map.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust.segmentation import Stretch
    >>> plane = np.random.default_rng(0).lognormal(size=(64, 64)).astype(np.float32)
    >>> stretch = Stretch.of(plane)
    >>> stretched = stretch(plane)
    >>> abs(float(np.median(stretched))) < 1e-3, bool(stretched.max() < plane.max())
    (True, True)
    """

    level: float
    scale: float

    @classmethod
    def of(cls, plane: npt.NDArray[np.floating[Any]]) -> Self:
        """Level and scale of a map: its median, and 1.4826 times the median deviation from it.

        Parameters
        ----------
        plane : ndarray (h, w)
            Masked pixels are NaN.

        Raises
        ------
        InputError
            When there is no value, or but one.
        """
        values = plane[np.isfinite(plane)].astype(np.float64)
        if values.size == 0:
            raise InputError("the map has no pixel that is not masked")
        # Sorted, so that a turned map has the same; thinned, to be done soon.
        values = np.sort(values)[:: values.size // _MOST_VALUES + 1]
        level = float(np.median(values))
        scale = float(median_abs_deviation(values, scale="normal"))
        scale = scale if scale > 0.0 else float(np.std(values))
        # A contrast below the last digits of the map is no contrast.
        if not scale > 8 * np.finfo(plane.dtype).eps * abs(level):
            raise InputError(f"the map is constant: every pixel that is not masked is {level:g}")
        return cls(level, scale)

    def __call__(self, plane: Float32Array) -> Float32Array:
        """The stretched map, float32."""
        stretched: Float32Array = np.arcsinh((plane - plane.dtype.type(self.level)) / self.scale)
        return stretched.astype(np.float32, copy=False)


class Pairs(NamedTuple):
    """Patches of a map, each with one from its neighbourhood.

    Parameters
    ----------
    first, second : ndarray (n, tile, tile), float32
        Stretched patches; masked pixels are NaN.
    """

    first: Float32Array
    second: Float32Array


def network_size(tile: int) -> int:
    """Side at which the network sees tiles: 32 times a power of two, at least the tile's.

    Parameters
    ----------
    tile : int
        Side of the tiles in pixels.

    Returns
    -------
    int
        Side in pixels.
    """
    doublings = max(0, math.ceil(math.log2(tile / _SMALLEST_NETWORK)))
    return _SMALLEST_NETWORK << doublings


def usable(patches: Float32Array) -> BoolArray:
    """Which patches show something: not constant, and at most half of them masked.

    Parameters
    ----------
    patches : ndarray (n, tile, tile), float32
        Masked pixels are NaN.

    Returns
    -------
    ndarray (n,), bool
        True for those that can be used.
    """
    disc = _disc(patches.shape[-1])
    seen = np.isfinite(patches) & disc
    enough: BoolArray = seen.sum(axis=(1, 2)) >= (1.0 - MOST_MASKED) * disc.sum()
    highest = np.where(seen, patches, -np.inf).max(axis=(1, 2))
    lowest = np.where(seen, patches, np.inf).min(axis=(1, 2))
    largest = np.maximum(np.abs(highest), np.abs(lowest))
    return np.asarray(enough & (highest - lowest > FLATNESS * largest))


def check_enough(n: int) -> None:
    """Check that there are enough tiles or pairs of them to learn from.

    Parameters
    ----------
    n : int
        How many.

    Raises
    ------
    InputError
        When there are too few.
    """
    if n < _FEWEST:
        raise InputError(
            "too little of the map can be used: hardly a tile is varied and at most half "
            "masked; use smaller tiles or mask less"
        )


def normalised(patches: Float32Array, *, size: int) -> Float32Array:
    """Patches of mean 0 and of one contrast, three standard deviations being 1.

    Parameters
    ----------
    patches : ndarray (n, tile, tile), float32
        Stretched; masked pixels, which become 0, are NaN. They are `usable`.
    size : int
        Side that the network sees.

    Returns
    -------
    ndarray (n, 1, size, size), float32
    """
    seen = np.isfinite(patches) & _disc(patches.shape[-1])
    filled = np.where(seen, patches, np.float32(0.0)).astype(np.float64)
    count = seen.sum(axis=(1, 2), keepdims=True)
    centred = np.where(seen, filled - filled.sum(axis=(1, 2), keepdims=True) / count, 0.0)
    spread = np.sqrt(np.square(centred).sum(axis=(1, 2), keepdims=True) / count)
    shown: Float32Array = (centred / (_UNIT * spread)).astype(np.float32)[:, None]
    if size == shown.shape[-1]:
        return shown
    grown = functional.interpolate(
        torch.from_numpy(shown), size=(size, size), mode="bilinear", antialias=True
    )
    resized: Float32Array = grown.numpy()
    return resized


def _disc(tile: int) -> BoolArray:
    """What stays within the patch whatever way it is turned."""
    offset = np.arange(tile) - (tile - 1) / 2
    return np.asarray(np.hypot(offset[:, None], offset) <= tile / 2)


def draw_pairs(plane: Float32Array, n: int, *, tile: int, generator: np.random.Generator) -> Pairs:
    """Patches at random places, each with one that lies half a tile to a tile away.

    Neighbours are of one texture more often than not, and show different pieces of it.

    Parameters
    ----------
    plane : ndarray (h, w), float32
        Stretched; masked pixels are NaN.
    n : int
        Number of pairs; there may be fewer where most of the map is masked.
    tile : int
        Side of a patch in pixels.
    generator : Generator
        Source of randomness.

    Returns
    -------
    Pairs
        Patches and their neighbours.
    """
    first, second = [], []
    missing = n
    for _ in range(_ROUNDS):
        places = _places(plane.shape, missing, tile, generator)
        distance = tile * generator.uniform(0.5, 1.0, missing)
        angle = generator.uniform(0.0, 2.0 * np.pi, missing)
        shift = distance[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
        near = _within(places + np.rint(shift).astype(np.int64), plane.shape, tile)
        here, there = _cut_all(plane, places, tile), _cut_all(plane, near, tile)
        good = usable(here) & usable(there)
        first.append(here[good])
        second.append(there[good])
        missing -= int(good.sum())
        if missing == 0:
            break
    return Pairs(np.concatenate(first), np.concatenate(second))


def _places(
    shape: tuple[int, ...], n: int, tile: int, generator: np.random.Generator
) -> npt.NDArray[np.int64]:
    room = [max(length - tile, 0) + 1 for length in shape]
    drawn = np.stack([generator.integers(0, limit, n) for limit in room], axis=1)
    return _within(drawn, shape, tile)


def _within(
    places: npt.NDArray[np.int64], shape: tuple[int, ...], tile: int
) -> npt.NDArray[np.int64]:
    """Origins moved into the map; in the middle of one that is narrower than a tile."""
    room = np.array(shape) - tile
    return np.where(room < 0, room // 2, np.clip(places, 0, np.maximum(room, 0)))


def _cut_all(plane: Float32Array, places: npt.NDArray[np.int64], tile: int) -> Float32Array:
    margin = [max((tile - length + 1) // 2, 0) for length in plane.shape]
    if any(margin):
        plane = np.pad(plane, [(m, m) for m in margin], constant_values=np.nan)
    cut = np.empty((len(places), tile, tile), dtype=np.float32)
    for place, (y, x) in enumerate(places + np.array(margin)):
        cut[place] = plane[y : y + tile, x : x + tile]
    return cut
