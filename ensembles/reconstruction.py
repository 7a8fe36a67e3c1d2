"""How well the members, and all of them together, rebuild images they were not trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ensembles.kfold import KFoldEnsemble
from equiclust.evaluation.metrics import reconstruction_scores
from equiclust.images import ImageSet

__all__ = ["ReconstructionEvaluation", "evaluate_reconstruction"]

Scores = dict[str, float]


@dataclass(frozen=True, eq=False)
class ReconstructionEvaluation:
    """Reconstructions of `n` images, and their scores.

    Attributes
    ----------
    pixels : ndarray (n, c, h, w), float32
        Mean over all members, in 0 to 1.
    scores : dict
        Of `pixels`; see `reconstruction_scores`.
    members : list of dict
        Each member's scores for the images that it was not trained on; empty where there are none.
    held_out : dict
        Scores for each image of the mean over the members that were not trained on it; empty when
        there is no such member.
    """

    pixels: npt.NDArray[np.float32]
    scores: Scores
    members: list[Scores]
    held_out: Scores

    @property
    def member_mean(self) -> Scores:
        """Mean over the members of their scores; empty when there are none."""
        found = [scores for scores in self.members if scores]
        return {k: float(np.mean([scores[k] for scores in found])) for k in (found or [{}])[0]}


def evaluate_reconstruction(
    ensemble: KFoldEnsemble,
    images: ImageSet,
    held_out: npt.NDArray[np.bool_],
    on_progress: Callable[[int, int, str], None] | None = None,
) -> ReconstructionEvaluation:
    """Let every member rebuild the images.

    Parameters
    ----------
    ensemble : KFoldEnsemble
        Fitted.
    images : ImageSet
        Processed.
    held_out : ndarray (n_folds, n), bool
        Which of these images a member was not trained on.
    on_progress : callable, optional
    """
    originals = images.pixels
    total, apart = np.zeros_like(originals), np.zeros_like(originals)
    members = []
    for k, (member, hidden) in enumerate(zip(ensemble.members_, held_out, strict=True)):
        made = member.reconstruct(images)
        total += made
        apart[hidden] += made[hidden]
        members.append(_scores(images, made, hidden))
        if on_progress is not None:
            on_progress(k + 1, len(held_out), "")
    clusterings = held_out.sum(axis=0)
    mean = (total / np.float32(len(held_out))).clip(0.0, 1.0)
    unseen = apart / np.maximum(clusterings, 1).astype(np.float32)[:, None, None, None]
    everything = np.ones(len(images), dtype=bool)
    return ReconstructionEvaluation(
        mean,
        _scores(images, mean, everything),
        members,
        _scores(images, unseen.clip(0.0, 1.0), clusterings > 0),
    )


def _scores(images: ImageSet, made: npt.NDArray[Any], chosen: npt.NDArray[np.bool_]) -> Scores:
    if not chosen.any():
        return {}
    return reconstruction_scores(images.pixels[chosen], made[chosen], images.mask[chosen])
