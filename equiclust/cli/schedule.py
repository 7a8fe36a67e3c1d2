"""How long to train when nobody says."""

from __future__ import annotations

__all__ = ["default_epochs"]

_VIEWS = 6000
_USUAL_SIZE = 128
_FEWEST, _MOST = 30, 300
_BATCH = 32
_HELD_OUT = 0.1


def default_epochs(n_images: int, size: int) -> int:
    """Epochs for so many images at this size.

    The network shall see about 6,000 views of images at 128 px, and more of smaller ones, which
    cost less: some minutes on two cores. An epoch sees whole batches only. There are at least 30
    epochs, however many images, and at most 300, however few.

    Parameters
    ----------
    n_images : int
        All that are given to `EquivariantAutoencoder.fit`.
    size : int
        Side in pixels at which the network sees them.
    """
    training = max(n_images - round(_HELD_OUT * n_images), 1)
    batch = min(_BATCH, training)
    views = _VIEWS * _USUAL_SIZE / size
    return max(_FEWEST, min(_MOST, round(views / (training // batch * batch))))
