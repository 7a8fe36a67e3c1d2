"""DEC of members whose encoder is trained already: centres and a linear map of their latents."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from ensembles.member_estimators import MemberEstimator
from ensembles.members import Member
from equiclust.clustering.deep import DeepEmbeddedClustering
from equiclust.encoders.whitened import WhitenedEncoder
from equiclust.exceptions import EquiclustWarning
from equiclust.progress import Update
from equiclust.typing import BoolArray, Float32Array, Float64Array, IntArray

__all__ = ["refine_encoders"]

_STEPS = 300
# Ten times that of a network: a map of whitened latents is the identity at first.
_LEARNING_RATE = 1e-2


def refine_encoders(
    members: Sequence[MemberEstimator],
    latents: Float32Array,
    held_out: BoolArray,
    *,
    n_clusters: int,
    seeds: IntArray,
    on_progress: Update | None = None,
) -> dict[int, Member]:
    """Refine the members whose encoder is trained already by DEC of their latents.

    The encoder stays as it is, and so does its invariance. Trained are the centres and a square
    matrix, by which the principal axes are multiplied afterwards.

    Parameters
    ----------
    members : sequence of EquivariantAutoencoder or WhitenedEncoder
        Fitted; they are not changed. Those of the first kind are passed over.
    latents : ndarray (n_members, n, latent_dim), float32
        Of all images by every member.
    held_out : ndarray (n_members, n), bool
        Images that a member was not fitted to.
    n_clusters : int
    seeds : ndarray (n_members,), int
        Random state of every member's clustering.
    on_progress : callable, optional
        Gets the number of members done, their total and "encoders".

    Returns
    -------
    dict of int to Member
        By the number of the member.
    """
    chosen = [k for k, one in enumerate(members) if isinstance(one, WhitenedEncoder)]
    refined, notes = {}, []
    for done, k in enumerate(chosen, start=1):
        deep = _clustered(latents[k][~held_out[k]], n_clusters, int(seeds[k]))
        (weight,) = deep.network_.parameters()
        matrix = weight.detach().cpu().numpy().astype(np.float64)
        mapped = (latents[k].astype(np.float64) @ matrix.T).astype(np.float32)
        refined[k] = Member(_multiplied(members[k], matrix), mapped, 0.0)
        notes += deep.notes_
        if on_progress is not None:
            on_progress(done, len(chosen), "encoders")
    for note in dict.fromkeys(notes):
        warnings.warn(note, EquiclustWarning, stacklevel=5)
    return refined


def _clustered(latents: Float32Array, n_clusters: int, seed: int) -> DeepEmbeddedClustering:
    matrix = nn.Linear(latents.shape[1], latents.shape[1], bias=False)
    with torch.no_grad():
        nn.init.eye_(matrix.weight)
    deep = DeepEmbeddedClustering(
        n_clusters,
        network=matrix,
        method="dec",
        pretrain_epochs=0,
        max_iter=_STEPS,
        learning_rate=_LEARNING_RATE,
        device="cpu",
        random_state=seed,
    )
    with warnings.catch_warnings():
        # `refine_encoders` warns once for all members.
        warnings.simplefilter("ignore", EquiclustWarning)
        return deep.fit(latents)


def _multiplied(member: WhitenedEncoder, matrix: Float64Array) -> WhitenedEncoder:
    parameters = {**member.get_params(deep=False), "encoder": member.used_encoder}
    refined = WhitenedEncoder(**parameters)
    refined.mean_ = member.mean_
    refined.components_ = (matrix @ member.components_.astype(np.float64)).astype(np.float32)
    return refined
