"""What all encoders share that learn nothing: the face of an estimator of scikit-learn's."""

from __future__ import annotations

from typing import Any, Self

from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin

from equiclust.exceptions import InputError
from equiclust.image_estimator import TakesImages
from equiclust.images import ImageSet
from equiclust.images_like import ImagesLike, as_image_set
from equiclust.typing import Float32Array

__all__: list[str] = []


class StatelessEncoder(
    TakesImages,
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]  # scikit-learn has no annotations
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """An encoder that learns nothing from the images that it is given.

    A subclass checks its parameters in `_check_parameters` and encodes images in `_vectors`. What
    it has read from files it keeps as `_cache`, which is not pickled.
    """

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

    def _vectors(self, images: ImageSet) -> Float32Array:
        """Vectors `(n, d)` of at least one image."""
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

    def transform(self, images: ImagesLike) -> Float32Array:
        """Encode images.

        Parameters
        ----------
        images : ImageSet, array-like (n, h, w) or (n, c, h, w), or another of `ImagesLike`
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
        latents = self._vectors(given)
        self._latent_dim = latents.shape[1]
        return latents
