"""`TrainingView`: the training of a run, while it goes on or later, as the application shows it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from equiclust.app.run_comparison import compare_labels, compare_settings, read_labels
from equiclust.app.training_latents import LatentMap, member_agreement, read_latent_map
from equiclust.app.training_process import TrainingProcess
from equiclust.exceptions import InputError
from equiclust.io.atomic import read_json
from equiclust.io.progress_record import ProgressRecord, read_progress
from equiclust.io.regular_files import open_regular
from equiclust.io.run_folder import RunFolder
from equiclust.io.training_record import (
    MemberRecord,
    ShownImages,
    Snapshot,
    TrainingState,
    read_shown_images,
    read_snapshot,
    read_training,
)
from equiclust.typing import IntArray

__all__ = ["TrainingView"]

_NOT_TERMS = ("epoch", "seconds", "learning_rate", "total", "validation_mse")
_LATEST = 5
_LOG_LINES, _LOG_BYTES = 200, 100_000
_NOT_SHOWN = -2


class TrainingView:
    """A run in progress, a stopped one or a finished one.

    Parameters
    ----------
    folder : RunFolder
    other : RunFolder, optional
        A second run to compare with.

    Attributes
    ----------
    process : TrainingProcess
        Stops the run and goes on with it.
    """

    def __init__(self, folder: RunFolder, other: RunFolder | None = None) -> None:
        self.folder = folder
        self.other = other
        self.process = TrainingProcess(folder)
        self._labels: IntArray | None = None
        self._agreement: tuple[object, dict[int, float]] = (None, {})

    def state(self, known: Mapping[int, int] | None = None) -> dict[str, Any]:
        """Where the run is, with the records of epochs that the asker does not have.

        Parameters
        ----------
        known : mapping of int to int, optional
            Last epoch that the asker has of each member, by number; -1 = none.

        Returns
        -------
        dict
            "state" is "running", "finished", "stopped", "failed", or "unknown" for a run of which
            nothing is known.
        """
        progress, training = read_progress(self.folder.path), read_training(self.folder.path)
        state = self._state(progress)
        why_not = self.process.why_not(progress)
        last = known or {}
        return {
            "state": state,
            "stage": progress.stage,
            "done": progress.done,
            "total": progress.total,
            "remark": progress.remark,
            "started": progress.started,
            "updated": progress.updated,
            "finished": progress.finished,
            "error": self.process.failure or (None if progress.stopped else progress.error),
            "stop_asked": self.folder.stop_request.exists(),
            "can_stop": state == "running",
            "can_resume": state not in ("running", "finished") and not why_not,
            "why_not": why_not,
            "command": list(progress.command),
            "command_shown": ["equiclust", *map(shlex.quote, progress.command)],
            "n_members": self._n_networks(training),
            "terms": _terms(training),
            "seconds_left": self._seconds_left(progress, training, state),
            "log_bytes": _size(self.folder),
            "compares": self.other is not None,
            "members": [_member_record(one, last.get(one.number, -1)) for one in training.members],
        }

    def shown_images(self, number: int) -> ShownImages:
        """Images that the snapshots of a member reconstruct.

        Parameters
        ----------
        number : int
            Of the member.

        Returns
        -------
        ShownImages

        Raises
        ------
        InputError
            When there is no such member.
        """
        return read_shown_images(self._member(number))

    def snapshot(self, number: int, epoch: int) -> Snapshot:
        """What a member makes of them at the end of an epoch.

        Parameters
        ----------
        number : int
            Of the member.
        epoch : int

        Returns
        -------
        Snapshot

        Raises
        ------
        InputError
            When there is no such member or no snapshot of this epoch.
        """
        member = self._member(number)
        if epoch not in member.snapshots:
            raise InputError(f"epoch must be one of which there is a snapshot, got {epoch}")
        return read_snapshot(member, epoch)

    def latent_map(self, number: int) -> tuple[LatentMap, IntArray]:
        """Positions of latents through the epochs, and the clusters of the images.

        Parameters
        ----------
        number : int
            Of the member.

        Returns
        -------
        latent_map : LatentMap
        codes : ndarray (l,), int
            Cluster of each image, -1 = "don't know"; -2 as long as the run is not finished.

        Raises
        ------
        InputError
            When there is no such member.
        """
        latent_map = read_latent_map(self._member(number))
        labels = self._known_labels()
        codes = np.full(len(latent_map.rows), _NOT_SHOWN, np.int64)
        there = (latent_map.rows >= 0) & (latent_map.rows < len(labels))
        codes[there] = labels[latent_map.rows[there]]
        return latent_map, codes

    def agreement(self) -> dict[str, Any]:
        """How far the members agree.

        Returns
        -------
        dict
            "kind": "labels" for the share of a finished run's labels that a member gives too,
            "clusters" for the adjusted Rand index between members, or "none"; "members": the value
            of each by number; "reason" where it cannot be said.
        """
        if self.folder.is_finished:
            found = _recorded_agreement(self.folder)
            reason = "" if found else "one network alone has none to agree with"
            return {"kind": "labels" if found else "none", "members": found, "reason": reason}
        n_clusters = self._config().get("n_clusters")
        if not isinstance(n_clusters, int) or isinstance(n_clusters, bool) or n_clusters < 2:
            reason = "the number of clusters is chosen when the networks are trained"
            return {"kind": "none", "members": {}, "reason": reason}
        members = read_training(self.folder.path).members
        key = tuple((one.number, one.snapshots[-1:]) for one in members)
        if self._agreement[0] != key:
            self._agreement = (key, member_agreement(members, n_clusters))
        found = self._agreement[1]
        reason = "" if found else "no two networks have latents of the same images yet"
        return {"kind": "clusters" if found else "none", "members": found, "reason": reason}

    def log_lines(self) -> list[str]:
        """The last 200 lines of the run's log.

        Returns
        -------
        list of str
            Empty when there is no log.
        """
        try:
            with open_regular(self.folder.run_log) as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(size - _LOG_BYTES, 0))
                lines = file.read(_LOG_BYTES).decode("utf-8", errors="replace").splitlines()
        except (InputError, OSError):
            return []
        # The first one may be torn.
        return lines[1 if size > _LOG_BYTES else 0 :][-_LOG_LINES:]

    def comparison(self) -> dict[str, Any]:
        """What differs between this run and the other one.

        Returns
        -------
        dict
            "name" of the other; "settings" and "labels" as `compare_settings` and `compare_labels`
            return them, "labels" None where one of the runs is not finished; "members": records of
            the other's training.

        Raises
        ------
        InputError
            When there is no other run, or a catalogue cannot be read.
        """
        if self.other is None:
            raise InputError(
                "there is no second run; start `equiclust explore` with --compare to name one"
            )
        here, there = read_labels(self.folder), read_labels(self.other)
        return {
            "name": self.other.path.resolve().name,
            "settings": compare_settings(self.folder, self.other),
            "labels": compare_labels(here, there) if here and there else None,
            "members": [_member_record(one, -1) for one in read_training(self.other.path).members],
        }

    def stop(self) -> None:
        """Ask the run to end after the epochs that have begun.

        Raises
        ------
        InputError
            When the run is not in progress.
        OutputError
            When the folder cannot be written.
        """
        self.process.stop(read_progress(self.folder.path))

    def resume(self, confirmed: Sequence[str]) -> None:
        """Go on with the run, in a process of its own.

        Parameters
        ----------
        confirmed : sequence of str
            The command that the user was shown, and agreed to.

        Raises
        ------
        InputError
            When the run is in progress or finished, or its command may not be started from here.
        """
        self.process.resume(read_progress(self.folder.path), confirmed)

    def _state(self, progress: ProgressRecord) -> str:
        if self.process.is_running or progress.is_running:
            return "running"
        if self.folder.is_finished:
            return "finished"
        if progress.error is not None:
            return "stopped" if progress.stopped else "failed"
        # A process that was killed says nothing any more.
        return "stopped" if progress.started else "unknown"

    def _member(self, number: int) -> MemberRecord:
        for member in read_training(self.folder.path).members:
            if member.number == number:
                return member
        raise InputError(f"member must be one whose training has begun, got {number}")

    def _config(self) -> dict[str, Any]:
        try:
            return self.folder.read_config()
        except (InputError, KeyError, TypeError, ValueError):
            return {}

    def _n_networks(self, training: TrainingState) -> int:
        """Members that are trained; other encoders may stand beside them."""
        # torch takes seconds to import, and the page is there before it is needed.
        from ensembles.recipes import read_recipe
        from ensembles.recipes.tables import OWN

        try:
            recipe = read_recipe(self.folder.recipe_toml)
        except InputError:
            return max(training.n_members or 0, len(training.members))
        names = recipe.encoders
        own = sum(names[k % len(names)] == OWN for k in range(recipe.ensemble.n_folds))
        return max(own, len(training.members))

    def _seconds_left(
        self, progress: ProgressRecord, training: TrainingState, state: str
    ) -> float | None:
        """Of the training, as long as its latest epochs tell; None where that cannot be said."""
        begun = [one for one in training.members if not one.is_finished]
        latest = [
            record["seconds"]
            for one in begun
            for record in one.epochs[-_LATEST:]
            if "seconds" in record
        ]
        planned = [one.max_epochs for one in training.members if one.max_epochs]
        if state != "running" or progress.stage != "training" or not latest or not planned:
            return None
        left = sum(max((one.max_epochs or 0) - len(one.epochs), 0) for one in begun)
        left += (self._n_networks(training) - len(training.members)) * max(planned)
        return left * float(np.mean(latest)) / len(begun)

    def _known_labels(self) -> IntArray:
        if self._labels is None and self.folder.is_finished:
            self._labels = np.array(list(read_labels(self.folder).values()), np.int64)
        return np.zeros(0, np.int64) if self._labels is None else self._labels


def _member_record(member: MemberRecord, known: int) -> dict[str, Any]:
    return {
        "number": member.number,
        "max_epochs": member.max_epochs,
        "n_training": member.n_training,
        "is_finished": member.is_finished,
        "weights": dict(member.weights),
        "last_epoch": int(member.epochs[-1]["epoch"]) if member.epochs else -1,
        "epochs": [record for record in member.epochs if record["epoch"] > known],
        "snapshots": list(member.snapshots),
    }


def _terms(training: TrainingState) -> list[str]:
    """Names of the terms of the loss, in the order in which they were recorded."""
    names = {name: None for one in training.members for record in one.epochs for name in record}
    return [name for name in names if name not in _NOT_TERMS]


def _recorded_agreement(folder: RunFolder) -> dict[int, float]:
    try:
        members = read_json(folder.metrics_json)["ensemble"]["members"]
        return {int(one["fold"]): float(one["agreement"]) for one in members}
    except (InputError, KeyError, TypeError, ValueError):
        return {}


def _size(folder: RunFolder) -> int:
    try:
        return folder.run_log.stat().st_size
    except OSError:
        return 0
