"""The equivariant autoencoder: estimator, training, objectives, augmentation, first weights."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from equiclust.autoencoder.augmentation import Augmentation
    from equiclust.autoencoder.baseline import non_equivariant_baseline
    from equiclust.autoencoder.estimator import EquivariantAutoencoder
    from equiclust.autoencoder.objectives import ObjectiveWeights, PerceptualLoss, find_weights
    from equiclust.autoencoder.pretrained import (
        has_pretrained_weights,
        pretrained_weights,
        start_from,
    )
    from equiclust.autoencoder.schedule import warm_cosine
    from equiclust.autoencoder.training import TrainingConfig

# Looked up on first use, since the estimator imports Lightning and the other files do not.
_HOMES = {
    "Augmentation": "equiclust.autoencoder.augmentation",
    "EquivariantAutoencoder": "equiclust.autoencoder.estimator",
    "ObjectiveWeights": "equiclust.autoencoder.objectives",
    "PerceptualLoss": "equiclust.autoencoder.objectives",
    "TrainingConfig": "equiclust.autoencoder.training",
    "find_weights": "equiclust.autoencoder.objectives",
    "has_pretrained_weights": "equiclust.autoencoder.pretrained",
    "non_equivariant_baseline": "equiclust.autoencoder.baseline",
    "pretrained_weights": "equiclust.autoencoder.pretrained",
    "start_from": "equiclust.autoencoder.pretrained",
    "warm_cosine": "equiclust.autoencoder.schedule",
}

__all__ = [
    "Augmentation",
    "EquivariantAutoencoder",
    "ObjectiveWeights",
    "PerceptualLoss",
    "TrainingConfig",
    "find_weights",
    "has_pretrained_weights",
    "non_equivariant_baseline",
    "pretrained_weights",
    "start_from",
    "warm_cosine",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
