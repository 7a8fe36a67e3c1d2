"""Latents of images that an ensemble has encoded before."""

from __future__ import annotations

import numpy as np

from ensembles import KFoldEnsemble
from equiclust.images import ImageSet
from equiclust.io.fit_record import array_digest
from equiclust.typing import Float32Array

__all__ = ["KnownLatents"]


class KnownLatents:
    """Encodes images by an ensemble and remembers the latents.

    Parameters
    ----------
    ensemble : KFoldEnsemble
        Fitted.
    """

    def __init__(self, ensemble: KFoldEnsemble) -> None:
        self._ensemble = ensemble
        self._known: dict[str, Float32Array] = {}

    def encode(self, pixels: Float32Array) -> Float32Array:
        """Encode images without masks, known or not.

        Parameters
        ----------
        pixels : ndarray (n, c, h, w), float32

        Returns
        -------
        ndarray (n, d), float32
            As from `KFoldEnsemble.transform`.
        """
        latents: Float32Array = self._ensemble.transform(pixels)
        self._known |= {
            array_digest(image): latent for image, latent in zip(pixels, latents, strict=True)
        }
        return latents

    def look_up(self, images: ImageSet) -> Float32Array:
        """Encode those of the images that have a mask, or that were never encoded.

        Parameters
        ----------
        images : ImageSet

        Returns
        -------
        ndarray (n, d), float32
        """
        # A mask hides more than its own pixels where an encoder turns images by splines.
        found = [
            None if image.mask.any() else self._known.get(array_digest(image.pixels))
            for image in images
        ]
        unknown = [row for row, latent in enumerate(found) if latent is None]
        encoded = iter(self._ensemble.transform(images.take(np.array(unknown))) if unknown else ())
        return np.stack([next(encoded) if latent is None else latent for latent in found])
