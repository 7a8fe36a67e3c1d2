"""The images that members are trained on, prepared once and shared between processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.exceptions import InputError
from equiclust.images import ImageSet
from equiclust.io.fit_record import array_digest
from equiclust.typing import BoolArray, Float32Array

__all__ = ["TrainingImages", "check_pairs", "prepare_for_members"]


@dataclass(frozen=True, eq=False)
class TrainingImages:
    """Images as `EquivariantAutoencoder.fit_prepared` takes them.

    Two plain arrays, since joblib maps large arrays into the memory of its processes, and sends
    them once to each worker of a Dask cluster, where it copies an `ImageSet` for every task.

    Parameters
    ----------
    pixels : ndarray (n, c, size, size), float32
        In 0 to 1, and 0 where masked.
    mask : ndarray (n, size, size), bool
        `True` = ignore.
    """

    pixels: Float32Array
    mask: BoolArray

    @classmethod
    def prepare(cls, autoencoder: EquivariantAutoencoder, images: ImageSet) -> Self:
        """Prepare images for an autoencoder.

        Parameters
        ----------
        autoencoder : EquivariantAutoencoder
            Need not be fitted.
        images : ImageSet

        Raises
        ------
        InputError
            When there is no image, or one that the autoencoder cannot use.
        """
        ready = autoencoder.prepared(images)
        # Stacked anew, since `ready.pixels` would stay in memory as long as the images do.
        pixels = np.stack([image.pixels for image in ready])
        mask = np.stack([image.mask for image in ready])
        np.copyto(pixels, 0.0, where=mask[:, None])
        return cls(pixels, mask)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of pixels and mask."""
        return array_digest(self.pixels, self.mask)


def prepare_for_members(
    members: Sequence[EquivariantAutoencoder], images: ImageSet
) -> list[TrainingImages]:
    """Prepare images for every member of an ensemble.

    Parameters
    ----------
    members : sequence of EquivariantAutoencoder
        Need not be fitted.
    images : ImageSet

    Returns
    -------
    list of TrainingImages
        One for each member; members of the same size and preprocessing share theirs.

    Raises
    ------
    InputError
        When there is no image, or one that a member cannot use.
    """
    prepared: dict[tuple[int, str], TrainingImages] = {}
    keys = [(member.size, repr(member.preprocess)) for member in members]
    for key, member in zip(keys, members, strict=True):
        if key not in prepared:
            prepared[key] = TrainingImages.prepare(member, images)
    return [prepared[key] for key in keys]


def check_pairs(positive_pairs: Sequence[TrainingImages], images: Sequence[TrainingImages]) -> None:
    """Refuse positive pairs that differ in shape from the images.

    Parameters
    ----------
    positive_pairs, images : sequence of TrainingImages

    Raises
    ------
    InputError
        When a shape differs.
    """
    for paired, shown in zip(positive_pairs, images, strict=True):
        if paired.pixels.shape != shown.pixels.shape:
            raise InputError(
                "positive_pairs must be as many as the images and of as many channels, got shape "
                f"{paired.pixels.shape} for {shown.pixels.shape}"
            )
