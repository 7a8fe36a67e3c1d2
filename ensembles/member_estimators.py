"""Estimators that the members of an ensemble can be: trained here, or trained already."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.encoders.protocol import Encoder
from equiclust.encoders.records import encoder_record
from equiclust.encoders.whitened import WhitenedEncoder
from equiclust.exceptions import InputError
from equiclust.typing import PathLike
from equiclust.validation import shown

__all__ = [
    "MemberEstimator",
    "checked_estimators",
    "encoder_key",
    "read_member",
    "share_encoders",
]

MemberEstimator: TypeAlias = EquivariantAutoencoder | WhitenedEncoder


def checked_estimators(
    estimator: MemberEstimator | Sequence[MemberEstimator] | None,
) -> list[MemberEstimator]:
    """The estimators that members are copies of.

    Parameters
    ----------
    estimator : EquivariantAutoencoder, WhitenedEncoder, sequence of them, or None
        None stands for ``EquivariantAutoencoder()``.

    Returns
    -------
    list of EquivariantAutoencoder or WhitenedEncoder

    Raises
    ------
    InputError
        When it is something else, or the latents have different lengths.
    """
    if estimator is None:
        return [EquivariantAutoencoder()]
    if isinstance(estimator, MemberEstimator):
        return [estimator]
    several = isinstance(estimator, Sequence)
    estimators = list(estimator) if several else []
    if not estimators or not all(isinstance(one, MemberEstimator) for one in estimators):
        raise InputError(
            "estimator must be an EquivariantAutoencoder, a WhitenedEncoder or a sequence of them, "
            f"got {shown(estimator)}"
        )
    dimensions = sorted({one.latent_dim for one in estimators})
    if len(dimensions) > 1:
        raise InputError(f"the estimators must have one latent_dim, got {dimensions}")
    return estimators


def read_member(folder: PathLike, digests: Mapping[Path, str]) -> MemberEstimator:
    """Read a member of an ensemble, of whichever kind it is.

    Parameters
    ----------
    folder : path
    digests : mapping of Path to str
        Of the files, from the manifest.

    Returns
    -------
    EquivariantAutoencoder or WhitenedEncoder

    Raises
    ------
    InputError
        When the member is missing or damaged.
    """
    kinds = (WhitenedEncoder, EquivariantAutoencoder)
    kind = next((one for one in kinds if one._files(folder)[0].is_file()), kinds[-1])
    member: MemberEstimator = kind._read(folder, digests)
    return member


def encoder_key(encoder: Encoder) -> str:
    """Text that two encoders share if they give the same features.

    Parameters
    ----------
    encoder : Encoder

    Returns
    -------
    str
    """
    return json.dumps(encoder_record(encoder), sort_keys=True)


def share_encoders(members: Sequence[MemberEstimator]) -> None:
    """Give members with equal encoders the same one, which is loaded and applied once.

    Parameters
    ----------
    members : sequence of EquivariantAutoencoder or WhitenedEncoder
    """
    known: dict[str, Encoder] = {}
    for member in members:
        if isinstance(member, WhitenedEncoder):
            encoder = member.used_encoder
            member.encoder = known.setdefault(encoder_key(encoder), encoder)
