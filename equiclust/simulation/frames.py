"""Frames of a photon-counting detector, usable and not, with the truth about each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.simulation.diffraction import (
    Pattern,
    detector_modules,
    draw_pattern,
    poisson_counts,
)
from equiclust.simulation.sampling import RandomState, root_seed
from equiclust.typing import Array, BoolArray, Float32Array, Float64Array, IntArray
from equiclust.validation import check_share, check_whole

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = [
    "FRAME_CLASSES",
    "SATURATION",
    "FrameBlock",
    "check_frames",
    "frame_blocks",
    "simulate_frames",
]

FRAME_CLASSES = (
    "usable",
    "shutter",
    "beam_loss",
    "saturated",
    "dead_module",
    "hot_pixels",
    "empty",
)
"""Classes of frames by their number; only frames of class 0 are usable."""

_SHARES = (0.3, 0.2, 0.1, 0.15, 0.1, 0.15)
"""Shares of the other classes among unusable frames."""

_FRAMES_PER_SCAN = 500
_MIN_SIZE, _MAX_SIZE = 32, 4096
_MOST = 10**7
_HOT_COUNTS = 3000
SATURATION = 60000
"""Count at which a pixel of the simulated detector is saturated."""

_DTYPES: dict[str, type[np.unsignedinteger[Any]]] = {"uint16": np.uint16, "uint32": np.uint32}


class FrameBlock(NamedTuple):
    """Consecutive frames.

    Parameters
    ----------
    frames : ndarray (n, size, size), uint16 or uint32
        Counts; the largest value of the type is the mask value.
    classes : ndarray (n,), int64
        Indices into `FRAME_CLASSES`.
    flux : ndarray (n,), float64
        Flux that reached the sample, relative to the mean of usable frames.
    """

    frames: Array
    classes: IntArray
    flux: Float64Array


@dataclass(frozen=True)
class _Detector:
    """What all frames have in common: modules and gaps, and the type of the counts."""

    modules: IntArray
    dtype: type[np.unsignedinteger[Any]]

    @property
    def gaps(self) -> BoolArray:
        """Pixels `(size, size)` that belong to no module."""
        found: BoolArray = self.modules < 0
        return found

    @property
    def mask_value(self) -> int:
        """Value of pixels that measure nothing."""
        return int(np.iinfo(self.dtype).max)


@checks_types
def simulate_frames(
    n: int,
    *,
    size: int = 256,
    bad_fraction: float = 0.1,
    dtype: str = "uint16",
    random_state: RandomState = None,
) -> tuple[Array, Table]:
    """Simulate detector frames of scans of a powder, of which a part is unusable.

    A frame shows rings, a few spots and a smooth background with Poisson noise. Its flux varies by
    some per cent from frame to frame and from scan to scan, and so do the strengths of the rings.
    Unusable frames are those taken while the shutter opens (its first frames, partly in shadow),
    without beam, with far too much of it, with dead modules, with hot pixels, or empty.

    Parameters
    ----------
    n : int
        Number of frames.
    size : int, default 256
        Height and width in pixels, from 32 to 4096.
    bad_fraction : float, default 0.1
        Share of unusable frames, from 0 to 1.
    dtype : str, default "uint16"
        Type of the counts: "uint16" or "uint32".
    random_state : int, Generator, RandomState or None, optional
        The same seed gives the same frames.

    Returns
    -------
    frames : ndarray (n, size, size)
        Counts; gaps between the modules have the largest value of the type.
    truth : Table
        Index, class and relative flux of every frame, and whether it is usable.

    Raises
    ------
    InputError
        When an argument cannot be used.

    Examples
    --------
    >>> from equiclust.simulation import simulate_frames
    >>> frames, truth = simulate_frames(20, size=64, bad_fraction=0.5, random_state=0)
    >>> frames.shape, int(truth["usable"].sum())
    ((20, 64, 64), 10)
    """
    from astropy.table import Table

    check_frames(n, size, bad_fraction, dtype)
    blocks = list(
        frame_blocks(
            n, size=size, bad_fraction=bad_fraction, dtype=dtype, random_state=random_state
        )
    )
    classes = np.concatenate([block.classes for block in blocks])
    truth = Table(
        {
            "index": np.arange(n),
            "class": np.array(FRAME_CLASSES)[classes],
            "usable": classes == 0,
            "flux": np.concatenate([block.flux for block in blocks]),
        }
    )
    return np.concatenate([block.frames for block in blocks]), truth


def check_frames(n: int, size: int, bad_fraction: float, dtype: str) -> None:
    """Check the arguments of `simulate_frames`.

    Parameters
    ----------
    n, size : int
    bad_fraction : float
    dtype : str

    Raises
    ------
    InputError
        When one of them cannot be used.
    """
    check_whole("n", n, largest=_MOST)
    check_whole("size", size, _MIN_SIZE, largest=_MAX_SIZE)
    check_share("bad_fraction", bad_fraction)
    if dtype not in _DTYPES:
        raise InputError(f"dtype must be one of {', '.join(_DTYPES)}, got {dtype!r}")


def frame_blocks(
    n: int,
    *,
    size: int = 256,
    bad_fraction: float = 0.1,
    dtype: str = "uint16",
    random_state: RandomState = None,
) -> Iterator[FrameBlock]:
    """Simulate frames scan by scan, for more of them than memory holds.

    Parameters
    ----------
    n : int
        Number of frames.
    size, bad_fraction, dtype, random_state : int, float or str, optional
        As in `simulate_frames`; they are not checked.

    Yields
    ------
    FrameBlock
        The frames of one scan, 500 or fewer.
    """
    root = root_seed(random_state)
    rng = np.random.default_rng([root, 0])
    detector = _Detector(detector_modules(size), _DTYPES[dtype])
    counts = _counts_of_classes(n, bad_fraction, rng)
    starts = list(range(0, n, _FRAMES_PER_SCAN))
    for scan, start in enumerate(starts):
        length = min(_FRAMES_PER_SCAN, n - start)
        share = _share_out(counts, length, n - start, rng)
        counts -= share
        yield _scan(detector, share, np.random.default_rng([root, 1, scan]))


def _counts_of_classes(n: int, bad_fraction: float, rng: np.random.Generator) -> IntArray:
    """Numbers of frames of every class; the unusable ones are the nearest whole number."""
    n_bad = round(n * bad_fraction)
    bad = rng.multinomial(n_bad, _SHARES)
    return np.array([n - n_bad, *bad], np.int64)


def _share_out(counts: IntArray, length: int, left: int, rng: np.random.Generator) -> IntArray:
    """Numbers of frames of every class in the next scan, of all that are left."""
    if length == left:
        return counts.copy()
    drawn: IntArray = rng.multivariate_hypergeometric(counts, length, method="marginals")
    return drawn


def _scan(detector: _Detector, counts: IntArray, rng: np.random.Generator) -> FrameBlock:
    size = len(detector.modules)
    pattern = draw_pattern(size, rng)
    classes = _order(counts, rng)
    n = len(classes)
    # Top-up injection: the current falls by two per cent and is filled up again.
    current = 1.01 - 0.02 * ((np.arange(n) / 170.0 + rng.uniform()) % 1.0)
    flux = rng.normal(1.0, 0.03) * current * rng.normal(1.0, 0.01, n)
    frames = np.empty((n, size, size), detector.dtype)
    opening = np.linspace(0.04, 0.85, max(int(counts[1]), 1)) * rng.uniform(0.8, 1.0)
    for i, kind in enumerate(classes):
        flux[i] = flux[i] * _transmission(FRAME_CLASSES[kind], i, opening, rng)
        frames[i] = _frame(detector, pattern, FRAME_CLASSES[kind], float(flux[i]), rng)
    return FrameBlock(frames, classes, flux)


def _order(counts: IntArray, rng: np.random.Generator) -> IntArray:
    """Classes of the frames of a scan: the opening shutter first, losses of beam in one piece."""
    others = np.repeat(np.array([0, 3, 4, 5, 6]), counts[[0, 3, 4, 5, 6]])
    rng.shuffle(others)
    at = int(rng.integers(len(others) + 1))
    lost = np.full(counts[2], 2)
    return np.concatenate([np.ones(counts[1], np.int64), others[:at], lost, others[at:]])


def _transmission(
    kind: str, position: int, opening: Float64Array, rng: np.random.Generator
) -> float:
    """Share of the usual flux that reaches the sample in a frame of a class."""
    if kind == "shutter":
        return float(opening[position])
    if kind == "beam_loss":
        return float(rng.uniform(0.0, 0.05))
    if kind == "saturated":
        return float(rng.uniform(200.0, 600.0))
    return 0.0 if kind == "empty" else 1.0


def _frame(
    detector: _Detector, pattern: Pattern, kind: str, flux: float, rng: np.random.Generator
) -> Array:
    expected = pattern.expected(flux, rng)
    if kind == "shutter":
        expected = expected * _shadow(len(expected), flux, rng)
    if kind == "empty":
        frame = np.zeros(expected.shape, detector.dtype)
    else:
        counts = poisson_counts(expected, rng)
        frame = np.minimum(counts, SATURATION).astype(detector.dtype)
    if kind == "dead_module":
        chosen = rng.choice(detector.modules.max() + 1, size=int(rng.integers(1, 3)), replace=False)
        dead = np.isin(detector.modules, chosen)
        frame[dead] = detector.mask_value if rng.random() < 0.5 else 0
    if kind == "hot_pixels":
        n_hot = int(frame.size * rng.uniform(0.001, 0.01))
        hot = rng.integers(frame.size, size=n_hot)
        frame.ravel()[hot] = rng.integers(_HOT_COUNTS, SATURATION // 2, size=n_hot)
    frame[detector.gaps] = detector.mask_value
    return frame


def _shadow(size: int, opening: float, rng: np.random.Generator) -> Float32Array:
    """Transmission `(size, size)` behind the blade of a shutter that is partly open."""
    edge = min(opening + rng.uniform(0.0, 0.3), 1.2) * size
    rows = np.arange(size, dtype=np.float32)[:, None]
    blurred = 1.0 / (1.0 + np.exp(np.clip((rows - edge) / (0.01 * size), -30, 30)))
    return np.broadcast_to(0.1 + 0.9 * blurred, (size, size)).astype(np.float32)
