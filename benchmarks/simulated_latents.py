"""Latents of ten kinds of unequal frequency, bent, and copies as of several networks."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["SimulatedLatents", "simulate_latents"]

_N_KINDS = 10
# The most frequent kind is eight times as frequent as the rarest.
_LARGEST = 8.0
_DISTANCE = 4.0
_N_LONG = 5
_BEND = 0.5
_NOISE = 0.3
_AT_ONCE = 50_000

FloatArray = npt.NDArray[np.float32]


class SimulatedLatents(NamedTuple):
    """Latents `(n_members, n, d)` and the kind `(n,)` of each object."""

    latents: FloatArray
    kinds: npt.NDArray[np.int64]


def simulate_latents(
    n: int, *, n_members: int = 1, n_features: int = 64, random_state: int = 0
) -> SimulatedLatents:
    """Simulate latents.

    A kind extends along five directions of its own and bends, by the square of the first, into a
    sixth; all directions have noise. Each member sees all of them in other axes, with noise of its
    own; a single one sees them as they are.

    Parameters
    ----------
    n : int
        Number of objects.
    n_members : int, default 1
    n_features : int, default 64
        `d`
    random_state : int, default 0

    Returns
    -------
    SimulatedLatents
    """
    rng = np.random.default_rng(random_state)
    shares = np.geomspace(1.0, _LARGEST, _N_KINDS)
    kinds = rng.choice(_N_KINDS, size=n, p=shares / shares.sum())
    centres = rng.normal(size=(_N_KINDS, n_features))
    centres *= _DISTANCE / np.linalg.norm(centres, axis=1, keepdims=True)
    axes = [_orthogonal(rng, n_features)[: _N_LONG + 1] for _ in range(_N_KINDS)]
    turns = [_orthogonal(rng, n_features) for _ in range(n_members)]
    latents = np.empty((n_members, n, n_features), dtype=np.float32)
    for start in range(0, n, _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        own = centres[kinds[rows]]
        for kind in range(_N_KINDS):
            chosen = kinds[rows] == kind
            own[chosen] += _bent(rng, int(chosen.sum())) @ axes[kind]
        own += _NOISE * rng.normal(size=own.shape)
        for member, turn in enumerate(turns):
            seen = own if n_members == 1 else own @ turn + _NOISE * rng.normal(size=own.shape)
            latents[member, rows] = seen
    return SimulatedLatents(latents, kinds)


def _bent(rng: np.random.Generator, n: int) -> npt.NDArray[Any]:
    along = rng.normal(size=(n, _N_LONG))
    return np.column_stack([along, _BEND * (along[:, 0] ** 2 - 1.0)])


def _orthogonal(rng: np.random.Generator, n: int) -> npt.NDArray[Any]:
    return np.asarray(np.linalg.qr(rng.normal(size=(n, n)))[0])
