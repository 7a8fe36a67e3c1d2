"""`Encoder`: what the rest of the package asks of anything that turns images into vectors."""

from __future__ import annotations

from typing import Protocol

from equiclust.images_like import ImagesLike
from equiclust.typing import Float32Array

__all__ = ["Encoder"]


class Encoder(Protocol):
    """Turns images into vectors: our autoencoder, any network, or a table of vectors."""

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
