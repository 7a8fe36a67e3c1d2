"""What encoders share that show images to another encoder, in other orientations."""

from __future__ import annotations

import numpy as np

from equiclust.encoders._stateless import StatelessEncoder
from equiclust.encoders.latent_table import LatentTable
from equiclust.encoders.protocol import Encoder
from equiclust.exceptions import InputError
from equiclust.images import ImageSet
from equiclust.typing import Float32Array
from equiclust.validation import check_whole, shown

__all__: list[str] = []


class WrappingEncoder(StatelessEncoder):
    """An encoder around another one, whose subclass encodes a batch in `_encode_moved`."""

    encoder: Encoder
    batch_size: int

    @property
    def latent_dim(self) -> int:
        """Length of a vector."""
        return self.encoder.latent_dim

    def _check_parameters(self) -> None:
        if not callable(getattr(self.encoder, "transform", None)):
            raise InputError(f"encoder must be an encoder of images, got {shown(self.encoder)}")
        if isinstance(self.encoder, LatentTable):
            raise InputError("encoder must look at the pixels, got a table of vectors")
        check_whole("batch_size", self.batch_size, largest=10**5)

    def _encode_moved(self, images: ImageSet) -> Float32Array:
        """Vectors `(n, d)` of at most `batch_size` images."""
        raise NotImplementedError

    def _vectors(self, images: ImageSet) -> Float32Array:
        parts = [
            self._encode_moved(images[start : start + self.batch_size])
            for start in range(0, len(images), self.batch_size)
        ]
        return np.concatenate(parts)
