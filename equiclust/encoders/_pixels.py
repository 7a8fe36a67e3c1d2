"""What encoders of pixels share: images in batches of one shape, vectors out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from equiclust.encoders._stateless import StatelessEncoder
from equiclust.exceptions import InputError
from equiclust.images import ImageSet
from equiclust.typing import Float32Array, IntArray

__all__: list[str] = []

# Pixels of an image of which a whole batch is encoded at a time.
_USUAL_PIXELS = 256 * 256


class PixelEncoder(StatelessEncoder):
    """An encoder of batches of one shape, which a subclass computes in `_encode`."""

    batch_size: int

    def _encode(self, pixels: Float32Array) -> Float32Array:
        """Vectors `(n, d)` of at most `batch_size` images `(n, c, h, w)`, 0 where masked."""
        raise NotImplementedError

    def _vectors(self, images: ImageSet) -> Float32Array:
        batches = list(_of_one_shape(images, self.batch_size))
        encoded = [self._encode(_seen(images.take(rows))) for rows in batches]
        if len({part.shape[1] for part in encoded}) > 1:
            raise InputError(
                f"{type(self).__name__} must give vectors of one length for images of all sizes, "
                f"got {', '.join(str(n) for n in sorted({part.shape[1] for part in encoded}))}"
            )
        latents = np.concatenate(encoded)[np.argsort(np.concatenate(batches))]
        _check_finite(latents, images, type(self).__name__)
        return latents


def _of_one_shape(images: ImageSet, most: int) -> Iterator[IntArray]:
    """Batches of indices of images of one shape, at most `most` each, and fewer of large ones."""
    shapes = np.array([image.shape for image in images])
    for shape in sorted(images.shapes):
        rows = np.flatnonzero((shapes == shape).all(axis=1))
        fitting = most * _USUAL_PIXELS // (shape[1] * shape[2])
        step = max(1, min(most, fitting))
        for start in range(0, len(rows), step):
            yield rows[start : start + step]


def _seen(images: ImageSet) -> Float32Array:
    return np.stack([np.where(image.mask, np.float32(0.0), image.pixels) for image in images])


def _check_finite(latents: Float32Array, images: ImageSet, encoder: str) -> None:
    broken = ~np.isfinite(latents).all(axis=1)
    if broken.any():
        raise InputError(
            f"{encoder} must give finite vectors, got NaN or infinity for {int(broken.sum())} of "
            f"{len(images)} images, first for image {images.ids[int(broken.argmax())]!r}"
        )
