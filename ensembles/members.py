"""Training of one member in any process, which resumes after the process was killed."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from time import perf_counter
from typing import Any

from filelock import FileLock

from ensembles.fit_inputs import estimator_inputs
from ensembles.training_images import TrainingImages
from equiclust.autoencoder.checkpoints import find_checkpoint
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.autoencoder.training_config import EpochRecord
from equiclust.exceptions import EquiclustWarning, InputError
from equiclust.io.atomic import (
    read_arrays,
    read_json,
    replace_folder,
    write_arrays,
    write_json,
)
from equiclust.io.fit_record import array_digest, check_same_fit, recorded_fit
from equiclust.io.staging import recover
from equiclust.nn.device import torch_threads
from equiclust.typing import BoolArray, Float32Array

__all__ = ["Member", "MemberTask", "has_results", "train_member"]

_FINISHED = "finished"
_LATENTS = "latents.safetensors"
_RECORD = "record.json"


@dataclass(frozen=True, eq=False)
class MemberTask:
    """Everything that decides how a member is trained, except its images.

    Parameters
    ----------
    autoencoder : EquivariantAutoencoder
        Not fitted.
    held_out : ndarray (n,), bool
        Images that the member is not trained on.
    folder : path, optional
        Where it writes checkpoints and, when its training is finished, itself.
    n_threads : int, optional
        Threads of the processor; by default those that torch uses already.
    parent : int, optional
        Process that waits for the member; when that process ends, training stops.
    stop_request : path, optional
        File that ends the training before its next epoch when it appears.
    """

    autoencoder: EquivariantAutoencoder
    held_out: BoolArray
    folder: Path | None = None
    n_threads: int | None = None
    parent: int | None = None
    stop_request: Path | None = None

    def inputs(
        self, images: TrainingImages, positive_pairs: TrainingImages | None
    ) -> dict[str, Any]:
        """Everything that decides the trained member, for `check_same_fit`.

        Parameters
        ----------
        images : TrainingImages
        positive_pairs : TrainingImages or None

        Returns
        -------
        dict of str to object
            Parameters, and digests of arrays.
        """
        return {
            **estimator_inputs(self.autoencoder),
            "random_state": self.autoencoder.random_state,
            "images": images.digest,
            "held_out": array_digest(self.held_out),
            "positive_pairs": positive_pairs and positive_pairs.digest,
        }


def has_results(folder: Path) -> bool:
    """Whether a member's folder holds a finished member or a checkpoint.

    Parameters
    ----------
    folder : path
    """
    return (folder / _FINISHED).is_dir() or find_checkpoint(folder) is not None


@dataclass(frozen=True, eq=False)
class Member:
    """A fitted encoder, and its latents of all images.

    Attributes
    ----------
    estimator : EquivariantAutoencoder or WhitenedEncoder
    latents : ndarray (n, latent_dim), float32
    seconds : float
        Duration of the training in seconds, without what was done before it was resumed.
    """

    estimator: Any
    latents: Float32Array
    seconds: float


def train_member(
    task: MemberTask,
    images: TrainingImages,
    *,
    positive_pairs: TrainingImages | None = None,
    on_epoch: Callable[[EpochRecord], None] | None = None,
) -> Member:
    """Train a member, resume its training, or read it from its folder when it is finished.

    Of several processes that use the same folder one trains and the others wait for it.

    Parameters
    ----------
    task : MemberTask
    images : TrainingImages
    positive_pairs : TrainingImages, optional
        As many images, which should have the latents of `images`.
    on_epoch : callable, optional
        Gets the record of every epoch.

    Returns
    -------
    Member

    Raises
    ------
    OutputError
        When the folder holds a member or a checkpoint of another fit.
    StoppedError
        When the task's `stop_request` is there before the training is finished.
    """
    with torch_threads(task.n_threads):
        if task.folder is None:
            return _trained(task, images, positive_pairs, on_epoch)
        task.folder.mkdir(parents=True, exist_ok=True)
        finished = task.folder / _FINISHED
        inputs = task.inputs(images, positive_pairs)
        # The system releases the lock when its process ends, however it ends.
        with FileLock(task.folder / "lock"):
            recover(task.folder)
            member, damage = _read_or_set_aside(finished)
            if member is not None:
                check_same_fit(finished, inputs, started=True)
                return member
            member = _trained(task, images, positive_pairs, on_epoch)
            member.estimator.notes_ += damage
            _write(member, finished, inputs)
            # Also read when just written, so that a resumed fit has exactly the same members.
            return _read(finished)


def _trained(
    task: MemberTask,
    images: TrainingImages,
    positive_pairs: TrainingImages | None,
    on_epoch: Callable[[EpochRecord], None] | None,
) -> Member:
    def note(record: EpochRecord) -> None:
        if task.parent is not None and os.getppid() != task.parent:
            os._exit(1)
        if on_epoch is not None:
            on_epoch(record)

    paired = None if positive_pairs is None else (positive_pairs.pixels, positive_pairs.mask)
    started = perf_counter()
    with warnings.catch_warnings():
        # The ensemble warns once for all members.
        warnings.simplefilter("ignore", EquiclustWarning)
        latents = task.autoencoder.fit_prepared(
            images.pixels,
            images.mask,
            held_out=task.held_out,
            positive_pairs=paired,
            checkpoints=task.folder,
            on_epoch=note,
            stop_request=task.stop_request,
        )
    return Member(task.autoencoder, latents, perf_counter() - started)


def _read_or_set_aside(finished: Path) -> tuple[Member | None, list[str]]:
    """The finished member, if any, and what the user should know.

    One that cannot be read is moved away, to be trained again.
    """
    if not finished.is_dir():
        return None, []
    try:
        recorded_fit(finished)
        return _read(finished), []
    except InputError as error:
        aside = Path(mkdtemp(prefix="damaged-", dir=finished.parent))
        os.replace(finished, aside / finished.name)
        return None, [
            f"A trained network was damaged ({error}), so that it was trained again; what was "
            f"there is kept in {str(aside)!r}."
        ]


def _write(member: Member, folder: Path, inputs: Mapping[str, Any]) -> None:
    with replace_folder(folder) as draft:
        member.estimator.save(draft)
        write_arrays(draft / _LATENTS, {"latents": member.latents})
        write_json(draft / _RECORD, {"seconds": member.seconds})
        check_same_fit(draft, inputs, started=False)


def _read(folder: Path) -> Member:
    try:
        latents = read_arrays(folder / _LATENTS)["latents"]
        seconds = float(read_json(folder / _RECORD)["seconds"])
    except (KeyError, TypeError) as error:
        raise InputError(f"{str(folder)!r} holds a damaged member: {error}") from error
    return Member(EquivariantAutoencoder.load(folder), latents, seconds)
