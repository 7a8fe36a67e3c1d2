"""Every clusterer keeps scikit-learn's contract."""

from __future__ import annotations

from collections.abc import Callable

from sklearn.base import BaseEstimator
from sklearn.utils.estimator_checks import parametrize_with_checks

from equiclust.clustering import LatentClusterer, SpectralClustering


@parametrize_with_checks(
    [
        SpectralClustering(random_state=0),
        SpectralClustering(n_clusters=3, exact_limit=15, n_landmarks=10, random_state=0),
        LatentClusterer(method="kmeans"),
        LatentClusterer(method="gmm"),
        LatentClusterer(method="spectral"),
    ]
)
def test_contract(estimator: BaseEstimator, check: Callable[[BaseEstimator], None]) -> None:
    check(estimator)
