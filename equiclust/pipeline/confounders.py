"""Whether the clusters of a run follow a confounder, and how firm they are under perturbation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from equiclust.evaluation.confounders import (
    audit,
    is_suspect,
    measure_confounders,
    perturbation_stability,
)
from equiclust.images import ImageSet
from equiclust.pipeline.inputs import sample_indices
from equiclust.pipeline.model import Model
from equiclust.progress import Progress, start_stage
from equiclust.typing import IntArray

__all__ = ["ConfounderAudit", "audit_confounders"]

_MAX_MEASURED = 2000
_MAX_PERTURBED = 100


@dataclass(frozen=True)
class ConfounderAudit:
    """Result of the audit.

    Parameters
    ----------
    record : dict
        For `metrics.json`: `nuisances`, one entry per confounder, and `perturbation`, which is
        left out where the model does not look at the pixels.
    findings : list of str
        A sentence for every confounder that the labels follow.
    """

    record: dict[str, Any]
    findings: list[str]


def audit_confounders(
    model: Model,
    originals: ImageSet,
    images: ImageSet,
    labels: IntArray,
    *,
    random_state: int,
    on_progress: Progress | None = None,
) -> ConfounderAudit:
    """Compare labels with confounders, and with the labels of perturbed images.

    Parameters
    ----------
    model : Model
    originals, images : ImageSet
        As read, and preprocessed by the model's preprocessor. Of more than 2,000 a random sample is
        measured; 100 are perturbed.
    labels : ndarray (n,), int
        -1 = don't know.
    random_state : int
        Draws the samples and the permutations.
    on_progress : callable, optional
        See `equiclust.progress.Progress`.

    Returns
    -------
    ConfounderAudit
    """
    measured = sample_indices(len(images), _MAX_MEASURED, random_state)
    start_stage(on_progress, "confounders")
    properties = measure_confounders(originals.take(measured), images.take(measured))
    rows = audit(labels[measured], properties, random_state=random_state)
    record: dict[str, Any] = {"nuisances": rows}
    if model.sees_pixels:
        perturbed = sample_indices(len(images), _MAX_PERTURBED, random_state)
        start_stage(on_progress, "perturbation")
        record["perturbation"] = perturbation_stability(
            model.label_originals,
            originals.take(perturbed),
            labels[perturbed],
            random_state=random_state,
        )
    findings = [row["sentence"] for row in rows if is_suspect(row)]
    return ConfounderAudit(record, findings)
