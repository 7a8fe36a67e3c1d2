"""Latents of any size: the same labels at every common factor."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ensembles import ConsensusClustering
from equiclust.clustering import LatentClusterer, SpectralClustering
from equiclust.evaluation import LatentIndex
from equiclust.evaluation.invariance import assert_invariant
from equiclust.evaluation.metrics import mean_average_precision, recall_at_k
from equiclust.exceptions import InputError
from equiclust.report.figures.projections import project_latents
from equiclust.typing import Float64Array

RNG = np.random.default_rng(0)
OBJECTS = np.arange(36) // 12
LATENTS = 4.0 * RNG.normal(size=(3, 4))[OBJECTS] + RNG.normal(size=(36, 4))
FACTORS = (1e-300, 1e-160, 1e160, 1e300)

CLUSTERERS = [
    SpectralClustering(3, random_state=0),
    SpectralClustering(3, exact_limit=15, n_landmarks=12, random_state=0),
    *(LatentClusterer(3, method=m, random_state=0) for m in ("kmeans", "gmm", "spectral")),
    LatentClusterer(3, standardise=False, random_state=0),
]


@pytest.mark.parametrize("clusterer", CLUSTERERS, ids=str)
def test_labels_do_not_depend_on_a_common_factor(
    clusterer: LatentClusterer | SpectralClustering,
) -> None:
    labels = clusterer.fit_predict(LATENTS)
    for factor in FACTORS:
        fitted = clusterer.fit(factor * LATENTS)
        assert np.array_equal(fitted.labels_, labels)
        assert np.array_equal(fitted.predict(factor * LATENTS), labels)


@pytest.mark.parametrize("clusterer", CLUSTERERS, ids=str)
def test_new_latents_at_any_distance_get_memberships(
    clusterer: LatentClusterer | SpectralClustering,
) -> None:
    clusterer.fit(1e-300 * LATENTS)
    far = np.array([[1e308] * 4, [-1e308] * 4, [1e308, -1e308, 0.0, 1e-308]])
    assert np.allclose(clusterer.predict_proba(far).sum(axis=1), 1.0)


@pytest.mark.parametrize("clusterer", CLUSTERERS, ids=str)
def test_columns_of_every_size_are_clustered(
    clusterer: LatentClusterer | SpectralClustering,
) -> None:
    columns = LATENTS * np.array([1e300, 1.0, 1e-300, 0.0]) + np.array([0.0, 0.0, 0.0, 1e300])
    labels = clusterer.fit_predict(columns)
    assert np.array_equal(clusterer.predict(columns), labels)


def _by_consensus(latents: Float64Array) -> object:
    members = np.stack([latents, latents[:, ::-1]])
    return ConsensusClustering(3, method="kmeans", random_state=0).fit_predict(members).tolist()


@pytest.mark.parametrize("factor", [1e-300, 1e300])
@pytest.mark.parametrize(
    "measure",
    [
        _by_consensus,
        lambda z: recall_at_k(z, OBJECTS, 2),
        lambda z: mean_average_precision(z, OBJECTS),
        lambda z: [np.isfinite(plane.positions).all() for plane in project_latents(z)],
    ],
)
def test_measures_do_not_depend_on_a_common_factor(
    measure: Callable[[Float64Array], object], factor: float
) -> None:
    assert measure(factor * LATENTS) == measure(LATENTS)


@pytest.mark.parametrize("exact_below", [pytest.param(10, marks=pytest.mark.slow), 100])
def test_an_index_finds_the_same_at_every_size_of_float32(exact_below: int) -> None:
    distances, indices = LatentIndex(LATENTS, exact_below=exact_below).query(LATENTS, 3)
    for factor in (2.0**-100, 2.0**100):
        index = LatentIndex(factor * LATENTS, exact_below=exact_below)
        far, found = index.query(factor * LATENTS, 3)
        assert np.array_equal(found, indices)
        assert np.allclose(far / factor, distances, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("factor", [1e-300, 1e300])
def test_an_index_refuses_what_float32_cannot_hold(factor: float) -> None:
    with pytest.raises(InputError, match="float32 can hold"):
        LatentIndex(factor * LATENTS)


@pytest.mark.parametrize("factor", [1e-300, 1e300])
def test_invariance_is_not_measured_where_squares_are_no_numbers(factor: float) -> None:
    images = RNG.random((3, 1, 8, 8))
    with pytest.raises(InputError, match="divide them by that"):
        assert_invariant(lambda pixels: factor * pixels.mean(axis=(2, 3), dtype=float), images)
