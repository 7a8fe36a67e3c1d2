"""Point sets with known clusters."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.datasets import make_blobs, make_circles, make_moons

__all__ = ["Points", "blobs", "moons", "noise", "rings"]


class Points(NamedTuple):
    """Samples `(n, d)` and their classes."""

    values: npt.NDArray[np.float64]
    classes: npt.NDArray[np.int64]


def moons(n: int, seed: int) -> Points:
    """Two crescents that k-means cannot part."""
    return Points(*make_moons(n, noise=0.05, random_state=seed))


def rings(n: int, seed: int) -> Points:
    """Two rings, one inside the other."""
    return Points(*make_circles(n, noise=0.04, factor=0.5, random_state=seed))


def blobs(n: int, seed: int, *, n_clusters: int = 4, n_features: int = 5) -> Points:
    """Round clusters, well apart."""
    rng = np.random.default_rng(seed)
    centres = 10 * np.eye(n_clusters, n_features) + rng.normal(size=(n_clusters, n_features))
    return Points(*make_blobs(n, centers=centres, cluster_std=0.8, random_state=seed)[:2])


def noise(n: int, seed: int, *, n_features: int = 3) -> npt.NDArray[np.float64]:
    """No clusters at all."""
    return np.random.default_rng(seed).normal(size=(n, n_features))
