"""The equivariant autoencoder: estimator, training, objectives, augmentation, first weights."""

from typing import TYPE_CHECKING

from equiclust._lazy import lazy_names

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

__all__ = [
    "Augmentation",
    "EquivariantAutoencoder",
    "ObjectiveWeights",
    "PerceptualLoss",
    "find_weights",
    "has_pretrained_weights",
    "non_equivariant_baseline",
    "pretrained_weights",
    "start_from",
    "warm_cosine",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    __all__,
    {
        "Augmentation": "equiclust.autoencoder.augmentation",
        "EquivariantAutoencoder": "equiclust.autoencoder.estimator",
        "ObjectiveWeights": "equiclust.autoencoder.objectives",
        "PerceptualLoss": "equiclust.autoencoder.objectives",
        "find_weights": "equiclust.autoencoder.objectives",
        "has_pretrained_weights": "equiclust.autoencoder.pretrained",
        "non_equivariant_baseline": "equiclust.autoencoder.baseline",
        "pretrained_weights": "equiclust.autoencoder.pretrained",
        "start_from": "equiclust.autoencoder.pretrained",
        "warm_cosine": "equiclust.autoencoder.schedule",
    },
)
