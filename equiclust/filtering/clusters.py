"""Clusters of a sample of frames, and which of them is the usable one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist
from sklearn.cluster import DBSCAN, HDBSCAN, KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score

from equiclust.exceptions import InputError
from equiclust.filtering.core import COMPONENTS
from equiclust.filtering.features import FrameFeatures
from equiclust.typing import Float64Array, IntArray

__all__ = ["METHODS", "FrameClusters", "Method", "find_clusters"]

Method = Literal["hdbscan", "dbscan", "kmeans"]

METHODS = ("hdbscan", "dbscan", "kmeans")
"""How the sample is clustered."""

_N_DIMENSIONS = 8
_MIN_NEIGHBOURS = 10
_MIN_SHARE = 0.02
_MOST_KMEANS = 6
_N_SILHOUETTE = 2000
# A split whose mean silhouette is lower is none.
_LEAST_SILHOUETTE = 0.5
_MOST_SATURATED = 0.01
_DARK = 0.01
# Of odd pixels, one tolerance apart from none.
_ODD_SHARE = 1e-3


@dataclass(frozen=True, eq=False)
class FrameClusters:
    """Clusters of `n` frames of a sample.

    Parameters
    ----------
    features : FrameFeatures
        Of the sample.
    labels : ndarray (n,), int64
        Clusters from 0, the largest first; -1 belongs to none.
    """

    features: FrameFeatures
    labels: IntArray

    @property
    def sizes(self) -> IntArray:
        """Numbers of frames of the clusters."""
        return np.bincount(self.labels[self.labels >= 0]).astype(np.int64)

    @property
    def flux(self) -> Float64Array:
        """Median flux of every cluster in counts per pixel."""
        return self._medians(self.features.flux)

    def _medians(self, values: Any) -> Float64Array:
        numbers = range(len(self.sizes))
        return np.array([float(np.median(values[self.labels == k])) for k in numbers])

    def brightest(self) -> int:
        """Cluster of the usable frames by their flux.

        Of the clusters with at least 2 per cent of the sample in which at most one per cent of the
        pixels is saturated, the one with the highest median flux; the largest if there is none.

        Returns
        -------
        int
        """
        large = self.sizes >= _MIN_SHARE * len(self.labels)
        unsaturated = self._medians(self.features.share("saturated")) <= _MOST_SATURATED
        fit = large & unsaturated
        return int(np.argmax(np.where(fit, self.flux, -1.0))) if fit.any() else 0

    def nearest_to(self, frame: int) -> int:
        """Cluster of one frame of the sample, or the nearest one if it belongs to none.

        Parameters
        ----------
        frame : int
            Index in the sample.

        Returns
        -------
        int
        """
        if self.labels[frame] >= 0:
            return int(self.labels[frame])
        points = _points(self.features, 1.0)
        centres = [points[self.labels == k].mean(axis=0) for k in range(len(self.sizes))]
        return int(np.argmin(np.linalg.norm(np.array(centres) - points[frame], axis=1)))


def find_clusters(
    features: FrameFeatures,
    *,
    method: Method = "hdbscan",
    tolerance: float = 0.15,
    random_state: int = 0,
) -> FrameClusters:
    """Cluster frames by the logarithms of their blocks and by their shares of odd pixels.

    Parameters
    ----------
    features : FrameFeatures
        Of some thousand readable frames.
    method : {"hdbscan", "dbscan", "kmeans"}, default "hdbscan"
        With k-means, 2 to 6 clusters by the largest mean silhouette, and one if that is below
        0.5.
    tolerance : float, default 0.15
        Relative difference below which frames are alike: they stay in one cluster.
    random_state : int, default 0
        For k-means and the principal components.

    Returns
    -------
    FrameClusters
        At least one cluster.

    Raises
    ------
    InputError
        When the method is unknown.
    """
    if method not in METHODS:
        raise InputError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    points = _points(features, tolerance)
    if len(points) == 1:
        return FrameClusters(features, np.zeros(1, np.int64))
    n_dimensions = min(_N_DIMENSIONS, *points.shape)
    points = PCA(n_dimensions, random_state=random_state).fit_transform(points)
    labels = _CLUSTERERS[method](points, tolerance, random_state)
    if not np.any(labels >= 0):
        labels = np.zeros(len(points), np.int64)
    return FrameClusters(features, _largest_first(_merged(labels, points, tolerance)))


def _points(features: FrameFeatures, tolerance: float) -> Float64Array:
    """Vectors whose distance is the rms of the logarithms of the ratios of the blocks."""
    blocks = np.maximum(features.blocks.astype(np.float64), 0.0)
    used = np.isfinite(blocks).mean(axis=0) > 0.1
    blocks = blocks[:, used]
    dark = _DARK * float(np.quantile(features.flux, 0.9)) + np.finfo(np.float32).tiny
    logs = np.log(blocks + dark)
    logs = np.where(np.isfinite(logs), logs, np.nanmedian(logs, axis=0))
    odd = [np.sqrt(features.share(name) / _ODD_SHARE) * tolerance for name in COMPONENTS[3:]]
    vectors = np.concatenate([logs / np.sqrt(logs.shape[1]), np.stack(odd, axis=1)], axis=1)
    return vectors.astype(np.float64)


def _hdbscan(points: Float64Array, tolerance: float, random_state: int) -> IntArray:
    least = max(_MIN_NEIGHBOURS, round(_MIN_SHARE * len(points)))
    if len(points) <= least:
        return np.zeros(len(points), np.int64)
    clusterer = HDBSCAN(
        min_cluster_size=least,
        min_samples=min(_MIN_NEIGHBOURS, len(points)),
        allow_single_cluster=True,
        copy=True,
    )
    labels: IntArray = clusterer.fit_predict(points).astype(np.int64)
    return labels


def _dbscan(points: Float64Array, tolerance: float, random_state: int) -> IntArray:
    labels: IntArray = DBSCAN(eps=tolerance, min_samples=_MIN_NEIGHBOURS).fit_predict(points)
    return labels.astype(np.int64)


def _kmeans(points: Float64Array, tolerance: float, random_state: int) -> IntArray:
    best, found = _LEAST_SILHOUETTE, np.zeros(len(points), np.int64)
    for k in range(2, min(_MOST_KMEANS, len(points) - 1) + 1):
        labels = KMeans(k, n_init=10, random_state=random_state).fit_predict(points)
        if len(np.unique(labels)) < 2:
            continue
        score = silhouette_score(
            points, labels, sample_size=min(len(points), _N_SILHOUETTE), random_state=random_state
        )
        if score > best:
            best, found = float(score), labels.astype(np.int64)
    return found


_CLUSTERERS: Mapping[str, Callable[[Float64Array, float, int], IntArray]] = {
    "hdbscan": _hdbscan,
    "dbscan": _dbscan,
    "kmeans": _kmeans,
}


def _merged(labels: IntArray, points: Float64Array, tolerance: float) -> IntArray:
    """Clusters of which those are joined whose medians lie nearer than the tolerance.

    Frames of no cluster that lie so near to a median belong to it too.
    """
    numbers = np.unique(labels[labels >= 0])
    medians = np.stack([np.median(points[labels == number], axis=0) for number in numbers])
    near = cdist(medians, medians) < tolerance
    _, groups = connected_components(near, directed=False)
    joined = np.full(int(numbers.max()) + 2, -1)
    joined[numbers] = groups
    distances = cdist(points, medians)
    is_near = (labels < 0) & (distances.min(axis=1) < tolerance)
    merged: IntArray = np.where(is_near, groups[distances.argmin(axis=1)], joined[labels])
    return merged


def _largest_first(labels: IntArray) -> IntArray:
    """Clusters renumbered by falling size."""
    numbers, sizes = np.unique(labels[labels >= 0], return_counts=True)
    new = np.full(labels.max() + 2, -1)
    new[numbers[np.argsort(-sizes, kind="stable")]] = np.arange(len(numbers))
    renumbered: IntArray = new[labels]
    return renumbered
