"""The default number of epochs."""

from __future__ import annotations

from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.autoencoder.pretrained import has_pretrained_weights

__all__ = ["default_epochs"]

_VIEWS, _VIEWS_FROM_START = 6000, 960
_USUAL_SIZE = 128
_FEWEST, _MOST = 30, 300
_FEWEST_FROM_START = 10
# Training images from which on the fewest epochs are fewer.
_MANY = 4000


def default_epochs(n_images: int, autoencoder: EquivariantAutoencoder) -> int:
    """Number of epochs for a set of images.

    The network sees about 6,000 augmented images of 128 px when it starts from random weights, 960
    when it starts from pretrained ones, and more of smaller images, which cost less. An epoch sees
    whole batches only.

    Parameters
    ----------
    n_images : int
        Images given to `EquivariantAutoencoder.fit`, those for validation included.
    autoencoder : EquivariantAutoencoder
        Not fitted; its size, batch size and starting weights count.

    Returns
    -------
    int
        At least 30, or 10 from pretrained weights, and at most 300; of more than 4,000 images at
        least as many as make the same number of views.
    """
    started = autoencoder.pretrained and has_pretrained_weights(autoencoder.group, autoencoder.size)
    views, fewest = (_VIEWS_FROM_START, _FEWEST_FROM_START) if started else (_VIEWS, _FEWEST)
    training = max(n_images - round(autoencoder.validation_fraction * n_images), 1)
    batch = min(autoencoder.batch_size, training)
    fewest = max(1, min(fewest, round(fewest * _MANY / training)))
    wanted = views * _USUAL_SIZE / autoencoder.size
    return max(fewest, min(_MOST, round(wanted / (training // batch * batch))))
