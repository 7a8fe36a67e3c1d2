"""Deep clustering of an ensemble's members, one after another: clusters refine the networks."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ensembles.encoder_refinement import refine_encoders
from ensembles.member_estimators import MemberEstimator
from ensembles.members import Member
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.clustering.deep import DEEP_METHODS, DeepEmbeddedClustering
from equiclust.encoders.whitened import WhitenedEncoder
from equiclust.exceptions import EquiclustWarning, InputError
from equiclust.images import ImageSet
from equiclust.io.atomic import read_json, replace_folder, write_json
from equiclust.io.fit_record import array_digest
from equiclust.progress import Update
from equiclust.typing import BoolArray, Float32Array, IntArray

__all__ = ["DEEP_METHODS", "check_refinable", "refine_members"]

# The networks are trained already, so that refinement needs few steps.
_STEPS = 300
# More images would hardly make the estimated reconstruction error more accurate.
_MAX_RECONSTRUCTED = 256
_RECORD = "record.json"
_WORSE_RECONSTRUCTION = (
    "DEC changed the encoder but not the decoder, so images are reconstructed worse than before; "
    "use method 'idec' or 'dcec' when the reconstructions matter."
)


def check_refinable(estimators: Sequence[MemberEstimator], method: str) -> None:
    """Refuse a deep method that needs more than an estimator has.

    Parameters
    ----------
    estimators : sequence of EquivariantAutoencoder or WhitenedEncoder
    method : {"dec", "idec", "dcec"}

    Raises
    ------
    InputError
        When a decoder is missing.
    """
    if method != "dec" and any(isinstance(one, WhitenedEncoder) for one in estimators):
        raise InputError(
            f"method {method!r} needs a decoder, since it keeps the reconstruction, and of all "
            "encoders only the autoencoder has one; choose 'dec' or another method"
        )


def refine_members(
    members: Sequence[MemberEstimator],
    latents: Float32Array,
    images: ImageSet,
    held_out: BoolArray,
    *,
    method: str,
    n_clusters: int,
    seeds: IntArray,
    folders: Sequence[Path | None],
    on_progress: Update | None = None,
) -> tuple[list[MemberEstimator], Float32Array]:
    """Refine every member by deep clustering of the images that it was trained on.

    Parameters
    ----------
    members : sequence of EquivariantAutoencoder or WhitenedEncoder
        Fitted; they are not changed.
    latents : ndarray (n_members, n, latent_dim), float32
        Of all images by every member.
    images : ImageSet
    held_out : ndarray (n_members, n), bool
        Images that a member was not trained on.
    method : {"dec", "idec", "dcec"}
    n_clusters : int
    seeds : ndarray (n_members,), int
        Random state of every member's clustering.
    folders : sequence of path or None
        Where every refined network is saved. One that was refined from the same network and images
        with the same settings is read instead of refined again; any other is replaced.
    on_progress : callable, optional
        Gets the number of steps or members done, their total and a remark.

    Returns
    -------
    members : list of EquivariantAutoencoder or WhitenedEncoder
        Refined, in order.
    latents : ndarray (n_members, n, latent_dim), float32
        By the refined members.
    """
    found = refine_encoders(
        members, latents, held_out, n_clusters=n_clusters, seeds=seeds, on_progress=on_progress
    )
    numbers = [k for k, one in enumerate(members) if isinstance(one, EquivariantAutoencoder)]
    networks = _refine_networks(
        [members[k] for k in numbers],
        images,
        held_out[numbers],
        method=method,
        n_clusters=n_clusters,
        seeds=seeds[numbers],
        folders=[folders[k] for k in numbers],
        on_progress=on_progress,
    )
    for k, network in zip(numbers, networks, strict=True):
        found[k] = Member(network, network.transform(images), 0.0)
    refined = [found[k] for k in range(len(members))]
    return [one.estimator for one in refined], np.stack([one.latents for one in refined])


def _refine_networks(
    members: Sequence[EquivariantAutoencoder],
    images: ImageSet,
    held_out: BoolArray,
    *,
    method: str,
    n_clusters: int,
    seeds: IntArray,
    folders: Sequence[Path | None],
    on_progress: Update | None = None,
) -> list[EquivariantAutoencoder]:
    """Refine every member by `DeepEmbeddedClustering` of the images that it was trained on."""
    done = []
    for k, (member, folder) in enumerate(zip(members, folders, strict=True)):
        deep = DeepEmbeddedClustering(
            n_clusters,
            network=member.network_,
            method=method,  # type: ignore[arg-type]
            pretrain_epochs=0,
            max_iter=_STEPS,
            batch_size=member.batch_size,
            device=member.device,
            random_state=int(seeds[k]),
        )
        shown = images.take(np.flatnonzero(~held_out[k]))
        update = _member_update(k, len(members), on_progress)
        done.append(_read_or_refine(member, deep, shown, update, folder))
        if on_progress is not None:
            on_progress((k + 1) * _STEPS, len(members) * _STEPS, f"member {k + 1} is done")
    notes = dict.fromkeys(note for one in done for note in one.notes_)
    for note in notes:
        if all(note not in member.notes_ for member in members):
            warnings.warn(note, EquiclustWarning, stacklevel=5)
    return done


def _member_update(
    k: int, n: int, on_progress: Update | None
) -> Callable[[dict[str, float]], None]:
    """Callback that reports the progress of member `k` of `n`."""

    def update(record: dict[str, float]) -> None:
        if on_progress is not None:
            done = k * _STEPS + int(record["step"])
            remark = f"member {k + 1} of {n}, {record['changed']:.1%} of labels changed"
            on_progress(done, n * _STEPS, remark)

    return update


def _read_or_refine(
    member: EquivariantAutoencoder,
    deep: DeepEmbeddedClustering,
    shown: ImageSet,
    update: Callable[[dict[str, float]], None],
    folder: Path | None,
) -> EquivariantAutoencoder:
    if folder is None:
        return _refine(member, deep, shown, update)
    record = _record(member, deep, member.prepared(shown))
    refined = _refined_before(folder, record)
    if refined is not None:
        return refined
    with replace_folder(folder) as draft:
        _refine(member, deep, shown, update).save(draft)
        write_json(draft / _RECORD, record)
    # Also read when just written, so that a resumed fit has exactly the same members.
    return EquivariantAutoencoder.load(folder)


def _refined_before(folder: Path, record: dict[str, Any]) -> EquivariantAutoencoder | None:
    """The member that this refinement would make, if the folder holds it."""
    try:
        if folder.is_dir() and read_json(folder / _RECORD) == record:
            return EquivariantAutoencoder.load(folder)
    except InputError:
        # Damaged; it is made again.
        pass
    return None


def _record(
    member: EquivariantAutoencoder, deep: DeepEmbeddedClustering, ready: ImageSet
) -> dict[str, Any]:
    """Everything that decides the refined member."""
    names = ("method", "n_clusters", "random_state", "batch_size", "max_iter")
    weights = [value.cpu().numpy() for value in member.network_.state_dict().values()]
    return {
        **{name: getattr(deep, name) for name in names},
        "network": array_digest(*weights),
        "images": array_digest(ready.pixels, ready.mask),
    }


def _refine(
    member: EquivariantAutoencoder,
    deep: DeepEmbeddedClustering,
    shown: ImageSet,
    update: Callable[[dict[str, float]], None],
) -> EquivariantAutoencoder:
    with warnings.catch_warnings():
        # `_refine_networks` warns once for all members.
        warnings.simplefilter("ignore", EquiclustWarning)
        deep.fit(member.prepared(shown), on_target_update=update)
    after = member.with_network(deep.network_, notes=deep.notes_)
    if deep.method != "dec" or deep.kept_initialisation_:
        return after
    chosen = np.linspace(0, len(shown) - 1, min(len(shown), _MAX_RECONSTRUCTED)).astype(int)
    sample = shown.take(chosen)
    if _reconstruction_error(after, sample) > _reconstruction_error(member, sample):
        after.notes_.append(_WORSE_RECONSTRUCTION)
    return after


def _reconstruction_error(member: EquivariantAutoencoder, images: ImageSet) -> float:
    """Mean squared error of the reconstruction, where the images are not masked."""
    ready = member.prepared(images)
    squared = np.square(member.reconstruct(images) - ready.pixels).mean(axis=1)
    return float(squared[~ready.mask].mean())
