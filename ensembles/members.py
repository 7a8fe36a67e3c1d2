"""The training of one member, wherever it runs, so that it can be killed and gone on with."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import numpy.typing as npt
import torch
from filelock import FileLock

from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.autoencoder.training import EpochRecord
from equiclust.exceptions import EquiclustWarning
from equiclust.images import ImageSet
from equiclust.io.atomic import (
    read_arrays,
    read_json,
    replace_folder,
    write_arrays,
    write_json,
)

__all__ = ["Member", "MemberTask", "train_member"]

_FINISHED = "finished"
_LATENTS = "latents.safetensors"
_RECORD = "record.json"


@dataclass(frozen=True, eq=False)
class MemberTask:
    """What a member is to do.

    Parameters
    ----------
    autoencoder : EquivariantAutoencoder
        Not fitted.
    images : ImageSet
    held_out : ndarray (n,), bool
        Images that it does not train on.
    partners : ImageSet, optional
        Images that are to have the latents of `images`.
    folder : path, optional
        Where it leaves its checkpoints and, in the end, itself.
    n_threads : int, optional
        For the processor; as many as torch has chosen by default.
    parent : int, optional
        Process that waits for the member: without it, it gives up.
    """

    autoencoder: EquivariantAutoencoder
    images: ImageSet
    held_out: npt.NDArray[np.bool_]
    positive_pairs: ImageSet | None = None
    folder: Path | None = None
    n_threads: int | None = None
    parent: int | None = None


@dataclass(frozen=True, eq=False)
class Member:
    """A trained network and its latents `(n, d)` of all images.

    Attributes
    ----------
    autoencoder : EquivariantAutoencoder
    latents : ndarray (n, d), float32
    seconds : float
        Time that the training took, as far as it was not done before.
    """

    autoencoder: EquivariantAutoencoder
    latents: npt.NDArray[np.float32]
    seconds: float


def train_member(task: MemberTask, on_epoch: Callable[[EpochRecord], None] | None = None) -> Member:
    """Train a member, go on where it was stopped, or read it if it is finished.

    Of several processes that are given the same folder one works and the others wait for it.
    """
    with _threads(task.n_threads):
        return _train_or_read(task, on_epoch)


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """So many threads for torch, and as many as before when it is done."""
    before = torch.get_num_threads()
    torch.set_num_threads(before if count is None else count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _train_or_read(task: MemberTask, on_epoch: Callable[[EpochRecord], None] | None) -> Member:
    if task.folder is None:
        return _trained(task, on_epoch)
    task.folder.mkdir(parents=True, exist_ok=True)
    # The system lets go of the lock when its process ends, however it ends.
    with FileLock(task.folder / "lock"):
        if not (task.folder / _FINISHED).is_dir():
            _write(_trained(task, on_epoch), task.folder / _FINISHED)
        # Read even if just written: a run that was stopped gets its members no other way.
        return _read(task.folder / _FINISHED)


def _trained(task: MemberTask, on_epoch: Callable[[EpochRecord], None] | None) -> Member:
    def note(record: EpochRecord) -> None:
        if task.parent is not None and os.getppid() != task.parent:
            os._exit(1)
        if on_epoch is not None:
            on_epoch(record)

    started = perf_counter()
    with warnings.catch_warnings():
        # The ensemble says it once for all members.
        warnings.simplefilter("ignore", EquiclustWarning)
        task.autoencoder.fit(
            task.images,
            held_out=task.held_out,
            positive_pairs=task.positive_pairs,
            checkpoints=task.folder,
            on_epoch=note,
        )
    seconds = perf_counter() - started
    return Member(task.autoencoder, task.autoencoder.transform(task.images), seconds)


def _write(member: Member, folder: Path) -> None:
    with replace_folder(folder) as draft:
        member.autoencoder.save(draft)
        write_arrays(draft / _LATENTS, {"latents": member.latents})
        write_json(draft / _RECORD, {"seconds": member.seconds})


def _read(folder: Path) -> Member:
    latents = read_arrays(folder / _LATENTS)["latents"]
    seconds = float(read_json(folder / _RECORD)["seconds"])
    return Member(EquivariantAutoencoder.load(folder), latents, seconds)
