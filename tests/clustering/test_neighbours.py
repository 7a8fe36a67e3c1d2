"""Neighbours by matrix products are those of the tree, to the last bit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.spatial import KDTree

import equiclust.clustering.neighbours as neighbours
from equiclust.clustering.latent_checks import distinct_rows, lexicographic_order
from equiclust.clustering.neighbours import nearest
from equiclust.evaluation.neighbour_products import References, rank_neighbours
from tests.clustering.shapes import noise

Array = npt.NDArray[np.float64]


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_LEAST_WORK", 0)


def _assert_as_tree(references: Array, points: Array, k: int) -> None:
    tree = KDTree(references)
    distances, indices = tree.query(points, k=range(1, k + 1))
    found = nearest(tree, points, k)
    np.testing.assert_array_equal(found.distances, distances)
    np.testing.assert_array_equal(found.indices, indices)


@pytest.mark.parametrize("n_features", [9, 16, 65])
@pytest.mark.parametrize("k", [1, 10])
def test_they_are_those_of_the_tree(n_features: int, k: int, random_state: int) -> None:
    references = noise(333, random_state, n_features=n_features) + 3.0
    points = noise(2000, random_state + 50, n_features=n_features) + 3.0
    _assert_as_tree(references, points, k)


def test_what_rounding_could_change_is_left_to_the_tree(random_state: int) -> None:
    references = noise(320, random_state, n_features=12)
    # Far from the origin, single precision tells few of these apart.
    close = 1e5 + references
    points = noise(500, random_state + 50, n_features=12)
    _assert_as_tree(close, 1e5 + points, 10)
    # Equal ones, ones in the middle of two, some far away, and one beyond single precision.
    repeated = np.concatenate([references, references[:40]])
    points = np.concatenate(
        [
            references[:60],
            (references[:20] + references[20:40]) / 2,
            1e6 * points[:9],
            1e200 * points[9:12],
        ]
    )
    _assert_as_tree(repeated, points, 10)


def test_the_tree_is_not_needed_where_rounding_is_small(
    monkeypatch: pytest.MonkeyPatch, random_state: int
) -> None:
    asked = []
    by_tree = neighbours._by_tree
    monkeypatch.setattr(
        neighbours, "_by_tree", lambda *given: asked.append(len(given[1])) or by_tree(*given)
    )
    points = noise(3000, random_state, n_features=32)
    nearest(KDTree(points[:1000]), points[1000:], 10)
    assert sum(asked) < 20


def _shell(n: int, seed: int) -> Array:
    """Samples almost equally far from the origin, which single precision does not tell apart."""
    directions = noise(n, seed, n_features=20)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return np.asarray(directions * (1.0 + 1e-8 * noise(n, seed + 1, n_features=1)))


def test_a_shell_around_a_sample_is_left_to_the_tree(random_state: int) -> None:
    _assert_as_tree(_shell(500, random_state), 1e-9 * noise(60, random_state, n_features=20), 10)


def test_no_other_reference_is_nearer_than_it_is_said(random_state: int) -> None:
    references = _shell(500, random_state)
    points = np.concatenate([1e-9 * references[:20], noise(100, random_state, n_features=20)])
    ranked = rank_neighbours(References.of(references), points, 5)
    for own, indices, least in zip(points, ranked.indices, ranked.least_other, strict=True):
        others = np.delete(references, indices, axis=0)
        assert np.square(others - own).sum(axis=1).min() >= least


@pytest.mark.parametrize("shape", [(50, 3), (60, 1), (1, 4), (0, 2)])
def test_rows_are_ordered_by_all_columns(shape: tuple[int, int], random_state: int) -> None:
    points = np.random.default_rng(random_state).integers(-1, 2, shape).astype(np.float64)
    rows, _, counts = distinct_rows(points)
    np.testing.assert_array_equal(
        points[lexicographic_order(points)], np.repeat(rows, counts, axis=0)
    )
