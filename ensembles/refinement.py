"""Members whose networks their clusters have shaped: deep clustering, one member after another."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from ensembles.training import Progress
from equiclust.autoencoder import EquivariantAutoencoder
from equiclust.clustering.deep import DEEP_METHODS, DeepEmbeddedClustering
from equiclust.exceptions import EquiclustWarning
from equiclust.images import ImageSet

__all__ = ["DEEP_METHODS", "refined"]

# The networks are trained already; what clusters can add to them they add early.
_STEPS = 300


def refined(
    members: Sequence[EquivariantAutoencoder],
    images: ImageSet,
    held_out: npt.NDArray[np.bool_],
    *,
    method: str,
    n_clusters: int,
    seeds: npt.NDArray[np.int64],
    on_progress: Progress | None = None,
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
    on_progress : callable, optional
        Gets the steps that are done, of how many, and a remark.
    """
    done = []
    for k, (member, hidden, seed) in enumerate(zip(members, held_out, seeds, strict=True)):
        shown = images.take(np.flatnonzero(~hidden))
        tell = _teller(k, len(members), on_progress)
        done.append(_refined(member, shown, method, n_clusters, int(seed), tell))
        if on_progress is not None:
            on_progress((k + 1) * _STEPS, len(members) * _STEPS, f"member {k + 1} is done")
    notes = dict.fromkeys(note for one in done for note in one.notes_)
    for note in notes:
        if all(note not in member.notes_ for member in members):
            warnings.warn(note, EquiclustWarning, stacklevel=4)
    return done


def _teller(k: int, n: int, on_progress: Progress | None) -> Callable[[dict[str, float]], None]:
    """Passes on how far member `k` of `n` is."""

    def tell(record: dict[str, float]) -> None:
        if on_progress is not None:
            done = k * _STEPS + int(record["step"])
            remark = f"member {k + 1} of {n}, {record['changed']:.1%} of labels changed"
            on_progress(done, n * _STEPS, remark)

    return tell


def _refined(
    member: EquivariantAutoencoder,
    shown: ImageSet,
    method: str,
    n_clusters: int,
    seed: int,
    tell: Callable[[dict[str, float]], None],
) -> EquivariantAutoencoder:
    deep = DeepEmbeddedClustering(
        n_clusters,
        network=member.network_,
        method=method,  # type: ignore[arg-type]
        pretrain_epochs=0,
        max_iter=_STEPS,
        batch_size=member.batch_size,
        device=member.device,
        random_state=seed,
    )
    with warnings.catch_warnings():
        # They are said once for all members.
        warnings.simplefilter("ignore", EquiclustWarning)
        deep.fit(member.prepared(shown), on_refresh=tell)
    return member.with_network(deep.network_, notes=deep.notes_)
