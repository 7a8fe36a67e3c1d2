"""What may go into and come out of an embedding that is measured."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from equiclust.exceptions import InputError
from equiclust.images import ImageSet

__all__ = ["Embed", "checked_images", "embedded"]

FloatArray = npt.NDArray[np.float32]
Embed = Callable[[FloatArray], npt.ArrayLike]

SMALLEST_SIDE = 4
"""Pixels; below that there is no inside to turn."""


def checked_images(images: npt.ArrayLike | ImageSet) -> FloatArray:
    """Pixels `(n, c, h, w)` float32 of at least two different images, or an `InputError`."""
    pixels = images.pixels if isinstance(images, ImageSet) else np.asarray(images)
    if pixels.ndim != 4 or pixels.dtype.kind not in "biuf":
        raise InputError(
            "images must be real numbers of shape (n, c, h, w), "
            f"got dtype {pixels.dtype} and shape {pixels.shape}"
        )
    if len(pixels) < 2:
        raise InputError(
            f"images must be at least 2, got {len(pixels)}: there is no spread between fewer"
        )
    if pixels.shape[1] == 0 or min(pixels.shape[2:]) < SMALLEST_SIDE:
        raise InputError(
            f"images must have a channel and {SMALLEST_SIDE} pixels a side, got shape "
            f"{pixels.shape[1:]}"
        )
    if not np.all(np.isfinite(pixels)):
        raise InputError("images must be finite, got NaN or infinity: mask or replace them first")
    if np.all(pixels == pixels[0]):
        raise InputError(f"images must differ, got {len(pixels)} times the same one")
    return np.ascontiguousarray(pixels, dtype=np.float32)


def embedded(embed: Embed, images: FloatArray, *, name: str) -> npt.NDArray[np.floating]:
    """Latents `(n, d)` of images, finite and real, or an `InputError` that names the embedding."""
    latents = np.asarray(embed(images))
    if latents.ndim != 2 or len(latents) != len(images) or latents.shape[1] == 0:
        raise InputError(
            f"{name} must give latents of shape ({len(images)}, d) for {len(images)} images, "
            f"got shape {latents.shape}"
        )
    if latents.dtype.kind not in "biuf":
        raise InputError(f"{name} must give real numbers, got dtype {latents.dtype}")
    broken = ~np.all(np.isfinite(latents), axis=1)
    if np.any(broken):
        raise InputError(
            f"{name} must give finite latents, got NaN or infinity for "
            f"{int(broken.sum())} of {len(images)} images, first for image {int(broken.argmax())}"
        )
    return latents
