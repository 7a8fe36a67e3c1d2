"""Reconstruction errors of an ensemble and its members on images that they were not trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ensembles.kfold import KFoldEnsemble
from equiclust.encoders.whitened import WhitenedEncoder
from equiclust.evaluation.metrics import reconstruction_scores
from equiclust.images import ImageSet
from equiclust.progress import Update
from equiclust.typing import BoolArray, Float32Array

__all__ = ["ReconstructionEvaluation", "evaluate_reconstruction"]

Scores = dict[str, float]


@dataclass(frozen=True, eq=False)
class ReconstructionEvaluation:
    """Reconstructions of `n` images, and their scores.

    Parameters
    ----------
    pixels : ndarray (n, c, h, w), float32
        Mean reconstruction by all members that are autoencoders, in 0 to 1; of no image where none
        is one.
    scores : dict of str to float
        Scores of `pixels`; see `reconstruction_scores`. Empty where there are none.
    members : list of dict
        Scores of each member for the images that it was not trained on; empty where there are none.
    held_out : dict of str to float
        Scores of the mean reconstruction of each image by the members that were not trained on it;
        empty when there is no such member.
    """

    pixels: Float32Array
    scores: Scores
    members: list[Scores]
    held_out: Scores

    @property
    def member_mean(self) -> Scores:
        """Mean of the members' scores; empty when there are none."""
        found = [scores for scores in self.members if scores]
        return {k: float(np.mean([scores[k] for scores in found])) for k in (found or [{}])[0]}


def evaluate_reconstruction(
    ensemble: KFoldEnsemble,
    images: ImageSet,
    held_out: BoolArray,
    on_progress: Update | None = None,
) -> ReconstructionEvaluation:
    """Reconstruct images by every member, and score the reconstructions.

    Parameters
    ----------
    ensemble : KFoldEnsemble
        Fitted.
    images : ImageSet
        Preprocessed, of the size of the members.
    held_out : ndarray (n_folds, n), bool
        Images that a member was not trained on.
    on_progress : callable, optional
        Gets the number of members done, their total and an empty remark.

    Returns
    -------
    ReconstructionEvaluation
        Of `n` images.
    """
    originals = images.pixels
    total, held_out_total = np.zeros_like(originals), np.zeros_like(originals)
    members: list[Scores] = []
    able = [not isinstance(member, WhitenedEncoder) for member in ensemble.members_]
    for k, (member, hidden) in enumerate(zip(ensemble.members_, held_out, strict=True)):
        if isinstance(member, WhitenedEncoder):
            members.append({})
            continue
        pixels = member.reconstruct(images)
        total += pixels
        held_out_total[hidden] += pixels[hidden]
        members.append(_scores(images, pixels, hidden))
        if on_progress is not None:
            on_progress(k + 1, len(held_out), "")
    if not any(able):
        return ReconstructionEvaluation(originals[:0], {}, members, {})
    n_held_out = held_out[able].sum(axis=0)
    mean = (total / np.float32(sum(able))).clip(0.0, 1.0)
    unseen = held_out_total / np.maximum(n_held_out, 1).astype(np.float32)[:, None, None, None]
    everything = np.ones(len(images), dtype=bool)
    return ReconstructionEvaluation(
        mean,
        _scores(images, mean, everything),
        members,
        _scores(images, unseen.clip(0.0, 1.0), n_held_out > 0),
    )


def _scores(images: ImageSet, pixels: Float32Array, chosen: BoolArray) -> Scores:
    if not chosen.any():
        return {}
    return reconstruction_scores(images.pixels[chosen], pixels[chosen], images.mask[chosen])
