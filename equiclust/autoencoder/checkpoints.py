"""Checkpoints of a training, and the fit that they belong to."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn

from equiclust.io.fit_record import array_digest, recorded_fit

if TYPE_CHECKING:
    from equiclust.autoencoder.training import AutoencoderTraining

__all__ = ["find_checkpoint", "keep_last_checkpoint", "recorded_seed", "training_inputs"]

_LAST = "last"
_SEED = "the seed drawn from random_state"


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
    seed = recorded_fit(folder).get(_SEED) if find_checkpoint(folder) else None
    return seed if isinstance(seed, int) else None


def training_inputs(module: AutoencoderTraining) -> dict[str, Any]:
    """Everything but the images that decides what a training ends with, by its argument's name.

    The device is left out: a training may go on elsewhere.

    Parameters
    ----------
    module : AutoencoderTraining
        Before the first step.

    Returns
    -------
    dict of str to object
        Parameters as JSON can hold them, and digests of the weights that the network starts with
        and of the weights of the perceptual network.
    """
    config = asdict(module.config)
    del config["device"]
    seed = config.pop("seed")
    return {
        **asdict(module.network.config),
        **config,
        _SEED: seed,
        "objective": asdict(module.weights),
        "augmentation": asdict(module.augmentation),
        "perceptual": None if module.perceptual is None else _weights(module.perceptual),
        "initial weights": _weights(module.network),
    }


def _weights(network: nn.Module) -> str:
    return array_digest(*(value.cpu().numpy() for value in network.state_dict().values()))
