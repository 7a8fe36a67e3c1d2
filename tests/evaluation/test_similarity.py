"""The nearest latents: exact for few, nearly so for many."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from equiclust.evaluation.similarity import EXACT_BELOW, LatentIndex
from equiclust.exceptions import InputError


def test_the_nearest_are_found_in_order(random_state: int) -> None:
    rng = np.random.default_rng(random_state)
    latents, asked = rng.standard_normal((300, 7)) + 20.0, rng.standard_normal((9, 7)) + 20.0
    distances, indices = LatentIndex(latents).query(asked, 5)
    far = cdist(asked, latents)
    np.testing.assert_array_equal(indices, np.argsort(far, axis=1)[:, :5])
    np.testing.assert_allclose(distances, np.sort(far, axis=1)[:, :5], rtol=1e-3)


def test_a_latent_is_its_own_nearest() -> None:
    latents = np.random.default_rng(0).standard_normal((50, 4))
    distances, indices = LatentIndex(latents).query(latents, 1)
    np.testing.assert_array_equal(indices[:, 0], np.arange(50))
    assert distances.max() < 1e-3


@pytest.mark.slow
def test_the_search_along_the_graph_finds_nearly_all() -> None:
    rng = np.random.default_rng(1)
    middles = 3.0 * rng.standard_normal((40, 8))
    latents = (middles[rng.integers(40, size=3000)] + rng.standard_normal((3000, 8))).astype("f4")
    exact, graph = LatentIndex(latents), LatentIndex(latents, exact_below=1000)
    assert exact.is_exact
    assert not graph.is_exact
    (_, true), (far, found) = (index.query(latents[:200], 10) for index in (exact, graph))
    shared = [len(set(a) & set(b)) for a, b in zip(true, found, strict=True)]
    assert np.mean(shared) > 9.5
    assert (np.diff(far, axis=1) >= 0).all()


def test_a_million_latents_are_all_compared() -> None:
    assert EXACT_BELOW > 1_000_000


@pytest.mark.parametrize("n", [500, 40_000])
def test_all_latents_of_many_blocks_are_compared(n: int, random_state: int) -> None:
    rng = np.random.default_rng(random_state)
    latents = (rng.standard_normal((n, 20)) + 5.0).astype("f4")
    # Equal latents, of which the first is found first, and one that is far away from all others.
    latents[n // 2] = latents[3]
    latents[7] *= 1e6
    asked = np.concatenate([latents[:20], latents[[n // 2, n - 1]], 1e9 * latents[:1]])
    distances, indices = LatentIndex(latents).query(asked, 12)
    far = cdist(asked.astype(float), latents.astype(float))
    np.testing.assert_array_equal(indices, np.argsort(far, axis=1, kind="stable")[:, :12])
    np.testing.assert_allclose(distances, np.sort(far, axis=1)[:, :12], rtol=1e-6)


def test_no_more_are_found_than_there_are() -> None:
    distances, indices = LatentIndex(np.eye(3)).query(np.eye(3)[:1], 10)
    assert distances.shape == indices.shape == (1, 3)


@pytest.mark.parametrize("latents", [np.zeros((0, 3)), np.zeros(3), np.full((2, 3), np.inf)])
def test_what_are_no_latents_is_refused(latents: np.ndarray) -> None:
    with pytest.raises(InputError, match="latents must"):
        LatentIndex(latents)


def test_what_does_not_fit_is_refused() -> None:
    index = LatentIndex(np.eye(3))
    with pytest.raises(InputError, match="3 numbers each, got 2"):
        index.query(np.zeros((1, 2)))
    with pytest.raises(InputError, match="n must be a whole number of at least 1, got 0"):
        index.query(np.eye(3), 0)
