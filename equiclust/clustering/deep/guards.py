"""Clusters that died, and how to bring them back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from equiclust.clustering.labels import kmeans_centres

__all__ = ["absorbed", "n_live", "revived"]

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

# Two centres that are nearer than this share of the spread about centres are one place.
_ONE_PLACE = 0.1


def n_live(labels: Labels) -> int:
    """Clusters that have a member."""
    return len(np.unique(labels))


def absorbed(points: Array, centres: Array, labels: Labels) -> Labels:
    """Labels in which of two clusters that have merged the smaller one is empty.

    They have when their centres are nearer than a tenth of the root mean square distance of the
    points to their own centres: what lies where they lie is divided by chance.

    Parameters
    ----------
    points : ndarray (n, d)
    centres : ndarray (k, d)
    labels : ndarray (n,), int

    Returns
    -------
    ndarray (n,), int
        A copy.
    """
    spread = float(np.sqrt(np.square(points - centres[labels]).sum(axis=1).mean()))
    given, sizes = labels.copy(), np.bincount(labels, minlength=len(centres))
    distances = cdist(centres, centres)
    # The smallest first, each into the largest of those near it.
    for small in np.argsort(sizes, kind="stable"):
        near = np.flatnonzero((distances[small] < _ONE_PLACE * spread) & (sizes > 0))
        near = near[near != small]
        if sizes[small] and len(near):
            into = near[np.argmax(sizes[near])]
            given[given == small] = into
            sizes[into] += sizes[small]
            sizes[small] = 0
    return given


def revived(points: Array, centres: Array, labels: Labels, *, seed: int) -> tuple[Array, Labels]:
    """Centres of which none is without members: each empty cluster gets half of the widest.

    The cluster with the largest sum of squared distances to its centre is divided by 2-means, as in
    the bisecting k-means of Steinbach, Karypis & Kumar (2000); one half keeps its name.

    Parameters
    ----------
    points : ndarray (n, d)
    centres : ndarray (k, d)
    labels : ndarray (n,), int
        The nearest centre of each point.
    seed : int

    Returns
    -------
    centres : ndarray (k, d)
        A copy.
    labels : ndarray (n,), int
        Fewer names than `k` only where the points have fewer distinct places.
    """
    places, given = centres.copy(), labels.copy()
    for empty in np.setdiff1d(np.arange(len(centres)), labels):
        widest = int(np.argmax(_sums_of_squares(points, places, given)))
        members = np.flatnonzero(given == widest)
        if len(np.unique(points[members], axis=0)) < 2:
            continue
        once = np.ones(len(members), dtype=np.int64)
        halves = kmeans_centres(points[members], once, 2, n_init=4, seed=seed)
        distances = np.square(points[members, None] - halves[None]).sum(axis=2)
        places[[widest, empty]] = halves
        given[members[distances.argmin(axis=1) == 1]] = empty
    return places, given


def _sums_of_squares(points: Array, centres: Array, labels: Labels) -> Array:
    squared = np.square(points - centres[labels]).sum(axis=1)
    return np.asarray(
        np.bincount(labels, weights=squared, minlength=len(centres)), dtype=np.float64
    )
