"""Members whose networks their clusters have shaped: deep clustering, one member after another."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.clustering.deep import DEEP_METHODS, DeepEmbeddedClustering
from equiclust.exceptions import EquiclustWarning
from equiclust.images import ImageSet
from equiclust.io.atomic import read_json, replace_folder, write_json
from equiclust.progress import Update

__all__ = ["DEEP_METHODS", "refined"]

# The networks are trained already; what clusters can add to them they add early.
_STEPS = 300
# The error of the reconstruction of more images than these is hardly known better.
_MAX_RECONSTRUCTED = 256
_RECORD = "record.json"
_LEFT_BEHIND = (
    "DEC moved the encoder and left the decoder behind, so images are rebuilt worse than before: "
    "take idec or dcec where that matters."
)


def refined(
    members: Sequence[EquivariantAutoencoder],
    images: ImageSet,
    held_out: npt.NDArray[np.bool_],
    *,
    method: str,
    n_clusters: int,
    seeds: npt.NDArray[np.int64],
    folders: Sequence[Path | None],
    on_progress: Update | None = None,
) -> list[EquivariantAutoencoder]:
    """Each member after `DeepEmbeddedClustering` on the images that it was trained on.

    Parameters
    ----------
    members : sequence of EquivariantAutoencoder
        Fitted; they are left as they are.
    images : ImageSet
    held_out : ndarray (n_members, n), bool
        Images that a member does not see.
    method : {"dec", "idec", "dcec"}
    n_clusters : int
    seeds : ndarray (n_members,), int
    folders : sequence of path or None
        Where each is kept as soon as it is done; one that lies there already is read.
    on_progress : callable, optional
        Gets the steps that are done, of how many, and a remark.
    """
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
        tell = _teller(k, len(members), on_progress)
        done.append(_read_or_refined(member, deep, shown, tell, folder))
        if on_progress is not None:
            on_progress((k + 1) * _STEPS, len(members) * _STEPS, f"member {k + 1} is done")
    notes = dict.fromkeys(note for one in done for note in one.notes_)
    for note in notes:
        if all(note not in member.notes_ for member in members):
            warnings.warn(note, EquiclustWarning, stacklevel=4)
    return done


def _teller(k: int, n: int, on_progress: Update | None) -> Callable[[dict[str, float]], None]:
    """Passes on how far member `k` of `n` is."""

    def tell(record: dict[str, float]) -> None:
        if on_progress is not None:
            done = k * _STEPS + int(record["step"])
            remark = f"member {k + 1} of {n}, {record['changed']:.1%} of labels changed"
            on_progress(done, n * _STEPS, remark)

    return tell


def _read_or_refined(
    member: EquivariantAutoencoder,
    deep: DeepEmbeddedClustering,
    shown: ImageSet,
    tell: Callable[[dict[str, float]], None],
    folder: Path | None,
) -> EquivariantAutoencoder:
    if folder is None:
        return _refined(member, deep, shown, tell)
    record = _record(deep)
    if not folder.is_dir() or read_json(folder / _RECORD) != record:
        with replace_folder(folder) as draft:
            _refined(member, deep, shown, tell).save(draft)
            write_json(draft / _RECORD, record)
    # Read even if just written: a run that was stopped gets its members no other way.
    return EquivariantAutoencoder.load(folder)


def _record(deep: DeepEmbeddedClustering) -> dict[str, Any]:
    """What makes one refinement of a member another than the next."""
    return {name: getattr(deep, name) for name in ("method", "n_clusters", "random_state")}


def _refined(
    member: EquivariantAutoencoder,
    deep: DeepEmbeddedClustering,
    shown: ImageSet,
    tell: Callable[[dict[str, float]], None],
) -> EquivariantAutoencoder:
    with warnings.catch_warnings():
        # They are said once for all members.
        warnings.simplefilter("ignore", EquiclustWarning)
        deep.fit(member.prepared(shown), on_target_update=tell)
    after = member.with_network(deep.network_, notes=deep.notes_)
    if deep.method != "dec" or deep.kept_initialisation_:
        return after
    some = shown.take(
        np.linspace(0, len(shown) - 1, min(len(shown), _MAX_RECONSTRUCTED)).astype(int)
    )
    if _error(after, some) > _error(member, some):
        after.notes_.append(_LEFT_BEHIND)
    return after


def _error(member: EquivariantAutoencoder, images: ImageSet) -> float:
    """Mean squared error of the reconstruction, where the images are not masked."""
    ready = member.prepared(images)
    squared = np.square(member.reconstruct(images) - ready.pixels).mean(axis=1)
    return float(squared[~ready.mask].mean())
