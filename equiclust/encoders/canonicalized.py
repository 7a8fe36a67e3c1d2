"""`Canonicalized`: an encoder that sees every image in a frame of the image's own."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin

from equiclust.encoders.latent_table import LatentTable
from equiclust.encoders.moment_frame import MomentFrames, moment_frames
from equiclust.encoders.moved_images import moved, turned
from equiclust.encoders.protocol import Encoder
from equiclust.evaluation.invariance import Element
from equiclust.exceptions import InputError
from equiclust.image_estimator import TakesImages
from equiclust.images import Image, ImageSet, as_image_set
from equiclust.typing import Float32Array
from equiclust.validation import check_choice, check_flag, check_whole, shown

__all__ = ["Canonicalized"]


class Canonicalized(
    TakesImages,
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]  # scikit-learn has no annotations
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Features that do not depend on how an image lies, at the price of one: its own frame.

    Every image is mirrored if need be and turned, once, so that its moments point in fixed
    directions, and then encoded (Kaba et al. 2023; Mondal et al. 2023). Quarter turns and mirrors
    exchange pixels and so are exact but for rounding; the rest of the angle is turned by splines,
    within the inscribed circle. Where an image is nearly symmetric, its frame is decided by little,
    and a small change may turn it over: `frames` says how certain each one is. `GroupAveraged` has
    no such images, and costs as many times more as the group has elements.

    Parameters
    ----------
    encoder : Encoder
        Of images.
    frame : {"moment"}, default "moment"
        What decides the frame; see `moment_frames`.
    mirror : bool, default True
        Whether mirrored images get the same vector too.
    batch_size : int, default 64
        Images that are turned at a time.

    References
    ----------
    Kaba et al. (2023), "Equivariance with learned canonicalization functions", ICML.
    Mondal et al. (2023), "Equivariant adaptation of large pretrained models", NeurIPS.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust.encoders import Canonicalized, TorchvisionEncoder
    >>> network = TorchvisionEncoder("resnet18", layer="layer1", weights="random")
    >>> Canonicalized(network).transform(np.eye(64)[None]).shape
    (1, 128)
    """

    def __init__(
        self,
        encoder: Encoder,
        frame: Literal["moment"] = "moment",
        *,
        mirror: bool = True,
        batch_size: int = 64,
    ) -> None:
        self.encoder = encoder
        self.frame = frame
        self.mirror = mirror
        self.batch_size = batch_size

    @property
    def latent_dim(self) -> int:
        """Length of a vector."""
        return self.encoder.latent_dim

    @property
    def _n_features_out(self) -> int:
        return self.latent_dim

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def _check_parameters(self) -> None:
        if not callable(getattr(self.encoder, "transform", None)):
            raise InputError(f"encoder must be an encoder of images, got {shown(self.encoder)}")
        if isinstance(self.encoder, LatentTable):
            raise InputError("encoder must look at the pixels, got a table of vectors")
        check_choice("frame", self.frame, ("moment",))
        check_flag("mirror", self.mirror)
        check_whole("batch_size", self.batch_size, largest=10**5)

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
        Canonicalized
            Itself.
        """
        self._check_parameters()
        return self

    def frames(self, images: ImageSet | npt.ArrayLike) -> MomentFrames:
        """How images lie, and how certain that is.

        Parameters
        ----------
        images : ImageSet or array-like (n, h, w) or (n, c, h, w)

        Returns
        -------
        MomentFrames

        Raises
        ------
        InputError
            When a parameter or an image cannot be used.
        """
        self._check_parameters()
        found = [self._frame(image) for image in as_image_set(images)]
        return MomentFrames(*(np.concatenate(part) for part in zip(*found, strict=True)))

    def transform(self, images: ImageSet | npt.ArrayLike) -> Float32Array:
        """Invariant vectors of images.

        Parameters
        ----------
        images : ImageSet or array-like (n, h, w) or (n, c, h, w)
            The encoder has to take them upright and lying.

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
        parts = [
            self.encoder.transform(self.canonical(given[start : start + self.batch_size]))
            for start in range(0, len(given), self.batch_size)
        ]
        return np.concatenate(parts)

    def canonical(self, images: ImageSet) -> ImageSet:
        """Images as the encoder sees them.

        Parameters
        ----------
        images : ImageSet

        Returns
        -------
        ImageSet
        """
        return ImageSet(tuple(self._canonical(image) for image in images))

    def _frame(self, image: Image) -> Any:
        return moment_frames(np.where(image.mask, np.float32(0.0), image.pixels)[None])

    def _canonical(self, image: Image) -> Image:
        (angle,), (mirrored,), _ = self._frame(image)
        if mirrored and not self.mirror:
            # Where the unmirrored image points.
            mirrored, angle = False, 180.0 - angle
        quarters, rest = divmod(-angle + 45.0, 90.0)
        exact = moved(image, Element(90.0 * (quarters % 4), bool(mirrored)))
        return turned(exact, rest - 45.0)
