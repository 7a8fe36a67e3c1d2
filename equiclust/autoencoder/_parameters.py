"""Parameters of an autoencoder: stored, checked, and as configurations of its parts."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import fields as dataclass_fields
from functools import lru_cache
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from equiclust.autoencoder.augmentation import Augmentation
from equiclust.autoencoder.objectives import ObjectiveWeights, PerceptualNetwork
from equiclust.autoencoder.pretrained import upgrade_start
from equiclust.autoencoder.training_config import Precision, TrainingConfig
from equiclust.exceptions import InputError
from equiclust.io.estimators import SaveLoadMixin
from equiclust.memory import readable_size, total_memory
from equiclust.nn.device import DEVICES, seeded
from equiclust.nn.network import AutoencoderNetwork, NetworkConfig
from equiclust.preprocessing import Preprocessor
from equiclust.typing import BoolArray, Float32Array
from equiclust.validation import (
    check_choice,
    check_flag,
    check_mapping,
    check_names,
    check_positive,
    check_random_state,
    check_whole,
    is_real,
    shown,
)

__all__: list[str] = []

# Of a weight in training, with its gradient and the two moments of the optimiser.
_BYTES = 16


class AutoencoderParameters(SaveLoadMixin):
    """Parameters of `EquivariantAutoencoder`, which documents them."""

    def __init__(
        self,
        group: str = "D8",
        *,
        latent_dim: int = 32,
        size: int = 64,
        fields: Sequence[int] = (4, 8, 12, 16),
        map_fields: int = 4,
        detail_fields: int = 1,
        annuli: int = 4,
        harmonics: int = 0,
        objective: Mapping[str, float] | None = None,
        augmentation: Mapping[str, float] | None = None,
        perceptual: PerceptualNetwork | None = "alexnet",
        perceptual_weights: str | None = None,
        pretrained: bool = True,
        preprocess: bool | Mapping[str, Any] = True,
        max_epochs: int = 30,
        batch_size: int = 32,
        learning_rate: float = 5e-3,
        validation_fraction: float = 0.1,
        patience: int | None = None,
        device: str = "auto",
        devices: int = 1,
        precision: Precision = "32-true",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.group: str = group
        self.latent_dim: int = latent_dim
        self.size = size
        self.fields: Sequence[int] = fields
        self.map_fields: int = map_fields
        self.detail_fields: int = detail_fields
        self.annuli: int = annuli
        self.harmonics: int = harmonics
        self.objective = objective
        self.augmentation = augmentation
        self.perceptual = perceptual
        self.perceptual_weights = perceptual_weights
        self.pretrained: bool = pretrained
        self.preprocess = preprocess
        self.max_epochs = max_epochs
        self.batch_size: int = batch_size
        self.learning_rate: float = learning_rate
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.device = device
        self.devices = devices
        self.precision = precision
        self.random_state = random_state

    @property
    def preprocessor(self) -> Preprocessor:
        """What is done to the images first."""
        chosen = self.preprocess if isinstance(self.preprocess, Mapping) else {}
        return Preprocessor(size=self.size, **chosen)

    def _check_parameters(self) -> None:
        if isinstance(self.fields, str | bytes) or not isinstance(self.fields, Sequence):
            raise InputError(f"fields must be a sequence of widths, got {shown(self.fields)}")
        _check_memory(self._network_config(1))
        for name, kind in (("objective", ObjectiveWeights), ("augmentation", Augmentation)):
            if getattr(self, name) is not None:
                check_mapping(name, getattr(self, name), _field_names(kind))
                kind(**getattr(self, name))
        self._check_preprocess()
        for name in ("max_epochs", "batch_size", "devices"):
            check_whole(name, getattr(self, name))
        if self.devices > self.batch_size:
            raise InputError(
                f"devices must be at most batch_size ({self.batch_size}), got {self.devices}"
            )
        if self.patience is not None:
            check_whole("patience", self.patience)
            if not ObjectiveWeights(**(self.objective or {})).reconstruction:
                raise InputError(
                    "patience must be None when objective has weight 0 on mse and perceptual, "
                    f"since nothing is reconstructed, got {self.patience!r}"
                )
        check_positive("learning_rate", self.learning_rate)
        if not is_real(self.validation_fraction) or not 0 <= self.validation_fraction < 1:
            raise InputError(
                "validation_fraction must be from 0 to below 1, got "
                f"{shown(self.validation_fraction)}"
            )
        check_flag("pretrained", self.pretrained)
        check_choice("device", self.device, DEVICES)
        check_choice("precision", self.precision, get_args(Precision))
        check_random_state(self.random_state)
        self._check_perceptual()

    def _check_preprocess(self) -> None:
        if isinstance(self.preprocess, Mapping):
            known = sorted(set(Preprocessor().get_params()) - {"size"})
            check_names("preprocess", self.preprocess, known)
            self.preprocessor._check()
        elif not isinstance(self.preprocess, bool):
            raise InputError(
                f"preprocess must be True, False or a mapping, got {shown(self.preprocess)}"
            )

    def _check_perceptual(self) -> None:
        if self.perceptual is not None:
            check_choice("perceptual", self.perceptual, get_args(PerceptualNetwork))
        if not isinstance(self.perceptual_weights, str | os.PathLike | None):
            raise InputError(
                "perceptual_weights must be the path of a file, or None, got "
                f"{shown(self.perceptual_weights)}"
            )

    def _network_config(self, channels: int) -> NetworkConfig:
        return NetworkConfig(
            group=self.group,
            in_channels=channels,
            size=self.size,
            fields=tuple(self.fields),
            map_fields=self.map_fields,
            detail_fields=self.detail_fields,
            annuli=self.annuli,
            harmonics=self.harmonics,
            latent_dim=self.latent_dim,
        )

    def _new_network(self, channels: int, seed: int) -> AutoencoderNetwork:
        config = self._network_config(channels)
        _check_memory(config)
        with seeded(seed):
            return AutoencoderNetwork(config)

    def _config(self, seed: int) -> TrainingConfig:
        return TrainingConfig(
            max_epochs=self.max_epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            patience=self.patience,
            seed=seed,
            device=self.device,
            devices=self.devices,
            precision=self.precision,
        )

    def _held_out(self, n: int, given: npt.ArrayLike | None, seed: int) -> Tensor:
        if given is None:
            return _drawn_apart(n, self.validation_fraction, seed)
        chosen = np.asarray(given)
        if chosen.shape != (n,) or chosen.dtype != bool or np.sum(~chosen) < 2:
            raise InputError(
                f"held_out must be {n} booleans of which at least 2 are False, got shape "
                f"{chosen.shape} and dtype {chosen.dtype}"
            )
        return torch.from_numpy(chosen.copy())

    @classmethod
    def _upgrade_parameters(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        return upgrade_start(parameters)

    @staticmethod
    def _check_prepared(
        pixels: Float32Array, positive_pairs: tuple[Float32Array, BoolArray] | None
    ) -> None:
        if len(pixels) < 2:
            raise InputError(f"training needs at least 2 images, got {len(pixels)}")
        if positive_pairs is not None and positive_pairs[0].shape != pixels.shape:
            raise InputError(
                "positive_pairs must be as many as the images and of as many channels, got shape "
                f"{positive_pairs[0].shape} for {pixels.shape}"
            )


def _drawn_apart(n: int, fraction: float, seed: int) -> Tensor:
    """Which images validate, `(n,)` bool; at least two are always left for training."""
    count = min(round(fraction * n), n - 2)
    chosen = torch.randperm(n, generator=torch.Generator().manual_seed(seed))[:count]
    held_out = torch.zeros(n, dtype=torch.bool)
    held_out[chosen] = True
    return held_out


def _field_names(kind: type[ObjectiveWeights | Augmentation]) -> list[str]:
    return [field.name for field in dataclass_fields(kind)]


def _check_memory(config: NetworkConfig) -> None:
    """Refuse a network that is larger than the memory of this machine."""
    there = total_memory()
    if there is None:
        return
    # An image alone may be too large, so that its network is not looked at.
    need = 4 * config.image_numbers
    if need <= there:
        need = _BYTES * _n_weights(config)
    if need > there:
        raise InputError(
            f"the network needs {readable_size(need)} of memory and this machine has "
            f"{readable_size(there)}; lower latent_dim ({config.latent_dim}), size ({config.size}) "
            "or fields"
        )


@lru_cache(maxsize=32)
def _n_weights(config: NetworkConfig) -> int:
    """Numbers in a network, which is not made."""
    with torch.device("meta"):
        network = AutoencoderNetwork(config)
    return sum(one.numel() for one in (*network.parameters(), *network.buffers()))
