"""`WhitenedEncoder`: the features of an encoder on principal axes of unit variance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.utils.validation import check_is_fitted

from equiclust.encoders.group_averaged import GroupAveraged
from equiclust.encoders.protocol import Encoder
from equiclust.encoders.records import encoder_from_record, encoder_record
from equiclust.exceptions import InputError
from equiclust.image_estimator import TakesImages
from equiclust.images_like import ImagesLike
from equiclust.io.estimators import SaveLoadMixin, check_fits, check_ranks
from equiclust.typing import Array, Float32Array
from equiclust.validation import check_random_state, check_whole, shown

__all__ = ["WhitenedEncoder"]

# Of the training images: variances along more axes than this share of their number are noise.
_LARGEST_SHARE = 0.125
_LEAST_AXES = 8
# Axes are left out along which features vary less than this share of the largest variation, or of
# their own size, where float32 rounds: whitening would magnify what is nothing.
_LEAST_SPREAD, _ROUNDING = 1e-3, 1e-5


class WhitenedEncoder(
    TakesImages,
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]  # scikit-learn has no annotations
    TransformerMixin,  # type: ignore[misc]
    SaveLoadMixin,
):
    r"""Principal components of an encoder's features, each with unit variance.

    .. math::

        z = \Lambda^{-1/2}\, V^\top (f(x) - \mu)

    with the mean :math:`\mu` of the features :math:`f` of the training images, and the largest
    eigenvalues :math:`\Lambda` of their covariance with eigenvectors :math:`V` (Cohn & Holm 2021).
    Only this is learned; the encoder stays as it is.

    Parameters
    ----------
    encoder : Encoder, optional
        By default AlexNet, averaged over D4.
    latent_dim : int, default 32
        Number of components. Of few images fewer are kept, an eighth of their number and at least
        eight, and the others are 0.
    random_state : int, RandomState or None, default None
        Of the decomposition of many features.

    Attributes
    ----------
    mean_ : ndarray (d,), float32
        Of the features.
    components_ : ndarray (latent_dim, d), float32
        Principal axes, each divided by the standard deviation along it; in an ensemble that was
        refined by DEC, times the linear map that was learned there.

    References
    ----------
    Cohn & Holm (2021), "Unsupervised machine learning via transfer learning and k-means clustering
    to classify materials image data", Integr. Mater. Manuf. Innov. 10, 231.

    Examples
    --------
    >>> from equiclust import get_encoder, simulate_discs
    >>> from equiclust.encoders import WhitenedEncoder
    >>> images, truth = simulate_discs(20, size=32, random_state=0)
    >>> encoder = WhitenedEncoder(get_encoder("small_alexnet", group="D4"), latent_dim=4)
    >>> latents = encoder.fit_transform(images)
    >>> latents.std(axis=0, ddof=1)
    array([1., 1., 1., 1.], dtype=float32)
    """

    _file_stem = "encoder"

    def __init__(
        self,
        encoder: Encoder | None = None,
        *,
        latent_dim: int = 32,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.encoder = encoder
        self.latent_dim = latent_dim
        self.random_state = random_state

    @property
    def used_encoder(self) -> Encoder:
        """The encoder, or the default one."""
        if self.encoder is not None:
            return self.encoder
        if not hasattr(self, "_default"):
            from equiclust.encoders.registry import get_encoder

            self._default = get_encoder("alexnet", group="D4")
        return self._default

    @property
    def group(self) -> str:
        """Group under which the latents are invariant by construction; "trivial" for none."""
        encoder = self.used_encoder
        return encoder.group if isinstance(encoder, GroupAveraged) else "trivial"

    @property
    def _n_features_out(self) -> int:
        return self.latent_dim

    def _check_parameters(self) -> None:
        if self.encoder is not None and not callable(getattr(self.encoder, "transform", None)):
            raise InputError(f"encoder must have transform(images), got {shown(self.encoder)}")
        check_whole("latent_dim", self.latent_dim)
        check_random_state(self.random_state)

    def fit(self, images: ImagesLike, y: object = None) -> Self:
        """Learn mean and principal axes of the features of images.

        Parameters
        ----------
        images : ImageSet, array-like (n, h, w) or (n, c, h, w), or another of `ImagesLike`
            At least two different images.
        y : object, optional
            Ignored.

        Returns
        -------
        WhitenedEncoder
            Itself.

        Raises
        ------
        InputError
            When a parameter or an image cannot be used.
        """
        self._check_parameters()
        return self.fit_features(self.used_encoder.transform(images))

    def fit_features(self, features: Float32Array) -> Self:
        """Learn mean and principal axes of features that are known already.

        Parameters
        ----------
        features : ndarray (n, d), float32
            Of at least two images, from the encoder.

        Returns
        -------
        WhitenedEncoder
            Itself.

        Raises
        ------
        InputError
            When all features are equal, or a parameter cannot be used.
        """
        self._check_parameters()
        self._keep(*self._principal_axes(features, self.latent_dim))
        return self

    def fit_feature_pairs(
        self, first: Float32Array, second: Float32Array, *, n_combined: int = 32
    ) -> Self:
        r"""Learn the axes along which the images of a pair are most alike, from known features.

        Of the principal axes those combinations that vary least within pairs, for the unit variance
        that each has over all:

        .. math::

            S_w v = \lambda v, \qquad S_w = \tfrac{1}{2} \langle (z_1 - z_2)(z_1 - z_2)^\top \rangle

        with the principal components :math:`z_1, z_2` of two images that share what is looked for.

        Parameters
        ----------
        first, second : ndarray (n, d), float32
            Row by row of two images of a pair, from the encoder.
        n_combined : int, default 32
            Number of principal axes that are combined.

        Returns
        -------
        WhitenedEncoder
            Itself.

        Raises
        ------
        InputError
            When all features are equal, or a parameter cannot be used.
        """
        self._check_parameters()
        check_whole("n_combined", n_combined)
        mean, axes = self._principal_axes(np.concatenate([first, second]), n_combined)
        differences = (first.astype(np.float64) - second) @ axes.T
        within = differences.T @ differences / (2 * len(first))
        # In ascending order.
        combinations = np.linalg.eigh(within)[1][:, : self.latent_dim]
        self._keep(mean, combinations.T @ axes)
        return self

    def _principal_axes(self, features: Float32Array, most: int) -> tuple[Array, Array]:
        """Mean, and at most that many principal axes that give unit variance."""
        n, length = features.shape
        if n < 2 or not np.ptp(features, axis=0).any():
            raise InputError(
                f"the encoder must tell images apart, got the same features for all {n} of them"
            )
        most = min(most, length, n - 1, max(_LEAST_AXES, int(_LARGEST_SHARE * n)))
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        analysis = PCA(most, random_state=seed).fit(features.astype(np.float64))
        spread = np.sqrt(analysis.explained_variance_)
        used = spread > max(_LEAST_SPREAD * spread[0], _ROUNDING * np.linalg.norm(analysis.mean_))
        return analysis.mean_, analysis.components_[used] / spread[used, None]

    def _keep(self, mean: Array, axes: Array) -> None:
        components = np.zeros((self.latent_dim, axes.shape[1]))
        components[: len(axes)] = axes
        self.mean_ = mean.astype(np.float32)
        self.components_ = components.astype(np.float32)

    def transform(self, images: ImagesLike) -> Float32Array:
        """Encode images.

        Parameters
        ----------
        images : ImageSet, array-like (n, h, w) or (n, c, h, w), or another of `ImagesLike`

        Returns
        -------
        ndarray (n, latent_dim), float32

        Raises
        ------
        InputError
            When an image cannot be used.
        """
        check_is_fitted(self)
        return self.whiten(self.used_encoder.transform(images))

    def whiten(self, features: Float32Array) -> Float32Array:
        """Components of features that are known already.

        Parameters
        ----------
        features : ndarray (n, d), float32
            From the encoder.

        Returns
        -------
        ndarray (n, latent_dim), float32

        Raises
        ------
        InputError
            When the features have another length than those of the training images.
        """
        check_is_fitted(self)
        if features.shape[1] != len(self.mean_):
            raise InputError(
                f"features must have length {len(self.mean_)}, got {features.shape[1]}"
            )
        centred = features.astype(np.float64) - self.mean_
        return np.asarray(centred @ self.components_.T.astype(np.float64), dtype=np.float32)

    def _saved_parameters(self) -> dict[str, Any]:
        parameters = super()._saved_parameters()
        return {**parameters, "encoder": encoder_record(self.used_encoder)}

    @classmethod
    def _upgrade_parameters(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        record = parameters.get("encoder")
        if isinstance(record, dict):
            parameters["encoder"] = encoder_from_record(record)
        return parameters

    def _arrays(self) -> dict[str, Array]:
        return {"mean": self.mean_, "components": self.components_}

    def _restore(self, arrays: dict[str, Array], learned: Mapping[str, Any]) -> None:
        check_ranks(arrays, {"mean": 1, "components": 2})
        mean, components = arrays["mean"], arrays["components"]
        check_fits(components.shape == (self.latent_dim, len(mean)), "mean and components")
        self.mean_, self.components_ = mean, components
