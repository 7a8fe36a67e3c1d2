"""Small networks and images for the tests of encoders."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from equiclust.encoders import TorchvisionEncoder
from equiclust.typing import Float32Array

__all__ = ["photographs", "small_module", "small_resnet"]


def photographs(n: int, height: int, width: int | None = None, *, seed: int = 0) -> Float32Array:
    """Images `(n, 1, height, width)` in 0 to 1 without any symmetry."""
    shape = (n, 1, height, width or height)
    return np.random.default_rng(seed).random(shape, np.float32)


def small_resnet(layer: str = "layer1", **parameters: Any) -> TorchvisionEncoder:
    """The beginning of a ResNet with random weights: it has strides, padding and normalisation."""
    return TorchvisionEncoder(
        **{"network": "resnet18", "layer": layer, "weights": "random"} | parameters
    )


def small_module() -> nn.Module:
    """Strided convolutions that are not invariant under anything, and dropout."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(1, 6, 5, stride=2), nn.ReLU(), nn.Dropout(0.5), nn.Conv2d(6, 5, 3, stride=2)
        )
