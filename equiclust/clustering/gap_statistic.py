"""The gap statistic: how much narrower clusters are than those of uniform samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.distance import cdist

from equiclust.clustering.labels import kmeans_centres
from equiclust.typing import Float64Array

__all__ = ["gap_statistic"]

_N_REFERENCES = 10
_N_STARTS = 3


def gap_statistic(points: Float64Array, candidates: Sequence[int], *, seed: int) -> list[float]:
    r"""Gap between the width of clusters and that expected where there are none.

    :math:`\langle \log W_k^* \rangle - \log W_k`, with :math:`W_k` the sum of squared distances to
    the nearest of `k` centres by k-means, and :math:`W_k^*` that of points drawn uniformly from the
    box around the samples, along their principal axes [1]_.

    Parameters
    ----------
    points : ndarray (n, d)
        Samples on their principal axes.
    candidates : sequence of int
        Numbers of clusters.
    seed : int
        For the ten sets of uniform points and for k-means.

    Returns
    -------
    list of float
        One for each candidate; NaN where the clusters have no width.

    References
    ----------
    .. [1] Tibshirani, R., Walther, G. & Hastie, T. 2001, "Estimating the number of clusters in a
       data set via the gap statistic", J. R. Statist. Soc. B 63, 411.
    """
    generator = np.random.default_rng(seed)
    low, high = points.min(axis=0), points.max(axis=0)
    references = [generator.uniform(low, high, size=points.shape) for _ in range(_N_REFERENCES)]
    gaps = []
    for k in candidates:
        own, *others = (_log_width(sample, k, seed) for sample in (points, *references))
        gap = float(np.mean(others)) - own
        gaps.append(gap if np.isfinite(gap) else np.nan)
    return gaps


def _log_width(points: Float64Array, n_clusters: int, seed: int) -> float:
    counts = np.ones(len(points), dtype=np.int64)
    centres = kmeans_centres(points, counts, n_clusters, n_init=_N_STARTS, seed=seed)
    width = float(cdist(points, centres, "sqeuclidean").min(axis=1).sum())
    # Where every sample is a cluster, the width is rounding error.
    rounding = np.finfo(np.float64).eps * max(1.0, float(np.square(points).sum()))
    return float(np.log(width)) if width > rounding else -np.inf
