"""An encoder in the place of networks that are trained on a map: what it is, and what it learns."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from ensembles.member_estimators import MemberEstimator
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.encoders.given_vectors import GivenVectors
from equiclust.encoders.latent_table import LatentTable
from equiclust.encoders.protocol import Encoder
from equiclust.encoders.records import encoder_record, is_in_memory, state_digest
from equiclust.encoders.whitened import WhitenedEncoder
from equiclust.exceptions import InputError
from equiclust.io.fit_record import array_digest
from equiclust.progress import Update
from equiclust.segmentation.pairs import Pairs, normalised
from equiclust.typing import Float32Array
from equiclust.validation import shown

__all__ = [
    "ENCODER_DIM",
    "as_images",
    "fit_to_pairs",
    "is_fitted",
    "is_kept",
    "tile_encoder",
    "tile_encoder_record",
]

ENCODER_DIM = 4
"""Numbers that describe a tile where an encoder is not trained; its further axes are noise."""

# Tiles that are encoded at a time while the axes are learned.
_CHUNK = 128


def tile_encoder(encoder: Encoder, *, random_state: int = 0) -> MemberEstimator:
    """An encoder as tiles need it: of few numbers, which vary alike.

    Parameters
    ----------
    encoder : Encoder
        A fitted `WhitenedEncoder` or `EquivariantAutoencoder` is used as it is. Any other one is
        followed by a `WhitenedEncoder` of `ENCODER_DIM` numbers, which is still to be fitted.
    random_state : int, default 0
        Of its axes.

    Returns
    -------
    WhitenedEncoder or EquivariantAutoencoder
        What was given is not changed when it is fitted.

    Raises
    ------
    InputError
        When it is no encoder, looks at no pixels, or cannot be described.
    """
    if isinstance(encoder, EquivariantAutoencoder):
        if not is_fitted(encoder):
            raise InputError("encoder must be fitted, got an EquivariantAutoencoder that is not")
        return encoder
    if isinstance(encoder, WhitenedEncoder):
        same = WhitenedEncoder(**encoder.get_params(deep=False))
        member = encoder if is_fitted(encoder) else same
    elif callable(getattr(encoder, "transform", None)):
        member = WhitenedEncoder(encoder, latent_dim=ENCODER_DIM, random_state=random_state)
    else:
        raise InputError(f"encoder must be a name, a file or an encoder, got {shown(encoder)}")
    if isinstance(member.used_encoder, LatentTable | GivenVectors):
        raise InputError(
            f"encoder must look at the pixels of tiles, got a table of vectors, "
            f"{str(member.used_encoder.path)!r}"
        )
    tile_encoder_record(member)
    return member


def is_fitted(encoder: MemberEstimator) -> bool:
    """Whether an encoder can be used as it is.

    Parameters
    ----------
    encoder : WhitenedEncoder or EquivariantAutoencoder

    Returns
    -------
    bool
    """
    try:
        check_is_fitted(encoder)
    except NotFittedError:
        return False
    return True


def is_kept(encoder: MemberEstimator) -> bool:
    """Whether an encoder can be read again once it was saved, which a module in memory cannot.

    Parameters
    ----------
    encoder : WhitenedEncoder or EquivariantAutoencoder

    Returns
    -------
    bool
    """
    return not isinstance(encoder, WhitenedEncoder) or not is_in_memory(encoder.used_encoder)


def tile_encoder_record(encoder: MemberEstimator) -> dict[str, Any]:
    """What the latents of tiles follow from, as plain values.

    Parameters
    ----------
    encoder : WhitenedEncoder or EquivariantAutoencoder

    Returns
    -------
    dict
        See `equiclust.encoders.encoder_record`; with ``latent_dim``, the ``group`` under which
        latents are exactly invariant, and, where they are learned, the digest of the ``axes``.

    Raises
    ------
    InputError
        When the encoder cannot be described.
    """
    record = {"latent_dim": int(encoder.latent_dim), "group": encoder.group}
    if isinstance(encoder, EquivariantAutoencoder):
        digest = state_digest(encoder.network_.state_dict())
        return {"kind": type(encoder).__name__, "digest": digest, **record}
    record |= encoder_record(encoder.used_encoder)
    if is_fitted(encoder):
        record["axes"] = array_digest(encoder.mean_, encoder.components_)
    return record


def fit_to_pairs(
    encoder: MemberEstimator, pairs: Pairs, *, on_progress: Update | None = None
) -> None:
    """Learn the axes of an encoder's features along which neighbouring tiles are alike.

    Parameters
    ----------
    encoder : WhitenedEncoder or EquivariantAutoencoder
        Changed unless it is fitted already.
    pairs : Pairs
        Stretched patches and their neighbours.
    on_progress : callable, optional
        Gets the number of tiles encoded, their total and "tiles".

    Raises
    ------
    InputError
        When the encoder does not take the tiles, or tells none of them apart.
    """
    if is_fitted(encoder) or not isinstance(encoder, WhitenedEncoder):
        return
    patches, features = np.concatenate(pairs), []
    for start in range(0, len(patches), _CHUNK):
        chunk = patches[start : start + _CHUNK]
        features.append(encoder.used_encoder.transform(as_images(encoder, chunk)))
        if on_progress is not None:
            on_progress(start + len(chunk), len(patches), "tiles")
    first, second = np.split(np.concatenate(features), 2)
    encoder.fit_feature_pairs(first, second)


def as_images(encoder: MemberEstimator, patches: Float32Array) -> Float32Array:
    """Tiles as an encoder sees them that was not trained on them: in 0 to 1, like photographs.

    Their mean, which masked pixels get too, is 0.5, and three standard deviations are 0.5; what is
    brighter or fainter still becomes 0 or 1.

    Parameters
    ----------
    encoder : WhitenedEncoder or EquivariantAutoencoder
        The latter gets images of its own size, any other one those of the tile's.
    patches : ndarray (n, tile, tile), float32
        Stretched and `usable`; masked pixels are NaN.

    Returns
    -------
    ndarray (n, 1, side, side), float32
    """
    side = encoder.size if isinstance(encoder, EquivariantAutoencoder) else patches.shape[-1]
    images: Float32Array = 0.5 + 0.5 * normalised(patches, size=int(side))
    return images.clip(0.0, 1.0)
