"""Members whose encoder is trained already: its features are computed once for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import numpy as np

from ensembles.member_estimators import MemberEstimator, encoder_key
from ensembles.members import Member
from equiclust.encoders.protocol import Encoder
from equiclust.encoders.whitened import WhitenedEncoder
from equiclust.exceptions import InputError
from equiclust.images import ImageSet
from equiclust.io.atomic import read_arrays, write_arrays
from equiclust.io.fit_record import array_digest, image_set_digest
from equiclust.progress import Update
from equiclust.typing import BoolArray, Float32Array

__all__ = ["encoder_latents", "fit_encoder_members"]

# Images whose features are written at a time, which a stopped fit does not compute again.
_CHUNK = 128
_FEATURES = "features"


def fit_encoder_members(
    members: Sequence[MemberEstimator],
    held_out: BoolArray,
    images: ImageSet,
    *,
    folder: Path | None = None,
    on_progress: Update | None = None,
) -> dict[int, Member]:
    """Fit the principal axes of every member to the features of its training images.

    Parameters
    ----------
    members : sequence of EquivariantAutoencoder or WhitenedEncoder
        Not fitted. Those of the first kind are passed over.
    held_out : ndarray (n_members, n), bool
        Images that a member is not fitted to.
    images : ImageSet
    folder : path, optional
        Where features are kept, so that a stopped fit does not compute them again.
    on_progress : callable, optional
        Gets the number of images encoded, their total and an empty remark.

    Returns
    -------
    dict of int to Member
        By the number of the member.
    """
    chosen = {k: one for k, one in enumerate(members) if isinstance(one, WhitenedEncoder)}
    keys = {k: encoder_key(one.used_encoder) for k, one in chosen.items()}
    encoders = {keys[k]: one.used_encoder for k, one in chosen.items()}
    features: dict[str, tuple[Float32Array, float]] = {}
    if encoders and on_progress is not None:
        on_progress(0, len(encoders) * len(images), "")
    for number, (key, encoder) in enumerate(encoders.items()):

        def update(done: int, total: int, remark: str, number: int = number) -> None:
            if on_progress is not None:
                on_progress(number * total + done, len(encoders) * total, remark)

        started = perf_counter()
        found = _features(encoder, images, _folder_of(folder, key), update)
        features[key] = (found, perf_counter() - started)
    fitted = {}
    for k, member in chosen.items():
        own, seconds = features[keys[k]]
        member.fit_features(own[~held_out[k]])
        share = seconds / list(keys.values()).count(keys[k])
        fitted[k] = Member(member, member.whiten(own), share)
    return fitted


def encoder_latents(members: Sequence[WhitenedEncoder], images: ImageSet) -> list[Float32Array]:
    """Latents of images by members, of which those with one encoder share its features.

    Parameters
    ----------
    members : sequence of WhitenedEncoder
        Fitted.
    images : ImageSet

    Returns
    -------
    list of ndarray (n, latent_dim), float32
    """
    features: dict[int, Float32Array] = {}
    latents = []
    for member in members:
        encoder = member.used_encoder
        if id(encoder) not in features:
            features[id(encoder)] = encoder.transform(images)
        latents.append(member.whiten(features[id(encoder)]))
    return latents


def _folder_of(folder: Path | None, key: str) -> Path | None:
    if folder is None:
        return None
    digest = array_digest(np.frombuffer(key.encode(), dtype=np.uint8))
    return folder / _FEATURES / digest.removeprefix("sha256:")[:16]


def _features(
    encoder: Encoder, images: ImageSet, folder: Path | None, update: Update
) -> Float32Array:
    parts = []
    for start in range(0, len(images), _CHUNK):
        chunk = images.take(np.arange(start, min(start + _CHUNK, len(images))))
        parts.append(_chunk_features(encoder, chunk, folder))
        update(start + len(chunk), len(images), "")
    return np.concatenate(parts)


def _chunk_features(encoder: Encoder, images: ImageSet, folder: Path | None) -> Float32Array:
    if folder is None:
        return encoder.transform(images)
    folder.mkdir(parents=True, exist_ok=True)
    digest = image_set_digest(images).removeprefix("sha256:")
    path = folder / f"{digest[:16]}.safetensors"
    try:
        features: Float32Array = read_arrays(path)["features"]
    except (InputError, KeyError):
        # Not there yet, or damaged.
        features = encoder.transform(images)
        write_arrays(path, {"features": features})
    return features
