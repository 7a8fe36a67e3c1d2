"""What decides the result of a training, by which a stopped one is recognised."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from torch import nn

from equiclust.autoencoder.checkpoints import SEED
from equiclust.autoencoder.training import AutoencoderTraining
from equiclust.io.fit_record import array_digest

__all__ = ["training_inputs"]


def training_inputs(module: AutoencoderTraining) -> dict[str, Any]:
    """Everything but the images that decides the result of a training, before its first step.

    The devices are left out: a training may be resumed on others.

    Parameters
    ----------
    module : AutoencoderTraining
        Not trained yet.

    Returns
    -------
    dict of str to object
        Parameters, and digests of weights.
    """
    config = asdict(module.config)
    del config["device"], config["devices"]
    seed = config.pop("seed")
    return {
        **asdict(module.network.config),
        **config,
        SEED: seed,
        "objective": asdict(module.weights),
        "augmentation": asdict(module.augmentation),
        "perceptual": None if module.perceptual is None else _weights(module.perceptual),
        "initial weights": _weights(module.network),
    }


def _weights(network: nn.Module) -> str:
    return array_digest(*(value.cpu().numpy() for value in network.state_dict().values()))
