"""Records of what sets clusters apart, with their typical and marginal members."""

from __future__ import annotations

import numpy as np

from ensembles import ConsensusResult
from equiclust.cli.messages import _in_words
from equiclust.images import ImageSet
from equiclust.pipeline.descriptions import _sample, cluster_records
from equiclust.simulation.discs import simulate_discs


def result_of(labels: np.ndarray, stability: np.ndarray) -> ConsensusResult:
    return ConsensusResult(labels, labels, stability, stability, labels[None], stability)


def make_records(images: ImageSet, labels: np.ndarray) -> list[dict[str, object]]:
    stability = np.linspace(0.5, 1.0, len(images))
    latents = np.zeros((len(images), 2), dtype=np.float32)
    result = result_of(labels, stability)
    return cluster_records(images, images, result, latents, random_state=0)


def test_clusters_have_words_and_members() -> None:
    images, truth = simulate_discs(
        40, size=32, classes=("smooth", "cavity"), max_inclination=20.0, random_state=114
    )
    labels = np.where(np.array(truth["kind"]) == "cavity", 1, 0)
    labels[-1] = -1
    smooth, cavity = make_records(images, labels)
    assert cavity["label"] == 1
    assert "a hole in the centre" in str(cavity["words"])
    # The stability rises from the first image to the last one.
    ids = [name for name, label in zip(images.ids, labels, strict=True) if label == 1]
    assert cavity["typical"] == ids[:-4:-1]
    assert cavity["marginal"] == ids[:3]
    assert _in_words({"cluster_descriptions": [smooth, cavity]})[1].startswith("Cluster 1: a hole")


def test_one_cluster_is_not_described_and_a_former_run_says_nothing() -> None:
    images, _ = simulate_discs(6, size=16, random_state=1)
    assert make_records(images, np.array([0, 0, 0, 0, -1, -1])) == []
    assert _in_words({}) == []


def test_small_clusters_are_measured_too() -> None:
    labels = np.array([-1] * 50 + [0] * 5000 + [1] * 20)
    sample = labels[_sample(labels, 3)]
    assert np.bincount(sample).tolist() == [250, 20]
