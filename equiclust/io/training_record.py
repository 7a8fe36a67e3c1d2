"""The record of a training as it is read, while it goes on or later; read without torch."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from equiclust.exceptions import InputError
from equiclust.io.atomic import read_json
from equiclust.io.regular_files import open_regular
from equiclust.io.run_folder import RunFolder
from equiclust.typing import Array, Float32Array, IntArray, PathLike

__all__ = [
    "EPOCHS",
    "IMAGES",
    "PLAN",
    "SNAPSHOTS",
    "MemberRecord",
    "ShownImages",
    "Snapshot",
    "TrainingState",
    "read_shown_images",
    "read_snapshot",
    "read_training",
    "snapshot_name",
]

EPOCHS = "epochs.jsonl"
"""Name of the file with one line for each epoch of a member."""

PLAN = "plan.json"
"""Name of the file with what is known before the first epoch."""

SNAPSHOTS = "snapshots"
"""Name of the folder of pictures and latents."""

IMAGES = "images.npz"
"""Name of the file with the images that the snapshots reconstruct."""

_SNAPSHOT = re.compile(r"(\d{6})\.npz")
_MEMBER = re.compile(r"member_(\d{2,})")
_FINISHED = "finished"
# Of a file that is read whole at every look.
_LONGEST = 20_000_000
_LARGEST_EPOCH = 10**6


@dataclass(frozen=True, eq=False)
class ShownImages:
    """Images that every snapshot of a member reconstructs.

    Parameters
    ----------
    images : ndarray (m, c, h, w), uint8
        0 is black and 255 white, the first row at the bottom; `m` is 0 where there are none.
    rows : ndarray (m,), int
        Their numbers among all images.
    latent_rows : ndarray (l,), int
        Numbers of the images whose latents the snapshots hold.
    """

    images: Array
    rows: IntArray
    latent_rows: IntArray


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Reconstructions and latents by a network at the end of an epoch.

    Parameters
    ----------
    reconstructions : ndarray (m, c, h, w), uint8
        `m` is 0 where there are none.
    latents : ndarray (l, d), float32
        `l` is 0 in a snapshot without latents, or when they are not finite.
    """

    reconstructions: Array
    latents: Float32Array


@dataclass(frozen=True, eq=False)
class MemberRecord:
    """What the folder of one member tells of its training.

    Parameters
    ----------
    number : int
        From 0.
    folder : Path
    epochs : list of dict, optional
        A record for each epoch, in order: "epoch", the terms of the loss, "total",
        "validation_mse" where images are held out, "learning_rate", and "seconds". A value that
        was not finite is missing.
    max_epochs : int or None, optional
        Planned length, where it is known.
    n_training : int or None, optional
        Images that it is trained on, where that is known.
    weights : mapping of str to float, optional
        Of the terms in the total.
    snapshots : tuple of int, optional
        Epochs of which there is a snapshot, ascending.
    is_finished : bool, default False
        Whether the trained network is there.
    """

    number: int
    folder: Path
    epochs: list[dict[str, float]] = field(default_factory=list)
    max_epochs: int | None = None
    n_training: int | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    snapshots: tuple[int, ...] = ()
    is_finished: bool = False


@dataclass(frozen=True, eq=False)
class TrainingState:
    """What the folder of a run tells of the training of its networks.

    Parameters
    ----------
    members : tuple of MemberRecord, optional
        By number; those that have begun.
    n_members : int or None, optional
        Networks to be trained, where that is known.
    """

    members: tuple[MemberRecord, ...] = ()
    n_members: int | None = None


def snapshot_name(epoch: int) -> str:
    """Name of the file of a snapshot.

    Parameters
    ----------
    epoch : int
        From 0.

    Returns
    -------
    str
    """
    return f"{epoch:06d}.npz"


def read_training(run_folder: PathLike) -> TrainingState:
    """Read the records of all members of a run, finished or not.

    What is damaged, half written or missing is left out. Epochs that a finished run did not record
    one by one are those of its metrics.

    Parameters
    ----------
    run_folder : path-like
        Folder of the run.

    Returns
    -------
    TrainingState
    """
    folder = RunFolder(Path(run_folder))
    members = []
    for path in _entries(folder.checkpoints):
        found = _MEMBER.fullmatch(path.name)
        if found and path.is_dir():
            members.append(_read_member(int(found[1]), path))
    members.sort(key=lambda member: member.number)
    return TrainingState(tuple(_with_histories(folder, members)), _planned_members(folder))


def read_shown_images(member: MemberRecord) -> ShownImages:
    """Read the images that the snapshots of a member reconstruct.

    Parameters
    ----------
    member : MemberRecord

    Returns
    -------
    ShownImages
        Empty when there are none, or the file is damaged.
    """
    found = _read_npz(member.folder / SNAPSHOTS / IMAGES)
    images = _pixels(found.get("images"))
    rows, latent_rows = (_numbers(found.get(name)) for name in ("rows", "latent_rows"))
    return ShownImages(images, rows[: len(images)], latent_rows)


