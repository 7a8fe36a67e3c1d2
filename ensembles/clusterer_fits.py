"""Fits of many clusterers, side by side where each of them takes long."""

from __future__ import annotations

from collections.abc import Sequence

from joblib import Parallel, cpu_count, delayed
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # It has no types.

from equiclust.clustering import LatentClusterer
from equiclust.typing import Float64Array

__all__ = ["fit_clusterers"]


def fit_clusterers(
    clusterers: Sequence[LatentClusterer],
    vectors: Sequence[Float64Array],
    *,
    side_by_side: bool = False,
) -> list[LatentClusterer]:
    """Fit each clusterer to vectors of its own.

    Parameters
    ----------
    clusterers : sequence of LatentClusterer
        Of one method.
    vectors : sequence of ndarray (n, d)
        One for each of them.
    side_by_side : bool, default False
        Whether manifolds, whose embedding takes one core many seconds, are fitted in as many
        processes as there are cores, with the same result whatever their number. Other methods take
        less time than processes take to start.

    Returns
    -------
    list of LatentClusterer
        Fitted.
    """
    pairs = zip(clusterers, vectors, strict=True)
    if not side_by_side:
        return [one.fit(own) for one, own in pairs]
    slow = all(one.method == "manifold" for one in clusterers)
    n_jobs = min(cpu_count(), len(clusterers)) if slow else 1
    return list(Parallel(n_jobs=n_jobs)(delayed(_fit)(one, own) for one, own in pairs))


def _fit(clusterer: LatentClusterer, vectors: Float64Array) -> LatentClusterer:
    # The order in which threads add up changes the last digits, and an embedding magnifies them.
    with threadpool_limits(limits=1):
        return clusterer.fit(vectors)
