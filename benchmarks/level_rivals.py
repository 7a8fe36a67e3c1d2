"""Clusters and levels by methods that need no number of clusters: HDBSCAN, EVoC and PLSCAN."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.cluster import HDBSCAN

from equiclust.evaluation.metrics import clustering_accuracy

__all__ = ["Levels", "level_score", "rival_levels"]

Labels = npt.NDArray[np.int64]

# As for the dense regions of `choose_n_clusters`: one in 25 of the samples.
_SMALLEST_SHARE = 0.04


class Levels(NamedTuple):
    """What a method answers: its labels, -1 = noise, and all of its levels."""

    labels: Labels
    levels: Sequence[Labels]

    @property
    def n_clusters(self) -> int:
        """Number of clusters of the answer; where all is noise, one."""
        return max(int(self.labels.max()) + 1, 1)


def rival_levels(latents: npt.NDArray[Any], *, seed: int) -> dict[str, Levels]:
    """Answers of the rivals that are installed, by their defaults but the same smallest cluster.

    Parameters
    ----------
    latents : ndarray (n, d)
    seed : int

    Returns
    -------
    dict of str to Levels
    """
    smallest = max(int(_SMALLEST_SHARE * len(latents)), 5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        labels = HDBSCAN(smallest, copy=True).fit(latents).labels_
        found = {"HDBSCAN": Levels(labels, [labels])}
        for name, fit in (("EVoC", _evoc), ("PLSCAN", _plscan)):
            try:
                found[name] = fit(np.ascontiguousarray(latents, dtype=np.float32), smallest, seed)
            except ImportError:
                continue
    return found


def level_score(truth: Labels, levels: Sequence[Labels]) -> float:
    """Accuracy of the best level with the true number of clusters; noise is wrong.

    Parameters
    ----------
    truth : ndarray (n,), int
    levels : sequence of ndarray (n,), int

    Returns
    -------
    float
        0 where no level has this number.
    """
    number = truth.max() + 1
    scores = [
        float(clustering_accuracy(truth[own >= 0], own[own >= 0]) * np.mean(own >= 0))
        for own in levels
        if own.max() + 1 == number
    ]
    return max(scores, default=0.0)


def _evoc(latents: npt.NDArray[np.float32], smallest: int, seed: int) -> Levels:
    from evoc import EVoC

    fitted = EVoC(base_min_cluster_size=smallest, random_state=seed).fit(latents)
    return Levels(np.asarray(fitted.labels_), [np.asarray(one) for one in fitted.cluster_layers_])


def _plscan(latents: npt.NDArray[np.float32], smallest: int, _seed: int) -> Levels:
    from fast_plscan import PLSCAN

    fitted = PLSCAN(min_cluster_size=smallest).fit(latents)
    layers = [np.asarray(one[1]) for one in fitted.cluster_layers()]
    return Levels(np.asarray(fitted.labels_), layers)
