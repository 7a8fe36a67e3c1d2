"""Checkpoints of a training, and the fit that they belong to."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor

from equiclust.io.atomic import atomic_path
from equiclust.io.fit_record import recorded_fit
from equiclust.io.manifest import DAMAGE

__all__ = [
    "SEED",
    "AtomicCheckpoints",
    "find_checkpoint",
    "keep_last_checkpoint",
    "recorded_seed",
    "set_aside_if_damaged",
]

_LAST = "last"
# Of a checkpoint, beside the weights.
_ENTRIES = frozenset({"callbacks", "epoch", "loops", "lr_schedulers", "optimizer_states"})
SEED = "the seed drawn from random_state"
"""Name of the seed in the record of a fit."""


def find_checkpoint(folder: Path) -> Path | None:
    """The file from which a training in a folder goes on.

    Parameters
    ----------
    folder : path

    Returns
    -------
    path or None
        None when no epoch has been completed there.
    """
    path = folder / f"{_LAST}.ckpt"
    return path if path.is_file() else None


def set_aside_if_damaged(folder: Path, weights: Mapping[str, Tensor]) -> str:
    """Give a damaged checkpoint another name, so that the training starts anew.

    Parameters
    ----------
    folder : path
    weights : mapping of str to Tensor
        What a checkpoint must hold: tensors of these names and shapes.

    Returns
    -------
    str
        What the user should know; empty when nothing is damaged.
    """
    path = find_checkpoint(folder)
    damage = "" if path is None else _damage(path, weights)
    if path is None or not damage:
        return ""
    aside = path.with_name(f"{path.name}.damaged")
    os.replace(path, aside)
    return (
        f"The checkpoint {str(path)!r} was damaged ({damage}), so that the training started anew; "
        f"it is kept as {aside.name!r}."
    )


def _damage(path: Path, weights: Mapping[str, Tensor]) -> str:
    """What is wrong with a checkpoint; empty when nothing is."""
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
        if broken is not None:
            return f"{broken} is not what was written"
        content = torch.load(path, map_location="cpu", weights_only=True)
        found = content["state_dict"]
        missing = _ENTRIES - set(content)
        shapes = {name: tuple(value.shape) for name, value in found.items()}
    except (OSError, EOFError, zipfile.BadZipFile, pickle.UnpicklingError, *DAMAGE) as error:
        return " ".join(str(error).split())[:200] or type(error).__name__
    if missing:
        return f"it has no {min(missing)}"
    if shapes != {name: tuple(value.shape) for name, value in weights.items()}:
        return "its weights are those of another network"
    return ""


class AtomicCheckpoints(TorchCheckpointIO):
    """Checkpoints written whole or not at all."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        """Write a checkpoint; called by Lightning.

        Parameters
        ----------
        checkpoint : dict
        path : path-like
        storage_options : object, optional
            Not used.
        """
        # In memory first: what a full disk makes of torch's writer is no error of the system.
        content = io.BytesIO()
        torch.save(checkpoint, content)
        with atomic_path(path) as draft:
            draft.write_bytes(content.getbuffer())


def keep_last_checkpoint(folder: Path) -> ModelCheckpoint:
    """The callback that writes a checkpoint after every epoch, in place of the one before.

    Parameters
    ----------
    folder : path
        Made when missing.

    Returns
    -------
    lightning.pytorch.callbacks.ModelCheckpoint
    """
    return ModelCheckpoint(
        dirpath=folder,
        filename=_LAST,
        save_top_k=1,
        enable_version_counter=False,
        save_on_train_epoch_end=True,
    )


def recorded_seed(folder: Path) -> int | None:
    """The seed of the training that a folder holds a checkpoint of.

    Parameters
    ----------
    folder : path

    Returns
    -------
    int or None
        None when it holds no checkpoint, or one without a record.
    """
    seed = recorded_fit(folder).get(SEED) if find_checkpoint(folder) else None
    return seed if isinstance(seed, int) else None
