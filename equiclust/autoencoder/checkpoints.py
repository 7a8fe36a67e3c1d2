"""Checkpoints of a training, and the fit that they belong to."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from equiclust.io.fit_record import recorded_fit
from equiclust.io.manifest import DAMAGE

__all__ = [
    "LAST",
    "SEED",
    "find_checkpoint",
    "recorded_seed",
    "set_aside_if_damaged",
]

LAST = "last"
"""Name of the checkpoint of the last completed epoch."""

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
    path = folder / f"{LAST}.ckpt"
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
