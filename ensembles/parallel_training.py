"""Members trained one after another, side by side, or on a cluster: joblib carries them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace

from joblib import Parallel, cpu_count, delayed
from joblib.parallel import get_active_backend

from ensembles.members import Member, MemberTask, train_member
from equiclust.exceptions import EquiclustWarning
from equiclust.nn.device import choose_device

__all__ = ["Progress", "train_members"]

Progress = Callable[[int, int, str], None]
"""Takes how much is done, of how much, and what to say of it."""

_LOCAL = "LokyBackend"


def train_members(
    tasks: Sequence[MemberTask], *, n_jobs: int | None = None, on_progress: Progress | None = None
) -> list[Member]:
    """Train all members.

    Parameters
    ----------
    tasks : sequence of MemberTask
    n_jobs : int, optional
        How many at a time. By default what an active `joblib.parallel_config` says; without one as
        many as there are cores, or one where they share an accelerator.
    on_progress : callable, optional
        Gets epochs done and to be done where there is one member at a time, else members.
    """
    if len(tasks) > 1:
        # The order in which threads add up changes the last digits, and training magnifies them:
        # with one thread a member is the same wherever and beside how many others it is trained.
        tasks = [replace(task, n_threads=1) for task in tasks]
    backend, jobs = get_active_backend()
    chosen = type(backend).__name__ != _LOCAL or jobs not in (None, 1)
    if n_jobs is None and not chosen:
        n_jobs = _fitting(tasks)
    if n_jobs == 1:
        trained = [_with_progress(k, tasks, on_progress) for k in range(len(tasks))]
    else:
        trained = _side_by_side(tasks, n_jobs, on_progress)
    for note in dict.fromkeys(note for one in trained for note in one.autoencoder.notes_):
        warnings.warn(note, EquiclustWarning, stacklevel=5)
    return trained


def _fitting(tasks: Sequence[MemberTask]) -> int:
    """As many as there are cores; one if an accelerator does the work."""
    on_processor = choose_device(tasks[0].autoencoder.device).type == "cpu"
    return min(len(tasks), cpu_count()) if on_processor else 1


def _with_progress(k: int, tasks: Sequence[MemberTask], on_progress: Progress | None) -> Member:
    if on_progress is None:
        return train_member(tasks[k])
    epochs = [task.autoencoder.max_epochs for task in tasks]
    return train_member(
        tasks[k],
        on_epoch=lambda record: on_progress(
            sum(epochs[:k]) + int(record["epoch"]) + 1,
            sum(epochs),
            f"member {k + 1} of {len(tasks)}, loss {record['total']:.4f}",
        ),
    )


def _side_by_side(
    tasks: Sequence[MemberTask], n_jobs: int | None, on_progress: Progress | None
) -> list[Member]:
    with (
        warnings.catch_warnings(),
        Parallel(n_jobs=n_jobs, batch_size=1, return_as="generator_unordered") as parallel,
    ):
        # Members keep the memory that they free; when joblib starts a large one's process anew,
        # nothing is lost.
        warnings.filterwarnings("ignore", message="A worker stopped while some jobs")
        local = type(parallel._backend).__name__ == _LOCAL
        at_once = parallel._effective_n_jobs()
        sent = [replace(task, parent=os.getpid()) if local else task for task in tasks]
        trained: dict[int, Member] = {}
        for k, member in parallel(delayed(_numbered)(k, task) for k, task in enumerate(sent)):
            trained[k] = member
            if on_progress is not None:
                on_progress(len(trained), len(tasks), f"{at_once} members at a time")
    return [trained[k] for k in range(len(tasks))]


def _numbered(k: int, task: MemberTask) -> tuple[int, Member]:
    return k, train_member(task)
