"""The graph is what its equations say, and its eigenvectors are those of its Laplacian."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse
from scipy.linalg import eigh
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

from equiclust.clustering import graph
from equiclust.clustering.graph import bridges, landmark_eigenvectors, landmark_weights
from tests.clustering.shapes import noise

Array = npt.NDArray[np.float64]


def _dense_weights(points: Array, landmarks: Array, k: int) -> Array:
    weights = np.zeros((len(points), len(landmarks)))
    for i, distances in enumerate(cdist(points, landmarks)):
        near = np.argsort(distances)[:k]
        scale = distances[near].max() or 1.0
        weights[i, near] = np.exp(-((distances[near] / scale) ** 2))
    return weights / weights.sum(axis=1, keepdims=True)


def _normalised_laplacian(weights: Array) -> Array:
    affinity = weights @ np.diag(1 / weights.sum(axis=0)) @ weights.T
    root = np.sqrt(affinity.sum(axis=1))
    return np.asarray(np.eye(len(affinity)) - affinity / np.outer(root, root))


@pytest.mark.parametrize("k", [1, 4, 30])
def test_weights_agree_with_brute_force(k: int, random_state: int) -> None:
    points, landmarks = noise(50, random_state), noise(30, random_state + 10)
    weights = landmark_weights(points, KDTree(landmarks), k).toarray()
    np.testing.assert_allclose(weights, _dense_weights(points, landmarks, k), atol=1e-12)


@pytest.mark.parametrize("landmarks_are_the_points", [True, False])
def test_eigenvectors_are_those_of_the_normalised_laplacian(
    landmarks_are_the_points: bool, random_state: int
) -> None:
    points = noise(60, random_state)
    landmarks = points if landmarks_are_the_points else noise(25, random_state + 10)
    counts = np.random.default_rng(random_state).integers(1, 4, 60)
    weights = landmark_weights(points, KDTree(landmarks), 6)
    weights = weights[:, np.unique(weights.indices)]
    eigenvalues, coefficients = landmark_eigenvectors(weights, counts, 5)
    # A sample that occurs m times is m samples for the reference.
    repeated = np.repeat(weights.toarray(), counts, axis=0)
    expected, vectors = eigh(_normalised_laplacian(repeated), subset_by_index=[0, 4])
    np.testing.assert_allclose(1 - eigenvalues, expected, atol=1e-10)
    found = np.repeat(weights @ coefficients, counts, axis=0)
    np.testing.assert_allclose(np.abs(vectors.T @ found), np.eye(5), atol=1e-8)


def test_new_points_are_placed_by_the_nystrom_formula(random_state: int) -> None:
    points, new = noise(60, random_state), noise(7, random_state + 10)
    tree = KDTree(points)
    weights = landmark_weights(points, tree, 8)
    eigenvalues, coefficients = landmark_eigenvectors(weights, np.ones(60, dtype=int), 4)
    old = weights @ coefficients
    mass = weights.sum(axis=0)
    between = (landmark_weights(new, tree, 8).toarray() / mass) @ weights.toarray().T
    np.testing.assert_allclose(between.sum(axis=1), 1.0)
    expected = between @ old / eigenvalues
    np.testing.assert_allclose(landmark_weights(new, tree, 8) @ coefficients, expected, atol=1e-10)


def test_signs_are_fixed(random_state: int) -> None:
    weights = landmark_weights(noise(40, random_state), KDTree(noise(40, random_state)), 5)
    _, coefficients = landmark_eigenvectors(weights, np.ones(40, dtype=int), 6)
    largest = np.abs(coefficients).argmax(axis=0)
    assert (coefficients[largest, range(6)] > 0).all()


@settings(max_examples=40, deadline=None)
@given(arrays(np.float64, (12, 2), elements=st.integers(-50, 50).map(float), unique=True))
def test_bridges_make_one_piece(points: Array) -> None:
    tree = KDTree(np.unique(points, axis=0))
    weights = landmark_weights(np.asarray(tree.data), tree, 2)
    mixing = bridges(weights, tree, 2)
    concatenate_latents = weights @ mixing
    np.testing.assert_allclose(concatenate_latents.sum(axis=1), 1.0)
    assert (concatenate_latents.data >= 0).all()
    assert connected_components(concatenate_latents @ concatenate_latents.T)[0] == 1


def test_bridges_span_the_shortest_gaps() -> None:
    places = np.array([0.0, 1.0, 10.0, 11.0, 15.0, 16.0])[:, None]
    tree = KDTree(places)
    weights = landmark_weights(places, tree, 2)
    added = bridges(weights, tree, 2).toarray()[:, len(places) :]
    ends = sorted(tuple(np.flatnonzero(column)) for column in added.T)
    assert ends == [(1, 2), (3, 4)]
    strength = {tuple(np.flatnonzero(column)): column.max() for column in added.T}
    assert strength[3, 4] > strength[1, 2]


def test_a_graph_in_one_piece_needs_no_bridge() -> None:
    points = noise(30, 0)
    mixing = bridges(landmark_weights(points, KDTree(points), 15), KDTree(points), 15)
    np.testing.assert_array_equal(mixing.toarray(), np.eye(30))


def _scaled_gram(points: Array) -> sparse.csr_array:
    weights = landmark_weights(points, KDTree(points), 8)
    return (weights.T @ weights).tocsr()


def test_lanczos_finds_the_leading_of_all_eigenvectors(random_state: int) -> None:
    gram = _scaled_gram(noise(700, random_state, n_features=3))
    found = graph._by_lanczos(gram, 6)
    assert found is not None
    eigenvalues, vectors = found
    expected, all_vectors = eigh(gram.toarray(), subset_by_index=[694, 699])
    np.testing.assert_allclose(eigenvalues, expected[::-1], atol=1e-12)
    np.testing.assert_allclose(np.abs(all_vectors[:, ::-1].T @ vectors), np.eye(6), atol=1e-8)


def test_lanczos_does_not_choose_among_equal_eigenvalues(random_state: int) -> None:
    one = _scaled_gram(noise(200, random_state, n_features=3))
    gram = sparse.block_diag([one, one, one]).tocsr()
    # The largest eigenvalue occurs three times.
    assert graph._by_lanczos(gram, 2) is None
    assert graph._by_lanczos(gram, 4) is None
    expected = eigh(gram.toarray(), subset_by_index=[598, 599])
    np.testing.assert_array_equal(graph._leading(gram, 2)[0], expected[0][::-1])
