"""Fits of many clusterers, side by side where each of them takes long."""

from __future__ import annotations

from collections.abc import Sequence

from joblib import delayed

from equiclust.clustering import LatentClusterer
from equiclust.processes import make_calls
from equiclust.typing import Float64Array

__all__ = ["fit_clusterers"]

# Manifolds of fewer vectors take less time than processes take to start, as other methods do.
_LEAST_SIDE_BY_SIDE = 300


def fit_clusterers(
    clusterers: Sequence[LatentClusterer], vectors: Sequence[Float64Array]
) -> list[LatentClusterer]:
    """Fit each clusterer to vectors of its own.

    Manifolds of 300 vectors or more, whose embedding takes one core a second or many, are fitted in
    as many processes as there are cores, with the same result whatever their number.

    Parameters
    ----------
    clusterers : sequence of LatentClusterer
        Of one method.
    vectors : sequence of ndarray (n, d)
        One for each of them.

    Returns
    -------
    list of LatentClusterer
        Fitted.
    """
    slow = all(one.method == "manifold" for one in clusterers)
    many = max((len(own) for own in vectors), default=0) >= _LEAST_SIDE_BY_SIDE
    pairs = zip(clusterers, vectors, strict=True)
    return make_calls([delayed(one.fit)(own) for one, own in pairs], side_by_side=slow and many)
