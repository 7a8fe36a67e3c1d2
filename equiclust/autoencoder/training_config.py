"""Length, rate and device of a training, without what trains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["EpochRecord", "Precision", "TrainingConfig"]

EpochRecord = Mapping[str, float]
Precision = Literal["32-true", "bf16-mixed", "16-mixed"]


@dataclass(frozen=True)
class TrainingConfig:
    """Length, rate and device of a training.

    Parameters
    ----------
    max_epochs : int
        Passes over the images.
    batch_size : int
        Images in a batch.
    learning_rate : float
        The highest one of the schedule.
    patience : int or None
        Epochs without a better reconstruction of the held-out images before the training is
        brought to an end; see `Patience`.
    seed : int
        Determines the order of the images and every augmentation.
    device : {"auto", "cpu", "cuda", "mps"}, default "auto"
    devices : int, default 1
        Devices, or processes on the CPU, over which every batch is divided.
    precision : {"32-true", "bf16-mixed", "16-mixed"}, default "32-true"
    """

    max_epochs: int
    batch_size: int
    learning_rate: float
    patience: int | None
    seed: int
    device: str = "auto"
    devices: int = 1
    precision: Precision = "32-true"
