"""How long to train when nobody says."""

from __future__ import annotations

from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.autoencoder.pretrained import has_pretrained_weights

__all__ = ["default_epochs"]

_VIEWS, _VIEWS_FROM_START = 6000, 960
_USUAL_SIZE = 128
_FEWEST, _MOST = 30, 300
_FEWEST_FROM_START = 10


def default_epochs(n_images: int, autoencoder: EquivariantAutoencoder) -> int:
    """Epochs for so many images.

    From random weights the network shall see about 6,000 views of images at 128 px, from weights
    that come with the package 960, and more of smaller ones, which cost less. An epoch sees whole
    batches only. There are at least 30 epochs, or 10, however many images, and at most 300.

    Parameters
    ----------
    n_images : int
        All that are given to `EquivariantAutoencoder.fit`.
    autoencoder : EquivariantAutoencoder
        Not fitted.
    """
    started = autoencoder.start == "shipped" and has_pretrained_weights(
        autoencoder.group, autoencoder.size
    )
    views, fewest = (_VIEWS_FROM_START, _FEWEST_FROM_START) if started else (_VIEWS, _FEWEST)
    training = max(n_images - round(autoencoder.validation_fraction * n_images), 1)
    batch = min(autoencoder.batch_size, training)
    wanted = views * _USUAL_SIZE / autoencoder.size
    return max(fewest, min(_MOST, round(wanted / (training // batch * batch))))
