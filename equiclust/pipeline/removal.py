"""Confounders taken out of the latents of a run before these are clustered, and what that does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ensembles import KFoldEnsemble
from ensembles.recipes import Clusters
from ensembles.refinement import DEEP_METHODS
from equiclust.evaluation.confounders import audit, is_suspect
from equiclust.evaluation.confounders.removal import REMOVABLE
from equiclust.evaluation.metrics import adjusted_rand_index
from equiclust.pipeline.inputs import sample_indices
from equiclust.typing import IntArray

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["audit_labels", "choose_removed", "fit_clusters", "label_counts"]

_MAX_AUDITED = 2000


def fit_clusters(
    ensemble: KFoldEnsemble, measures: Table, clusters: Clusters, *, random_state: int
) -> dict[str, Any]:
    """Fit the consensus of an ensemble, after the removal of the confounders that were asked for.

    Parameters
    ----------
    ensemble : KFoldEnsemble
        With fitted members; `consensus_` and `choice_` are set.
    measures : astropy.table.Table
        From `measure_confounders`, of the images that the members were trained on.
    clusters : Clusters
        What to remove.
    random_state : int
        Draws the sample and the permutations of the audit.

    Returns
    -------
    dict
        For `metrics.json`: what was removed, and how the clusters differ from those without the
        removal; empty where nothing was removed.
    """
    ensemble.fit_consensus()
    if clusters.remove == "none" or ensemble.method in DEEP_METHODS:
        return {}
    removed = clusters.removed
    if clusters.remove == "auto":
        removed = choose_removed(ensemble, measures, random_state=random_state)
    if not removed:
        return {}
    labels, choice = ensemble.labels_, ensemble.choice_
    without = {
        "n_clusters": choice.n_clusters,
        "method": ensemble.consensus_.method_,
        "nuisances": audit_labels(labels, measures, random_state=random_state),
    }
    ensemble.remove_confounders(measures, removed).fit_consensus()
    return {
        "asked": clusters.remove,
        "removed": list(removed),
        "explained_variance_ratio": ensemble.removals_.explained_variance_ratio,
        "sentence": _sentence(removed, clusters.remove, ensemble),
        "without": without,
        "adjusted_rand_index": float(adjusted_rand_index(labels, ensemble.labels_)),
        **label_counts(labels, ensemble.labels_),
    }


def choose_removed(
    ensemble: KFoldEnsemble, measures: Table, *, random_state: int
) -> tuple[str, ...]:
    """Choose the confounders to remove, by evidence that needs no labels of the user's.

    Those that explain the clusters, as the audit finds, where nothing is removed.

    Parameters
    ----------
    ensemble : KFoldEnsemble
        Fitted, nothing removed.
    measures : astropy.table.Table
        From `measure_confounders`, of the images that it was fitted to.
    random_state : int
        Draws the sample and the permutations of the audit.

    Returns
    -------
    tuple of str
        Of `REMOVABLE`; empty where nothing should be removed.
    """
    found = audit_labels(ensemble.labels_, measures, random_state=random_state)
    return tuple(row["name"] for row in found if row["name"] in REMOVABLE and is_suspect(row))


def audit_labels(
    labels: npt.NDArray[np.int64], measures: Table, *, random_state: int
) -> list[dict[str, Any]]:
    """Audit the labels of at most 2,000 images, which are drawn at random.

    Parameters
    ----------
    labels : ndarray (n,), int
        -1 = don't know.
    measures : astropy.table.Table
        From `measure_confounders`, of the same images.
    random_state : int
        Draws the sample and the permutations.

    Returns
    -------
    list of dict
        As from `audit`.
    """
    chosen = sample_indices(len(labels), _MAX_AUDITED, random_state)
    return audit(labels[chosen], measures[chosen], random_state=random_state)


def label_counts(first: IntArray, second: IntArray) -> dict[str, Any]:
    """Counts of images by two labels.

    Parameters
    ----------
    first, second : ndarray (n,), int

    Returns
    -------
    dict
        `labels_without`, those of the rows; `labels`, those of the columns; and `counts`.
    """
    rows, row = np.unique(first, return_inverse=True)
    columns, column = np.unique(second, return_inverse=True)
    counts = np.zeros((len(rows), len(columns)), dtype=np.int64)
    np.add.at(counts, (row, column), 1)
    return {
        "labels_without": rows.tolist(),
        "labels": columns.tolist(),
        "counts": counts.tolist(),
    }


def _sentence(removed: Sequence[str], asked: str, ensemble: KFoldEnsemble) -> str:
    """What was removed, why, and how much of the latents that was."""
    *first, last = (name.replace("_", " ") for name in removed)
    names = f"{', '.join(first)} and {last}" if first else last
    share = ensemble.removals_.explained_variance_ratio
    if share == 0:
        return f"{names.capitalize()}: nothing of the latents beyond chance, so nothing was removed"
    why = ", which the clusters followed otherwise," if asked == "auto" else ""
    amount = f"{100 * share:.2g} % of the variance"
    return f"What {names}{why} explained was taken out of the latents: {amount}"
