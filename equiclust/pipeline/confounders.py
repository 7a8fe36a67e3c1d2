"""Whether the clusters of a run follow something that is not shape, and how firm they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from equiclust.cli.session import Session
from equiclust.evaluation.confounders import (
    audit,
    is_suspect,
    measure_confounders,
    perturbation_stability,
)
from equiclust.images import ImageSet
from equiclust.pipeline.model import Model

__all__ = ["Audit", "audited"]

_MOST_MEASURED = 2000
_MOST_PERTURBED = 100


@dataclass(frozen=True)
class Audit:
    """For `metrics.json`, and in words.

    Parameters
    ----------
    record : dict
        `confounders` and `perturbation`.
    findings : list of str
        What the user should hear of at once.
    """

    record: dict[str, Any]
    findings: list[str]


def audited(
    session: Session,
    model: Model,
    originals: ImageSet,
    images: ImageSet,
    labels: npt.NDArray[np.int64],
    *,
    seed: int,
) -> Audit:
    """Compare labels with nuisances, and with those of perturbed images; samples of large sets."""
    some = _sample(len(images), _MOST_MEASURED, seed)
    with session.stage("nuisances"):
        measures = measure_confounders(originals.take(some), images.take(some))
        confounders = audit(labels[some], measures, random_state=seed)
    few = _sample(len(images), _MOST_PERTURBED, seed)
    with session.stage("perturbing"):
        perturbation = perturbation_stability(
            model.label_unprocessed, originals.take(few), labels[few], random_state=seed
        )
    suspect = [row["sentence"] for row in confounders if is_suspect(row)]
    return Audit({"nuisances": confounders, "perturbation": perturbation}, suspect)


def _sample(n: int, most: int, seed: int) -> npt.NDArray[np.int64]:
    return np.sort(np.random.default_rng(seed).permutation(n)[:most])
