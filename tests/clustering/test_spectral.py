"""Spectral clustering: shapes, laws, and agreement with scikit-learn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.cluster import SpectralClustering as Reference

from equiclust.clustering import SpectralClustering
from equiclust.evaluation.metrics import adjusted_rand_index
from equiclust.exceptions import InputError
from tests.clustering.shapes import Points, blobs, moons, noise, rings

Shape = Callable[[int, int], Points]

# Few samples on a coarse grid: repeated ones, ties, pieces and constant columns are all common.
awkward = arrays(
    np.float64, st.tuples(st.integers(1, 25), st.integers(1, 3)), elements=st.integers(-3, 3)
)


def _n_clusters(shape: Shape) -> int:
    return 4 if shape is blobs else 2


def _fitted(shape: Shape, n: int, seed: int, **options: int) -> tuple[SpectralClustering, Points]:
    points = shape(n, seed)
    clustering = SpectralClustering(_n_clusters(shape), random_state=seed, **options)
    return clustering.fit(points.values), points


@pytest.mark.parametrize("shape", [moons, rings, blobs])
def test_shapes_are_found_exactly(shape: Shape, random_state: int) -> None:
    clustering, points = _fitted(shape, 300, random_state)
    assert adjusted_rand_index(points.classes, clustering.labels_) > 0.98


@pytest.mark.parametrize("shape", [moons, rings, blobs])
def test_shapes_are_found_through_landmarks(shape: Shape, random_state: int) -> None:
    clustering, points = _fitted(shape, 5000, random_state, n_landmarks=500)
    assert len(clustering.landmarks_) <= 500
    assert adjusted_rand_index(points.classes, clustering.labels_) > 0.98


@pytest.mark.parametrize("shape", [moons, rings, blobs])
def test_new_samples_get_the_label_of_their_shape(shape: Shape, random_state: int) -> None:
    clustering, points = _fitted(shape, 300, random_state)
    rng = np.random.default_rng(random_state)
    moved = points.values + 0.02 * rng.normal(size=points.values.shape)
    assert adjusted_rand_index(points.classes, clustering.predict(moved)) > 0.98


@pytest.mark.parametrize("shape", [moons, rings, blobs])
def test_scikit_learn_finds_the_same(shape: Shape, random_state: int) -> None:
    clustering, points = _fitted(shape, 300, random_state)
    reference = Reference(_n_clusters(shape), affinity="precomputed", random_state=random_state)
    distances = np.linalg.norm(points.values[:, None] - points.values, axis=-1)
    near = np.sort(distances, axis=1)[:, 9:10]
    # A graph of its own, slightly joined everywhere so that scikit-learn does not complain.
    affinity = np.maximum(distances <= near, (distances <= near).T) + 1e-6
    labels = reference.fit_predict(affinity)
    assert adjusted_rand_index(labels, clustering.labels_) > 0.98


@pytest.mark.parametrize("exact_limit", [3000, 60])
def test_prediction_of_the_training_data_is_its_labels(exact_limit: int, random_state: int) -> None:
    points = noise(200, random_state)
    clustering = SpectralClustering(
        5, exact_limit=exact_limit, n_landmarks=50, random_state=random_state
    ).fit(points)
    np.testing.assert_array_equal(clustering.predict(points), clustering.labels_)
    assert len(clustering.landmarks_) == (200 if exact_limit == 3000 else 50)


@settings(max_examples=60, deadline=None)
@given(points=awkward, n_clusters=st.integers(1, 6), n_neighbors=st.integers(1, 12))
def test_laws_on_awkward_points(
    points: npt.NDArray[np.float64], n_clusters: int, n_neighbors: int
) -> None:
    n_distinct = len(np.unique(points, axis=0))
    clustering = SpectralClustering(n_clusters, n_neighbors=n_neighbors, n_init=1, random_state=0)
    if n_clusters > n_distinct:
        with pytest.raises(InputError, match=f"n_clusters={n_clusters} for n_samples="):
            clustering.fit(points)
        return
    labels = clustering.fit(points).labels_
    np.testing.assert_array_equal(clustering.predict(points), labels)
    sizes = np.bincount(labels, minlength=n_clusters)
    assert (np.diff(sizes) <= 0).all()
    memberships = clustering.predict_proba(points)
    np.testing.assert_allclose(memberships.sum(axis=1), 1.0)
    np.testing.assert_allclose(np.linalg.norm(clustering.transform(points), axis=1), 1.0)
    singly = np.concatenate([clustering.predict_proba(row[None]) for row in points])
    np.testing.assert_array_equal(singly, memberships)


@settings(max_examples=30, deadline=None)
@given(points=awkward, seed=st.integers(0, 99))
def test_the_order_of_rows_does_not_matter(points: npt.NDArray[np.float64], seed: int) -> None:
    shuffled = np.random.default_rng(seed).permutation(len(points))
    n_clusters = min(3, len(np.unique(points, axis=0)))
    one, other = (
        SpectralClustering(n_clusters, random_state=0).fit(points[rows]).labels_
        for rows in (np.arange(len(points)), shuffled)
    )
    assert adjusted_rand_index(one[shuffled], other) == 1.0


@pytest.mark.parametrize("exact_limit", [3000, 60])
def test_a_seed_fixes_the_result(exact_limit: int, random_state: int) -> None:
    points = noise(150, random_state)
    first, second = (
        SpectralClustering(
            4, exact_limit=exact_limit, n_landmarks=40, random_state=random_state
        ).fit(points)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.transform(points), second.transform(points))
    np.testing.assert_array_equal(first.labels_, second.labels_)


@pytest.mark.parametrize("exact_limit", [3000, 60])
def test_a_sample_is_placed_alike_in_any_batch(exact_limit: int, random_state: int) -> None:
    clustering = SpectralClustering(
        4, exact_limit=exact_limit, n_landmarks=40, random_state=random_state
    ).fit(noise(150, random_state))
    new = 3 * noise(60, random_state + 10)
    whole = clustering.transform(new)
    for size in (1, 2, 7, 59):
        parts = [clustering.transform(new[i : i + size]) for i in range(0, 60, size)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize(("n_pieces", "n_clusters"), [(6, 6), (6, 3), (3, 6), (2, 1)])
def test_pieces_are_kept_whole_or_split(n_pieces: int, n_clusters: int, random_state: int) -> None:
    points, classes = blobs(40 * n_pieces, random_state, n_clusters=n_pieces, n_features=6)
    clustering = SpectralClustering(n_clusters, random_state=random_state).fit(100 * points)
    assert len(np.unique(clustering.labels_)) == n_clusters
    pairs = set(zip(classes.tolist(), clustering.labels_.tolist(), strict=True))
    # Every piece lies in one cluster, or every cluster in one piece.
    assert len(pairs) == max(n_pieces, n_clusters)


def test_pieces_that_are_near_are_merged_first(random_state: int) -> None:
    points = 0.1 * noise(160, random_state, n_features=2)
    places = np.repeat([0.0, 3.0, 20.0, 23.0], 40)
    labels = SpectralClustering(2, random_state=random_state).fit(points + places[:, None]).labels_
    assert adjusted_rand_index(places > 10, labels) == 1.0


def test_a_lonely_sample_is_no_cluster_of_its_own(random_state: int) -> None:
    points, classes = blobs(200, random_state)
    values = np.vstack([points, 500 * np.ones((1, 5))])
    labels = SpectralClustering(4, random_state=random_state).fit(values).labels_
    assert adjusted_rand_index(classes, labels[:-1]) > 0.98


def test_repeated_samples_share_a_label_and_weigh(random_state: int) -> None:
    points, classes = blobs(80, random_state)
    values = np.repeat(points, 30, axis=0)
    labels = SpectralClustering(4, random_state=random_state).fit(values).labels_
    assert adjusted_rand_index(np.repeat(classes, 30), labels) == 1.0


def test_one_cluster() -> None:
    clustering = SpectralClustering(1).fit(noise(20, 0))
    np.testing.assert_array_equal(clustering.labels_, 0)
    np.testing.assert_array_equal(clustering.predict_proba(noise(5, 1)), 1.0)


def test_a_single_sample_is_one_cluster() -> None:
    assert SpectralClustering(1).fit([[1.0, 2.0]]).predict([[5.0, 5.0]]) == [0]


def test_float32_is_taken_for_what_it_says(random_state: int) -> None:
    points = moons(200, random_state).values.astype(np.float32)
    single, double = (
        SpectralClustering(2, random_state=random_state).fit(values)
        for values in (points, points.astype(np.float64))
    )
    np.testing.assert_array_equal(single.labels_, double.labels_)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_units_do_not_matter(scale: float, random_state: int) -> None:
    points, classes = rings(200, random_state)
    labels = SpectralClustering(2, random_state=random_state).fit_predict(scale * points)
    assert adjusted_rand_index(classes, labels) > 0.98


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"n_clusters": 0}, "n_clusters must be a whole number of at least 1, got 0"),
        ({"n_clusters": 2.0}, "n_clusters must be a whole number of at least 1, got 2.0"),
        ({"n_neighbors": 0}, "n_neighbors"),
        ({"n_components": -1}, "n_components"),
        ({"exact_limit": 0}, "exact_limit"),
        ({"n_landmarks": "many"}, "n_landmarks"),
        ({"n_init": True}, "n_init"),
        ({"n_clusters": 21}, "n_clusters=21 for n_samples=20, 20 of them distinct"),
    ],
)
def test_bad_parameters_are_named(options: dict[str, object], match: str) -> None:
    with pytest.raises(InputError, match=match):
        SpectralClustering(**options).fit(noise(20, 0))


def test_constant_data_has_one_cluster_at_most() -> None:
    with pytest.raises(InputError, match="n_clusters=2 for n_samples=9, 1 of them distinct"):
        SpectralClustering(2).fit(np.ones((9, 4)))


def test_what_is_not_finite_is_refused() -> None:
    with pytest.raises(InputError, match="NaN"):
        SpectralClustering(2).fit([[0.0], [np.nan], [1.0]])
