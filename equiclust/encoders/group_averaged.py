"""`GroupAveraged`: an encoder of anyone's, made invariant by averaging over a group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, get_args

import numpy as np

from equiclust.encoders._wrapping import WrappingEncoder
from equiclust.encoders.moved_images import moved, turned
from equiclust.encoders.protocol import Encoder
from equiclust.evaluation.invariance import Element
from equiclust.exceptions import InputError
from equiclust.images import ImageSet
from equiclust.images_like import ImagesLike, as_image_set
from equiclust.nn.groups import Group
from equiclust.typing import Float32Array, Float64Array
from equiclust.validation import check_choice, shown

__all__ = ["STATISTICS", "GroupAveraged", "Statistic"]

Statistic = Literal["mean", "mean+std", "max"]
STATISTICS: tuple[str, ...] = get_args(Statistic)
"""What is made of the vectors of all elements of the group."""


class GroupAveraged(WrappingEncoder):
    r"""Features that do not depend on how an image lies: the mean over a group of transforms.

    .. math::

        \bar f(x) = \frac{1}{|G|} \sum_{g \in G} f(g x)

    Quarter turns and mirrors exchange the given pixels, before anything else is done to them. So
    the encoder sees the same images, bit for bit, however `x` lies, and the mean is the same
    whatever the encoder, its padding, its strides and the size of the image. Finer groups also turn
    the image by splines, once for each angle below 90 degrees; there everything outside of the
    inscribed circle fades into the background, for all elements alike.

    Parameters
    ----------
    encoder : Encoder
        Of images.
    group : str, default "D4"
        "D4" (quarter turns and mirrors), "C4" (quarter turns), "D8", "D16", ..., "C8", ...: the
        number of rotations is 1, 2 or a multiple of 4.
    statistic : {"mean", "mean+std", "max"}, default "mean"
        Over the group, of every feature; "mean+std" gives vectors of twice the length.
    batch_size : int, default 32
        Images of which all transforms are in memory at a time.

    References
    ----------
    Yarotsky (2022), "Universal approximations of invariant maps by neural networks", Constructive
    Approximation 55, 407.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust.encoders import GroupAveraged, TorchvisionEncoder
    >>> images = np.random.default_rng(0).random((2, 63, 63), np.float32)
    >>> encoder = GroupAveraged(TorchvisionEncoder("small_alexnet"), "D4")
    >>> latents = encoder.transform(images)
    >>> turned = encoder.transform(np.rot90(images, axes=(1, 2)))
    >>> bool(np.abs(turned - latents).max() < 1e-6 * np.linalg.norm(latents))
    True
    """

    def __init__(
        self,
        encoder: Encoder,
        group: str = "D4",
        *,
        statistic: Statistic = "mean",
        batch_size: int = 32,
    ) -> None:
        self.encoder = encoder
        self.group = group
        self.statistic = statistic
        self.batch_size = batch_size

    @property
    def latent_dim(self) -> int:
        """Length of a vector."""
        return self.encoder.latent_dim * (2 if self.statistic == "mean+std" else 1)

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_choice("statistic", self.statistic, STATISTICS)
        if not isinstance(self.group, str):
            raise InputError(f"group must be the name of a group, got {shown(self.group)}")
        rotations = Group(self.group).n_rotations
        if rotations % 4 and rotations > 2:
            raise InputError(
                "group must have 1, 2 or a multiple of 4 rotations, such as D4, D8 or C16, "
                f"got {self.group!r}"
            )

    def _encode_moved(self, images: ImageSet) -> Float32Array:
        latents = np.stack([self.encoder.transform(seen) for seen in self.transformed(images)])
        return _reduced(latents.astype(np.float64), self.statistic).astype(np.float32)

    def transformed(self, images: ImagesLike) -> Iterator[ImageSet]:
        """Images as the encoder sees them, one element of the group after the other.

        Parameters
        ----------
        images : ImageSet or another of `ImagesLike`

        Yields
        ------
        ImageSet
        """
        given, group = as_image_set(images), Group(self.group)
        exact = [Element(90.0 * g.quarter_turns, g.mirrored) for g in group.grid_elements]
        angles = _angles_between(group)
        for angle in angles:
            # A turn by splines commutes with quarter turns, and with mirrors turns into that of
            # another angle of the list. So each image is turned once and then moved exactly.
            seen = given
            if len(angles) > 1:
                seen = ImageSet(tuple(turned(image, angle) for image in given))
            for element in exact:
                yield ImageSet(tuple(moved(image, element) for image in seen))


def _angles_between(group: Group) -> list[float]:
    """Angles of the group in degrees, from 0 to below 90."""
    step = 360.0 / group.n_rotations
    return [step * k for k in range(max(1, group.n_rotations // 4))]


def _reduced(latents: Float64Array, statistic: str) -> Float64Array:
    if statistic == "max":
        return np.asarray(latents.max(axis=0))
    mean = latents.mean(axis=0)
    if statistic == "mean":
        return np.asarray(mean)
    return np.concatenate([mean, latents.std(axis=0)], axis=1)
