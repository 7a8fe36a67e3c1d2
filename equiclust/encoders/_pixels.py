"""What encoders of pixels share: images in batches of one shape, vectors out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin

from equiclust.exceptions import InputError
from equiclust.image_estimator import TakesImages
from equiclust.images import ImageSet, as_image_set
from equiclust.typing import Float32Array, IntArray

__all__: list[str] = []


class PixelEncoder(
    TakesImages,
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]  # scikit-learn has no annotations
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """An encoder that learns nothing from the images that it is given.

    A subclass checks its parameters in `_check_parameters` and encodes a batch of one shape in
    `_encode`. What it has read from files it keeps as `_cache`, which is not pickled.
    """

    batch_size: int

    @property
    def latent_dim(self) -> int:
        """Length of a vector; known after the first images."""
        if not hasattr(self, "_latent_dim"):
            raise InputError(
                f"latent_dim of this {type(self).__name__} is known after its first transform"
            )
        return int(self._latent_dim)

    @property
    def _n_features_out(self) -> int:
        return self.latent_dim

    def _check_parameters(self) -> None:
        raise NotImplementedError

    def _encode(self, pixels: Float32Array) -> Float32Array:
        """Vectors `(n, d)` of at most `batch_size` images `(n, c, h, w)`, 0 where masked."""
        raise NotImplementedError

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_cache"}

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        """Tags of the estimator, as scikit-learn asks for them.

        Returns
        -------
        sklearn.utils.Tags
        """
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags

    def fit(self, images: object = None, y: object = None) -> Self:
        """Check the parameters; nothing is learned.

        Parameters
        ----------
        images : object, optional
            Ignored.
        y : object, optional
            Ignored.

        Returns
        -------
        Self
        """
        self._check_parameters()
        return self

    def transform(self, images: ImageSet | npt.ArrayLike) -> Float32Array:
        """Encode images.

        Parameters
        ----------
        images : ImageSet or array-like (n, h, w) or (n, c, h, w)
            Of one size or of many. What is masked is seen as 0.

        Returns
        -------
        ndarray (n, latent_dim), float32

        Raises
        ------
        InputError
            When a parameter or an image cannot be used.
        """
        self._check_parameters()
        given = as_image_set(images)
        if not len(given):
            raise InputError("images must hold at least one image, got none")
        batches = list(_of_one_shape(given, self.batch_size))
        encoded = [self._encode(_seen(given.take(rows))) for rows in batches]
        if len({part.shape[1] for part in encoded}) > 1:
            raise InputError(
                f"{type(self).__name__} must give vectors of one length for images of all sizes, "
                f"got {', '.join(str(n) for n in sorted({part.shape[1] for part in encoded}))}"
            )
        latents = np.concatenate(encoded)[np.argsort(np.concatenate(batches))]
        _check_finite(latents, given, type(self).__name__)
        self._latent_dim = latents.shape[1]
        return latents


def _of_one_shape(images: ImageSet, most: int) -> Iterator[IntArray]:
    """Indices of images of one shape, at most so many at a time."""
    shapes = np.array([image.shape for image in images])
    for shape in sorted(images.shapes):
        rows = np.flatnonzero((shapes == shape).all(axis=1))
        for start in range(0, len(rows), most):
            yield rows[start : start + most]


def _seen(images: ImageSet) -> Float32Array:
    return np.stack([np.where(image.mask, np.float32(0.0), image.pixels) for image in images])


def _check_finite(latents: Float32Array, images: ImageSet, encoder: str) -> None:
    broken = ~np.isfinite(latents).all(axis=1)
    if broken.any():
        raise InputError(
            f"{encoder} must give finite vectors, got NaN or infinity for {int(broken.sum())} of "
            f"{len(images)} images, first for image {images.ids[int(broken.argmax())]!r}"
        )
