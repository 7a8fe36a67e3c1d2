"""Whether the clusters of a run follow a confounder, and how firm they are under perturbation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from equiclust.evaluation.confounders import is_suspect, perturbation_stability
from equiclust.images import ImageSet
from equiclust.pipeline.inputs import sample_indices
from equiclust.pipeline.model import Model
from equiclust.pipeline.removal import audit_labels
from equiclust.progress import Progress, start_stage
from equiclust.typing import IntArray

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["ConfounderAudit", "audit_confounders"]

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
    measures: Table,
    labels: IntArray,
    *,
    random_state: int,
    on_progress: Progress | None = None,
) -> ConfounderAudit:
    """Compare labels with confounders, and with the labels of perturbed images.

    Parameters
    ----------
    model : Model
    originals : ImageSet
        As read; 100 are perturbed.
    measures : astropy.table.Table
        From `measure_confounders`, of the same images; of more than 2,000 a random sample is taken.
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
    rows = audit_labels(labels, measures, random_state=random_state)
    record: dict[str, Any] = {"nuisances": rows}
    if model.sees_pixels:
        perturbed = sample_indices(len(originals), _MAX_PERTURBED, random_state)
        start_stage(on_progress, "perturbation")
        record["perturbation"] = perturbation_stability(
            model.label_originals,
            originals.take(perturbed),
            labels[perturbed],
            random_state=random_state,
        )
    findings = [row["sentence"] for row in rows if is_suspect(row)]
    return ConfounderAudit(record, findings)
