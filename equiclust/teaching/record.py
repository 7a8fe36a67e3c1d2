"""What `metrics.json` and the report say of a classifier that was taught with labels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from equiclust.teaching.accuracy import AccuracyEstimate, estimate_accuracy
from equiclust.teaching.classifier import FewLabelClassifier
from equiclust.teaching.kinds import NONE_OF_THESE, Kinds
from equiclust.teaching.labels import Labels
from equiclust.typing import Float64Array, IntArray

__all__ = ["teaching_record"]

# Edges of the bins in which probabilities are compared with the share of right kinds.
_EDGES = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0)
# Probability, without the label itself, below which it is worth another look.
_DOUBTFUL = 0.1


def teaching_record(
    classifier: FewLabelClassifier, kinds: Kinds, given: Labels, ids: Sequence[str]
) -> dict[str, Any]:
    """Accuracy, reliability, confusion and doubtful labels of a classifier.

    Parameters
    ----------
    classifier : FewLabelClassifier
        Fitted to the images `ids`.
    kinds : Kinds
        Of the same images.
    given : Labels
        It was taught with.
    ids : sequence of str

    Returns
    -------
    dict
        What `equiclust.io.atomic.write_json` can write.
    """
    cross, labels = classifier.cross_probabilities_, classifier.labels_
    guessed = cross.argmax(axis=1)
    accuracy = _accuracy(kinds)
    own = cross[np.arange(len(labels)), labels]
    doubtful = [
        {
            "id": ids[classifier.labelled_[k]],
            "kind": kinds.names[labels[k]],
            "rather": kinds.names[guessed[k]],
            "probability": float(own[k]),
        }
        for k in np.argsort(own, kind="stable")
        if own[k] < _DOUBTFUL
    ]
    record = {
        "kinds": list(kinds.names),
        "n_labels": len(labels),
        "labels_per_kind": np.bincount(labels, minlength=len(kinds.names)).tolist(),
        "images_per_kind": [int(np.sum(kinds.labels == k)) for k in range(len(kinds.names))],
        "n_none_of_these": int(np.sum(kinds.labels < 0)),
        "novelty_rate": classifier.novelty_rate if classifier.threshold_ is not None else None,
        "accuracy": None if accuracy is None else accuracy.to_dict(),
        "cross_fitted": {
            "right": int(np.sum(guessed == labels)),
            "confusion": _confusion(labels, guessed, len(kinds.names)),
            "reliability": _reliability(cross, labels),
        },
        "space": classifier.space_,
        "space_losses": classifier.space_losses_,
        "temperature": classifier.temperature_,
        "doubtful": doubtful,
        "contradictions": {name: list(own) for name, own in given.contradictions.items()},
        "unknown": list(given.unknown),
        "n_empty": given.n_empty,
    }
    return {**record, "sentences": _sentences(kinds, accuracy)}


def _accuracy(kinds: Kinds) -> AccuracyEstimate | None:
    """Of the images without a label that have a kind; None where there are none."""
    asked = (kinds.given < 0) & (kinds.labels >= 0)
    n_labels = int(np.sum(kinds.given >= 0))
    if not asked.any() or not n_labels:
        return None
    return estimate_accuracy(kinds.probability[asked], n_labels)


def _confusion(labels: IntArray, guessed: IntArray, n_kinds: int) -> list[list[int]]:
    """Labels by the kind that is foretold without them, rows by label."""
    table = np.zeros((n_kinds, n_kinds), dtype=np.int64)
    np.add.at(table, (labels, guessed), 1)
    return [[int(count) for count in row] for row in table]


def _reliability(cross: Float64Array, labels: IntArray) -> list[dict[str, float]]:
    """Probability of the foretold kinds and the share of them that is right, by bins."""
    sure, right = cross.max(axis=1), cross.argmax(axis=1) == labels
    rows = []
    for low, high in pairwise(_EDGES):
        within = (sure > low) & (sure <= high)
        if within.any():
            rows.append(
                {
                    "low": low,
                    "high": high,
                    "n": int(within.sum()),
                    "probability": float(sure[within].mean()),
                    "right": float(right[within].mean()),
                }
            )
    return rows


def _sentences(kinds: Kinds, accuracy: AccuracyEstimate | None) -> list[str]:
    found = []
    if accuracy is not None:
        found.append(
            f"{_percent(accuracy.value)} of the {accuracy.n_images:,} images without a label have "
            f"the right kind (95 % interval {_percent(accuracy.low)} to "
            f"{_percent(accuracy.high)}), as {accuracy.n_labels} labels tell"
        )
    n_none = int(np.sum(kinds.labels < 0))
    if n_none:
        found.append(f"{n_none:,} images are unlike all labelled ones: {NONE_OF_THESE}")
    return found


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
