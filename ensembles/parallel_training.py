"""Training of all members: one after another, in several processes, or on a Dask cluster."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from joblib import Parallel, cpu_count, delayed
from joblib.parallel import get_active_backend

from ensembles.members import Member, MemberTask, train_member
from ensembles.training_images import TrainingImages
from equiclust.autoencoder.training_config import EpochRecord
from equiclust.exceptions import EquiclustWarning, StoppedError
from equiclust.nn.allocator import keep_freed_memory
from equiclust.nn.device import choose_device
from equiclust.progress import Update
from equiclust.typing import Array

__all__ = ["train_members"]

_LOCAL = "LokyBackend"


def train_members(
    tasks: Sequence[MemberTask],
    images: Sequence[TrainingImages],
    *,
    positive_pairs: Sequence[TrainingImages] | None = None,
    n_jobs: int | None = None,
    on_progress: Update | None = None,
) -> list[Member]:
    """Train all members of an ensemble.

    Parameters
    ----------
    tasks : sequence of MemberTask
    images : sequence of TrainingImages
        One for each task, and the same object where they are the same: every object is sent once
        to each process or worker.
    positive_pairs : sequence of TrainingImages, optional
        Likewise.
    n_jobs : int, optional
        Members to train at the same time. By default as an active `joblib.parallel_config` sets
        it; without one the number of cores, or 1 when they share an accelerator.
    on_progress : callable, optional
        Gets the number of epochs done and their total and a remark when members are trained one
        after another, and numbers of members otherwise.

    Returns
    -------
    list of Member
        In the order of the tasks.

    Raises
    ------
    OutputError
        When the folder of a task holds a member or a checkpoint of another fit.
    StoppedError
        When the `stop_request` of a task appears; every member has then ended its epoch.
    """
    if len(tasks) > 1:
        # The order in which threads add up changes the last digits, and training magnifies them.
        # With one thread a member is the same wherever and beside how many others it is trained.
        tasks = [replace(task, n_threads=1) for task in tasks]
    backend, jobs = get_active_backend()
    chosen = type(backend).__name__ != _LOCAL or jobs not in (None, 1)
    if n_jobs is None and not chosen:
        n_jobs = _default_n_jobs(tasks)
    if n_jobs is not None and n_jobs > len(tasks):
        n_jobs = len(tasks)
    paired = [None] * len(tasks) if positive_pairs is None else list(positive_pairs)
    if n_jobs == 1:
        trained = _train_in_turn(tasks, images, paired, on_progress)
    else:
        trained = _train_side_by_side(tasks, images, paired, n_jobs, on_progress)
    for note in dict.fromkeys(note for one in trained for note in one.estimator.notes_):
        warnings.warn(note, EquiclustWarning, stacklevel=5)
    return trained


def _default_n_jobs(tasks: Sequence[MemberTask]) -> int:
    """Number of cores on a processor, 1 on an accelerator."""
    on_processor = choose_device(tasks[0].autoencoder.device).type == "cpu"
    return min(len(tasks), cpu_count()) if on_processor else 1


def _train_in_turn(
    tasks: Sequence[MemberTask],
    images: Sequence[TrainingImages],
    positive_pairs: Sequence[TrainingImages | None],
    on_progress: Update | None,
) -> list[Member]:
    epochs = [task.autoencoder.max_epochs for task in tasks]
    trained: list[Member] = []
    for k, (task, shown, paired) in enumerate(zip(tasks, images, positive_pairs, strict=True)):

        def update(record: EpochRecord, k: int = k) -> None:
            if on_progress is not None:
                done = sum(epochs[:k]) + int(record["epoch"]) + 1
                remark = f"member {k + 1} of {len(tasks)}, loss {record['total']:.4f}"
                on_progress(done, sum(epochs), remark)

        trained.append(train_member(task, shown, positive_pairs=paired, on_epoch=update))
    return trained


def _train_side_by_side(
    tasks: Sequence[MemberTask],
    images: Sequence[TrainingImages],
    positive_pairs: Sequence[TrainingImages | None],
    n_jobs: int | None,
    on_progress: Update | None,
) -> list[Member]:
    with (
        warnings.catch_warnings(),
        # Large arrays are mapped, not copied; "c" because torch wants arrays that can be written.
        Parallel(
            n_jobs=n_jobs, batch_size=1, return_as="generator_unordered", mmap_mode="c"
        ) as parallel,
    ):
        # Members keep the memory that they free; when joblib restarts a process that has grown,
        # nothing is lost.
        warnings.filterwarnings("ignore", message="A worker stopped while some jobs")
        local = type(parallel._backend).__name__ == _LOCAL
        at_once = parallel._effective_n_jobs()
        sent = [replace(task, parent=os.getpid()) if local else task for task in tasks]
        calls = (
            delayed(_train_numbered)(k, task, os.getpid(), *_arrays(shown), *_arrays(paired))
            for k, (task, shown, paired) in enumerate(
                zip(sent, images, positive_pairs, strict=True)
            )
        )
        trained: dict[int, Member] = {}
        for k, member in parallel(calls):
            if member is None:
                continue
            trained[k] = member
            if on_progress is not None:
                on_progress(len(trained), len(tasks), f"{at_once} members at a time")
    if len(trained) < len(tasks):
        raise StoppedError("the training was stopped")
    return [trained[k] for k in range(len(tasks))]


def _arrays(images: TrainingImages | None) -> tuple[Array, ...]:
    """Arrays that joblib finds and shares only as arguments of their own."""
    return () if images is None else (images.pixels, images.mask)


def _train_numbered(
    k: int, task: MemberTask, sender: int, *arrays: Array
) -> tuple[int, Member | None]:
    """Train in a worker process, whose allocator is ours to set, or in the sender's own.

    A member that was stopped is None: an error would have the others ended within their epoch.
    """
    if os.getpid() != sender:
        keep_freed_memory()
    # Some backends deliver arrays that cannot be written, of which torch warns.
    writable = [np.require(array, requirements="W") for array in arrays]
    paired = TrainingImages(*writable[2:]) if len(writable) > 2 else None
    try:
        return k, train_member(task, TrainingImages(*writable[:2]), positive_pairs=paired)
    except StoppedError:
        return k, None
