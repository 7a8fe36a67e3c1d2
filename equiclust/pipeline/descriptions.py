"""Each cluster of a run in words, with its most typical and its most marginal members."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from ensembles import ConsensusResult
from equiclust.evaluation.cluster_descriptions import describe_clusters, order_by_typicality
from equiclust.evaluation.confounders import measure_confounders
from equiclust.evaluation.morphology import measure_morphology
from equiclust.images import ImageSet
from equiclust.typing import Float32Array, Float64Array, IntArray

__all__ = ["cluster_records"]

_MOST_MEASURED = 500
_MEMBERS = 3


def cluster_records(
    originals: ImageSet,
    images: ImageSet,
    result: ConsensusResult,
    latents: Float32Array,
    *,
    random_state: int,
) -> list[dict[str, Any]]:
    """What sets each cluster apart from the others, for `metrics.json`.

    Parameters
    ----------
    originals, images : ImageSet
        As read, for size, elongation, brightness and signal to noise, and preprocessed. Of more
        than 500 a random sample is measured, as many of each cluster.
    result : ConsensusResult
        Their labels and stability.
    latents : ndarray (n, d), float
        Their latents.
    random_state : int
        Draws the sample.

    Returns
    -------
    list of dict
        One for each cluster: `label`, `words`, `differences` (see
        `equiclust.evaluation.cluster_descriptions.Difference`), and the ids of its most `typical`
        and most `marginal` members. Empty where there are fewer than two clusters.
    """
    sample = _sample(result.labels, random_state)
    quantities: dict[str, Float64Array] = {}
    measured = images.take(sample)
    for table in (measure_morphology(measured), measure_confounders(originals.take(sample))):
        quantities |= {name: table[name].data for name in table.colnames if name != "id"}
    return [
        {**asdict(one), **_members(images, result, latents, one.label)}
        for one in describe_clusters(result.labels[sample], quantities)
    ]


def _sample(labels: IntArray, random_state: int) -> IntArray:
    """Indices of at most 500 images, as many of each cluster as far as they reach."""
    order = np.random.default_rng(random_state).permutation(len(labels))
    groups = [order[labels[order] == label] for label in np.unique(labels[labels >= 0])]
    most = max(_MOST_MEASURED // max(len(groups), 1), _MEMBERS)
    return np.sort(np.concatenate([order[:0], *(group[:most] for group in groups)]))


def _members(
    images: ImageSet, result: ConsensusResult, latents: Float32Array, label: int
) -> dict[str, list[str]]:
    members = np.flatnonzero(result.labels == label)
    ordered = order_by_typicality(result.stability, latents, members)
    ids = [images.ids[row] for row in ordered.tolist()]
    return {"typical": ids[:_MEMBERS], "marginal": ids[_MEMBERS:][::-1][:_MEMBERS]}
