"""`Canonicalized`: an encoder that sees every image in a frame of the image's own."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from equiclust.encoders._wrapping import WrappingEncoder
from equiclust.encoders.moment_frame import MomentFrames, moment_frames
from equiclust.encoders.moved_images import moved, turned
from equiclust.encoders.protocol import Encoder
from equiclust.evaluation.invariance import Element
from equiclust.images import Image, ImageSet
from equiclust.images_like import ImagesLike, as_image_set
from equiclust.typing import Float32Array
from equiclust.validation import check_choice, check_flag

__all__ = ["Canonicalized"]


class Canonicalized(WrappingEncoder):
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

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_choice("frame", self.frame, ("moment",))
        check_flag("mirror", self.mirror)

    def frames(self, images: ImagesLike) -> MomentFrames:
        """How images lie, and how certain that is.

        Parameters
        ----------
        images : ImageSet, array-like (n, h, w) or (n, c, h, w), or another of `ImagesLike`

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

    def _encode_moved(self, images: ImageSet) -> Float32Array:
        return self.encoder.transform(self.canonical(images))

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