def read_snapshot(member: MemberRecord, epoch: int) -> Snapshot:
    """Read a snapshot.

    Parameters
    ----------
    member : MemberRecord
    epoch : int

    Returns
    -------
    Snapshot
        Empty when there is none, or the file is damaged.
    """
    found = _read_npz(member.folder / SNAPSHOTS / snapshot_name(epoch))
    latents = found.get("latents")
    if latents is None or latents.ndim != 2 or latents.dtype.kind != "f":
        latents = np.zeros((0, 0), np.float32)
    latents = latents.astype(np.float32)
    if not np.isfinite(latents).all():
        latents = latents[:0]
    return Snapshot(_pixels(found.get("reconstructions")), latents)


def _read_member(number: int, folder: Path) -> MemberRecord:
    plan = _read_object(folder / PLAN)
    found = [_SNAPSHOT.fullmatch(path.name) for path in _entries(folder / SNAPSHOTS)]
    weights = plan.get("weights")
    return MemberRecord(
        number,
        folder,
        _read_epochs(folder / EPOCHS),
        _whole(plan.get("max_epochs")),
        _whole(plan.get("n_training")),
        _only_numbers(weights) if isinstance(weights, dict) else {},
        tuple(sorted(int(one[1]) for one in found if one)),
        (folder / _FINISHED).is_dir(),
    )


def _read_epochs(path: Path) -> list[dict[str, float]]:
    """The records by their epoch; a line that is no record, such as a torn last one, is skipped."""
    return _ordered(_parsed(line) for line in _text(path).splitlines())


def _parsed(line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _ordered(found: Iterable[object]) -> list[dict[str, float]]:
    """Those that are records of an epoch, each epoch once, as it was told last."""
    by_epoch: dict[int, dict[str, float]] = {}
    for record in found:
        epoch = _whole(record.get("epoch")) if isinstance(record, dict) else None
        if isinstance(record, dict) and epoch is not None and epoch <= _LARGEST_EPOCH:
            by_epoch[epoch] = {**_only_numbers(record), "epoch": epoch}
    return [by_epoch[epoch] for epoch in sorted(by_epoch)]


def _with_histories(folder: RunFolder, members: list[MemberRecord]) -> list[MemberRecord]:
    """The members, those without epochs with the ones that the metrics of the run hold."""
    if not folder.is_finished or (members and all(one.epochs for one in members)):
        return members
    metrics = _read_object(folder.metrics_json)
    histories, sizes = _histories(metrics), _training_sizes(metrics)
    # Without checkpoints there is nothing else that tells of the networks.
    known = members or [
        MemberRecord(number, folder.checkpoints / f"member_{number:02d}", is_finished=True)
        for number in range(len(histories))
    ]
    # Of how many networks, in the order of their members: else it is not known whose is which.
    if len(known) != len(histories):
        return members
    return [
        one
        if one.epochs
        else replace(one, epochs=epochs, n_training=one.n_training or sizes.get(one.number))
        for one, epochs in zip(known, histories, strict=True)
    ]


def _histories(metrics: Mapping[str, Any]) -> list[list[dict[str, float]]]:
    found = metrics.get("histories")
    if not isinstance(found, list):
        return []
    return [_ordered(one if isinstance(one, list) else []) for one in found]


def _training_sizes(metrics: Mapping[str, Any]) -> dict[int, int | None]:
    try:
        members = metrics["ensemble"]["members"]
        return {int(one["fold"]): _whole(one["n_training"]) for one in members}
    except (KeyError, TypeError, ValueError):
        return {}


def _planned_members(folder: RunFolder) -> int | None:
    try:
        return _whole(folder.read_config().get("n_folds"))
    except (InputError, KeyError, TypeError, ValueError):
        return None


def _read_object(path: Path) -> dict[str, Any]:
    try:
        return read_json(path)
    except InputError:
        return {}


def _text(path: Path) -> str:
    try:
        with open_regular(path) as file:
            return file.read(_LONGEST).decode("utf-8", errors="replace")
    except (InputError, OSError):
        return ""


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _read_npz(path: Path) -> dict[str, Array]:
    """Arrays of a file; none where it is missing or damaged. Nothing is ever unpickled."""
    try:
        with (
            open_regular(path, most_bytes=_LONGEST) as file,
            np.load(file, allow_pickle=False) as archive,
        ):
            return dict(archive)
    # What is damaged fails in zipfile, zlib, struct, tokenize or NumPy, each with its own error.
    except Exception:
        return {}


def _pixels(found: Array | None) -> Array:
    if found is None or found.ndim != 4 or found.dtype != np.uint8 or 0 in found.shape:
        return np.zeros((0, 1, 1, 1), np.uint8)
    return found


def _numbers(found: Array | None) -> IntArray:
    if found is None or found.ndim != 1 or found.dtype.kind not in "iu":
        return np.zeros(0, np.int64)
    return found.astype(np.int64)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _only_numbers(record: Mapping[str, Any]) -> dict[str, float]:
    return {
        str(name): value
        for name, value in record.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }
