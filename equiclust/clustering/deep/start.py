"""Where the clusters begin: scale of the latents and first centres."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from equiclust.clustering.labels import kmeans_centres, within_cluster_variance
from equiclust.exceptions import InputError

__all__ = ["Init", "first_centres", "scale_of"]

Array = npt.NDArray[np.float64]
Init = Literal["k-means", "random"]

_N_STARTS = 20


def first_centres(
    points: Array, n_clusters: int, init: Init | npt.ArrayLike, *, seed: int
) -> Array:
    """Centres `(n_clusters, d)` by the best of twenty k-means, by samples drawn, or as given.

    Raises
    ------
    InputError
        When what is given has another shape or is not finite.
    """
    if isinstance(init, str) and init == "k-means":
        once = np.ones(len(points), dtype=np.int64)
        return kmeans_centres(points, once, n_clusters, n_init=_N_STARTS, seed=seed)
    if isinstance(init, str) and init == "random":
        drawn = np.random.default_rng(seed).choice(len(points), n_clusters, replace=False)
        return points[drawn]
    if isinstance(init, str):
        raise InputError(f"init must be 'k-means', 'random' or centres, got {init!r}")
    centres = np.asarray(init, dtype=np.float64)
    expected = (n_clusters, points.shape[1])
    if centres.shape != expected or not np.all(np.isfinite(centres)):
        raise InputError(f"init must be finite centres of shape {expected}, got {centres.shape}")
    return centres


def scale_of(points: Array, centres: Array) -> float:
    """Standard deviation of a coordinate within clusters; 1 where all samples lie on centres."""
    scale = float(np.sqrt(within_cluster_variance(points, centres)))
    return scale if scale > 1e-6 * max(float(np.abs(points).max()), 1e-30) else 1.0
