"""`Encoder`: what the rest of the package asks of anything that turns images into vectors."""

from __future__ import annotations

from typing import Protocol

from equiclust.images_like import ImagesLike
from equiclust.typing import Float32Array

__all__ = ["Encoder"]


class Encoder(Protocol):
    """What turns images into vectors: our autoencoder, any network, or a table of vectors.

    Examples
    --------
    A class of your own, here with the moments of the brightness as vectors:

    >>> import numpy as np
    >>> from equiclust import simulate_discs
    >>> from equiclust.encoders import Encoder, GroupAveraged
    >>> class Moments:
    ...     latent_dim = 2
    ...
    ...     def transform(self, images):
    ...         pixels = images.pixels
    ...         return np.stack([pixels.mean(axis=(1, 2, 3)), pixels.std(axis=(1, 2, 3))], axis=1)
    >>> encoder: Encoder = Moments()
    >>> images, truth = simulate_discs(3, size=32, random_state=0)
    >>> GroupAveraged(encoder, "D4").transform(images).shape
    (3, 2)
    """

    @property
    def latent_dim(self) -> int:
        """Length of a vector."""

    def transform(self, images: ImagesLike) -> Float32Array:
        """Encode images.

        Parameters
        ----------
        images : ImageSet, array-like (n, h, w) or (n, c, h, w), or another of `ImagesLike`

        Returns
        -------
        ndarray (n, latent_dim), float32
        """
