"""A consensus of many objects: learned from a draw, and the same in blocks as at once."""

from __future__ import annotations

import numpy as np
import pytest

import ensembles.object_blocks as module
from ensembles import ConsensusClustering
from ensembles.object_blocks import draw_objects
from equiclust.evaluation.metrics import adjusted_rand_index
from tests.ensembles.test_consensus_clustering import (
    N_CLUSTERS,
    assert_same_result,
    members_view,
)

METHODS = ["kmeans", "spectral", pytest.param("manifold", marks=pytest.mark.slow)]


def _fitted(latents: np.ndarray, method: str = "kmeans") -> ConsensusClustering:
    consensus = ConsensusClustering(N_CLUSTERS, method=method, random_state=0)
    return consensus.fit(latents, held_out=np.arange(latents.shape[1]) % 3 == np.zeros((6, 1)))


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above 700 objects they are drawn, and labelled in blocks of 111."""
    monkeypatch.setattr(module, "MAX_LEARNED", 700)
    monkeypatch.setattr(module, "_BLOCK", 111)
    monkeypatch.setattr("ensembles.consensus_clustering.MAX_BY_MEMBER", 300)


@pytest.mark.usefixtures("few_are_many")
@pytest.mark.parametrize("method", METHODS)
def test_a_draw_has_the_consensus_of_all(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    latents, classes = members_view(4.0, n=1000)
    drawn = _fitted(latents, method)
    monkeypatch.setattr(module, "MAX_LEARNED", 1000)
    whole = _fitted(latents, method)
    assert adjusted_rand_index(classes, drawn.best_labels_) == 1.0
    assert adjusted_rand_index(whole.best_labels_, drawn.best_labels_) == 1.0
    assert drawn.member_labels_.shape == whole.member_labels_.shape
    assert abs(drawn.stability_.mean() - whole.stability_.mean()) < 0.02


@pytest.mark.usefixtures("few_are_many")
def test_the_laws_of_few_hold_for_many() -> None:
    latents, _ = members_view(1.3, n=1000)
    consensus = _fitted(latents)
    sizes = np.bincount(consensus.best_labels_, minlength=N_CLUSTERS)
    assert (np.diff(sizes) <= 0).all()
    assert_same_result(consensus.result_, consensus.predict_consensus(latents))
    np.testing.assert_array_equal(_fitted(latents).labels_, consensus.labels_)


@pytest.mark.usefixtures("few_are_many")
def test_blocks_give_what_one_block_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    latents, _ = members_view(1.3, n=1000)
    consensus = _fitted(latents)
    blocks, shares = consensus.predict_consensus(latents), consensus.memberships(latents)
    monkeypatch.setattr(module, "MAX_LEARNED", 1000)
    whole = consensus.predict_consensus(latents)
    for name in ("labels", "member_labels", "agreement", "outlier_scores"):
        np.testing.assert_array_equal(getattr(blocks, name), getattr(whole, name))
    np.testing.assert_array_equal(shares, consensus.memberships(latents))
    # One product of a matrix and a vector follows, whose rounding depends on the block.
    np.testing.assert_allclose(blocks.stability, whole.stability, atol=1e-12)


def test_single_precision_is_double_precision_of_the_same_numbers() -> None:
    latents = members_view(1.3)[0].astype(np.float32)
    one, other = _fitted(latents), _fitted(latents.astype(np.float64))
    np.testing.assert_array_equal(one.labels_, other.labels_)
    np.testing.assert_array_equal(one.stability_, other.stability_)


def test_up_to_the_limit_every_object_is_learned_from() -> None:
    assert draw_objects(20_000, 0).tolist() == list(range(20_000))
    drawn = draw_objects(20_001, 0)
    assert len(drawn) == 20_000
    assert (np.diff(drawn) > 0).all()
