"""Many samples: learned from a draw of them, labelled in blocks, with the labels of the whole."""

from __future__ import annotations

import numpy as np
import pytest

import equiclust.clustering.blocks as module
from equiclust.clustering import LatentClusterer, SpectralClustering, make_clusterer
from equiclust.clustering.blocks import draw_rows, in_blocks
from equiclust.clustering.cluster_tree import ClusterTree
from equiclust.clustering.partitions import Partitions
from equiclust.evaluation.metrics import adjusted_rand_index
from tests.clustering.shapes import blobs, noise

METHODS = ["kmeans", "gmm", "spectral", "manifold"]


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above 300 samples they are drawn."""
    for name in ("blocks", "partitions", "spectral"):
        monkeypatch.setattr(f"equiclust.clustering.{name}.MAX_FITTED", 300)


def _fitted(method: str, points: np.ndarray, n_clusters: int = 4) -> LatentClusterer:
    return make_clusterer(method, n_clusters, random_state=0).fit(points)


@pytest.mark.parametrize("method", METHODS)
def test_a_draw_has_the_clusters_of_all(
    method: str, random_state: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    points, classes = blobs(900, random_state)
    whole = _fitted(method, points).labels_
    monkeypatch.setattr(module, "MAX_FITTED", 300)
    drawn = _fitted(method, points)
    np.testing.assert_array_equal(drawn.labels_, whole)
    assert adjusted_rand_index(classes, drawn.labels_) == 1.0
    assert len(drawn._references.data) == 300


@pytest.mark.usefixtures("few_are_many")
@pytest.mark.parametrize("method", METHODS)
def test_the_laws_of_few_hold_for_many(method: str, random_state: int) -> None:
    points = noise(700, random_state, n_features=3)
    one = _fitted(method, points)
    np.testing.assert_array_equal(one.predict(points), one.labels_)
    np.testing.assert_array_equal(_fitted(method, points).labels_, one.labels_)
    shuffled = np.random.default_rng(random_state).permutation(len(points))
    other = _fitted(method, points[shuffled])
    assert adjusted_rand_index(one.labels_[shuffled], other.labels_) == 1.0


@pytest.mark.usefixtures("few_are_many")
def test_what_is_rare_among_equal_samples_is_drawn() -> None:
    points = np.concatenate([np.zeros((900, 2)), 9.0 * np.eye(2)])
    clusterer = _fitted("kmeans", points, 3)
    assert clusterer.labels_[-3:].tolist() == [0, 1, 2]


@pytest.mark.usefixtures("few_are_many")
def test_landmarks_of_many_find_the_same(random_state: int) -> None:
    points, classes = blobs(900, random_state)
    options = {"exact_limit": 100, "n_landmarks": 60, "random_state": random_state}
    clustering = SpectralClustering(4, **options).fit(points)
    assert adjusted_rand_index(classes, clustering.labels_) == 1.0
    assert len(clustering.landmarks_) <= 60


@pytest.mark.usefixtures("few_are_many")
def test_levels_and_partitions_of_many_are_counted_in_all() -> None:
    points, classes = blobs(1000, 0)
    tree = ClusterTree(4, random_state=0).fit(points, classes)
    np.testing.assert_array_equal(tree.sizes_, np.bincount(classes))
    assert sum(sum(sizes) for sizes in tree.parts_) == len(points)
    partitions = Partitions(4, method="kmeans", random_state=0).fit(points, classes)
    for labels in partitions.predict_partitions(points):
        assert labels.shape == classes.shape


@pytest.mark.parametrize("size", [1, 7, 100])
def test_blocks_give_what_one_block_gives(size: int, random_state: int) -> None:
    points = noise(60, random_state)
    clusterer = _fitted("manifold", points, 3)
    expected = clusterer._memberships(points)
    np.testing.assert_array_equal(in_blocks(clusterer._memberships, points, size), expected)


@pytest.mark.parametrize("method", ["kmeans", "manifold", "spectral"])
def test_places_are_what_each_question_alone_answers(method: str, random_state: int) -> None:
    points, new = noise(120, random_state, n_features=5), noise(40, random_state + 9, n_features=5)
    clusterer = _fitted(method, points, 3)
    assert clusterer._same_references == (method == "manifold")
    placed = clusterer._place(new)
    np.testing.assert_array_equal(placed.memberships, clusterer.predict_proba(new))
    np.testing.assert_array_equal(placed.outlier_scores, clusterer.outlier_scores(new))


def test_up_to_the_limit_nothing_is_drawn(random_state: int) -> None:
    points = noise(50, random_state)
    generator = np.random.RandomState(random_state)
    drawn = draw_rows(points, generator, n_distinct=2)
    np.testing.assert_array_equal(drawn, np.unique(points, axis=0))
    assert generator.randint(100) == np.random.RandomState(random_state).randint(100)
