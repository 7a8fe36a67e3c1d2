"""Standardise, whiten, cluster: laws that hold whatever the method."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from equiclust.clustering import LatentClusterer, make_clusterer
from equiclust.evaluation.metrics import adjusted_rand_index
from equiclust.exceptions import InputError
from tests.clustering.shapes import blobs, noise

METHODS = ["kmeans", "gmm", "spectral", "manifold"]

awkward = arrays(
    np.float64, st.tuples(st.integers(1, 20), st.integers(1, 3)), elements=st.integers(-3, 3)
)

pytestmark = pytest.mark.parametrize("method", METHODS)


def test_clusters_are_found_and_new_samples_placed(method: str, random_state: int) -> None:
    points, classes = blobs(300, random_state)
    clusterer = make_clusterer(method, 4, random_state=random_state).fit(points)
    assert adjusted_rand_index(classes, clusterer.labels_) == 1.0
    new, new_classes = blobs(100, random_state)
    assert adjusted_rand_index(new_classes, clusterer.predict(new)) == 1.0


@settings(max_examples=15, deadline=None)
@given(points=awkward, n_clusters=st.integers(1, 4), whiten=st.sampled_from([0.0, 0.5, True]))
def test_laws_on_awkward_latents(
    method: str, points: npt.NDArray[np.float64], n_clusters: int, whiten: float
) -> None:
    clusterer = make_clusterer(method, n_clusters, whiten=whiten, n_components=None, random_state=0)
    if n_clusters > len(np.unique(points, axis=0)):
        with pytest.raises(InputError, match=f"n_clusters={n_clusters} for n_samples="):
            clusterer.fit(points)
        return
    labels = clusterer.fit(points).labels_
    np.testing.assert_array_equal(clusterer.predict(points), labels)
    assert (np.diff(np.bincount(labels, minlength=n_clusters)) <= 0).all()
    memberships = clusterer.predict_proba(points)
    np.testing.assert_allclose(memberships.sum(axis=1), 1.0)
    np.testing.assert_array_equal(clusterer.membership(points), memberships.max(axis=1))
    with pytest.warns(DeprecationWarning, match="confidence is now membership"):
        former = clusterer.confidence
    np.testing.assert_array_equal(former(points), memberships.max(axis=1))
    assert np.isfinite(clusterer.outlier_scores(points)).all()


@settings(max_examples=10, deadline=None)
@given(points=awkward, seed=st.integers(0, 99))
def test_the_order_of_rows_does_not_matter(
    method: str, points: npt.NDArray[np.float64], seed: int
) -> None:
    shuffled = np.random.default_rng(seed).permutation(len(points))
    n_clusters = min(2, len(np.unique(points, axis=0)))
    one, other = (
        make_clusterer(method, n_clusters, n_components=None, random_state=0).fit(points[rows])
        for rows in (np.arange(len(points)), shuffled)
    )
    assert adjusted_rand_index(one.labels_[shuffled], other.labels_) == 1.0
    np.testing.assert_array_equal(
        one.outlier_scores(points[shuffled]), other.outlier_scores(points[shuffled])
    )


def test_a_sample_is_labelled_alike_in_any_batch(method: str, random_state: int) -> None:
    clusterer = make_clusterer(method, 3, random_state=random_state)
    clusterer.fit(noise(150, random_state, n_features=20))
    new = 2 * noise(60, random_state + 10, n_features=20)
    whole = clusterer.predict_proba(new)
    for size in (1, 7, 59):
        parts = [clusterer.predict_proba(new[i : i + size]) for i in range(0, 60, size)]
        np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-9, atol=1e-12)


def test_units_and_offsets_do_not_matter(method: str, random_state: int) -> None:
    points, _ = blobs(200, random_state)
    one, other = (
        make_clusterer(method, 4, random_state=random_state).fit(values)
        for values in (points, points * np.logspace(-3, 3, 5) + 3.0)
    )
    assert adjusted_rand_index(one.labels_, other.labels_) == 1.0
    np.testing.assert_allclose(
        one.outlier_scores(points),
        other.outlier_scores(points * np.logspace(-3, 3, 5) + 3.0),
        rtol=1e-4,
    )


def test_a_seed_fixes_the_result(method: str, random_state: int) -> None:
    points = noise(100, random_state)
    one, other = (
        make_clusterer(method, 4, random_state=random_state).fit(points) for _ in range(2)
    )
    np.testing.assert_array_equal(one.predict_proba(points), other.predict_proba(points))


@pytest.mark.parametrize("n_samples", [4, 6, 12])
def test_few_samples_of_many_dimensions(method: str, n_samples: int, random_state: int) -> None:
    points = noise(n_samples, random_state, n_features=50)
    clusterer = make_clusterer(method, 3, random_state=random_state).fit(points)
    assert set(clusterer.labels_) <= {0, 1, 2}
    assert np.isfinite(clusterer.predict_proba(5 * points)).all()


def test_outlier_scores_tell_the_lonely(method: str, random_state: int) -> None:
    points, _ = blobs(200, random_state)
    clusterer = make_clusterer(method, 4, random_state=random_state).fit(points)
    assert np.median(clusterer.outlier_scores(points)) == pytest.approx(1.0)
    away = np.outer([0.0, 20.0, 40.0, 80.0], np.ones(5)) + points[:1]
    scores = clusterer.outlier_scores(away)
    assert (np.diff(scores) > 0).all()
    assert scores[1] > clusterer.outlier_scores(points).max()


def test_membership_falls_between_clusters(method: str, random_state: int) -> None:
    rng = np.random.default_rng(random_state)
    centres = np.array([[0.0, 0.0], [8.0, 0.0]])
    points = centres[rng.integers(0, 2, 300)] + rng.normal(size=(300, 2))
    clusterer = make_clusterer(method, 2, random_state=random_state).fit(points)
    inside, between = clusterer.membership(centres), clusterer.membership([[4.0, 0.0]])
    assert inside.min() > 0.9
    assert between[0] < inside.min() - 0.05


def test_one_cluster_is_certain(method: str) -> None:
    clusterer = make_clusterer(method, 1, random_state=0).fit(noise(20, 0))
    np.testing.assert_array_equal(clusterer.labels_, 0)
    np.testing.assert_allclose(clusterer.membership(noise(5, 1)), 1.0)


def test_repeated_samples_count(method: str, random_state: int) -> None:
    points, classes = blobs(60, random_state)
    clusterer = make_clusterer(method, 4, random_state=random_state)
    clusterer.fit(np.repeat(points, 20, axis=0))
    assert adjusted_rand_index(np.repeat(classes, 20), clusterer.labels_) == 1.0
    assert np.isfinite(clusterer.outlier_scores(points)).all()


def test_parameters_are_checked(method: str) -> None:
    with pytest.raises(
        InputError, match="method must be one of kmeans, gmm, spectral, manifold, got 'dbs'"
    ):
        make_clusterer("dbs", 3)
    with pytest.raises(InputError, match="n_clusters must be a whole number"):
        make_clusterer(method, 0)
    with pytest.raises(InputError, match="whiten"):
        make_clusterer(method, 3, whiten=2.0)
    with pytest.raises(InputError, match="n_components"):
        make_clusterer(method, 3, n_components=0)


def test_latents_are_checked(method: str) -> None:
    clusterer = make_clusterer(method, 2)
    with pytest.raises(InputError, match="infinity"):
        clusterer.fit([[np.inf, 0.0], [0.0, 1.0]])
    with pytest.raises(InputError, match="n_clusters=2 for n_samples=1"):
        clusterer.fit([[0.0, 1.0]])
    clusterer.fit(noise(20, 0))
    with pytest.raises(InputError, match="2 features"):
        clusterer.predict(np.zeros((3, 2)))


def test_scikit_learn_agrees(method: str, random_state: int) -> None:
    points = noise(200, random_state) * [3.0, 1.0, 1.0]
    points[::2, 0] += 20.0
    last = {
        "kmeans": KMeans(2, n_init=10, random_state=random_state),
        "gmm": GaussianMixture(2, covariance_type="tied", random_state=random_state),
        "spectral": KMeans(2, n_init=10, random_state=random_state),
        "manifold": GaussianMixture(2, random_state=random_state),
    }[method]
    reference = make_pipeline(StandardScaler(), PCA(), last).fit_predict(points)
    clusterer = LatentClusterer(
        2, method=method, whiten=False, n_components=None, random_state=random_state
    )
    assert adjusted_rand_index(reference, clusterer.fit_predict(points)) > 0.9
