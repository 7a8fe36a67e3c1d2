"""Checkpoints of a training, and the fit that they belong to."""

from __future__ import annotations

from pathlib import Path

from lightning.pytorch.callbacks import ModelCheckpoint

from equiclust.io.fit_record import recorded_fit

__all__ = ["SEED", "find_checkpoint", "keep_last_checkpoint", "recorded_seed"]

_LAST = "last"
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
