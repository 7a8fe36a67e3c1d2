"""Which transformed images an embedding is measured on, and the latents that it gives for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from equiclust.evaluation.invariance.transforms import (
    Element,
    quarter_turns,
    rotate_exactly,
    rotate_spline,
    taper_corners,
)
from equiclust.exceptions import InputError
from equiclust.images_like import ImagesLike, known_images
from equiclust.typing import Array, Float32Array

__all__ = [
    "LIE_STEP",
    "SPLINE_ORDER",
    "Embed",
    "Experiment",
    "Families",
    "Rotate",
    "checked_images",
    "checked_latents",
    "latents_by_family",
]

Embed = Callable[[Float32Array], npt.ArrayLike]
Rotate = Callable[[Float32Array, float, bool], npt.ArrayLike]
Families = Mapping[str, list[Array]]
"""Latents `(n, d)` of every transformed set, by family of transforms."""

SMALLEST_SIDE = 4
"""Pixels; below that there is no inside to rotate."""

LIE_STEP = 0.5
"""Degrees in both senses for the Lie derivative; half a pixel at the rim of a 128 px image."""

SPLINE_ORDER = 5
"""Order of the spline that rotates images by other angles than quarter turns."""

# Smaller numbers, and larger ones than its inverse, have squares that float64 cannot hold.
_SMALLEST = 1e-100


@dataclass(frozen=True)
class Experiment:
    """Images and the transforms under which they are measured.

    Parameters
    ----------
    pixels : ndarray (n, c, h, w), float32
    diagonal, random : tuple of Element
        Transforms that need a spline, or a renderer.
    mirror : bool, default True
        Whether the exact transforms include the mirrored ones.
    rotate : callable, optional
        Exact renderer `(images, angle, mirror) -> images` in place of the spline.
    """

    pixels: Float32Array
    diagonal: tuple[Element, ...]
    random: tuple[Element, ...]
    mirror: bool = True
    rotate: Rotate | None = None

    @property
    def exact(self) -> tuple[Element, ...]:
        """Quarter turns, mirrored and not, the identity first."""
        return quarter_turns(mirror=self.mirror)

    def transformed(self) -> Iterator[tuple[str, Float32Array]]:
        """Transform the images, one element after the other.

        `original` is what the family `d4` is compared with, `reference` what the others are. The
        family `lie` is rotated forward, then backward.

        Yields
        ------
        family : str
            Name of the family of transforms.
        images : ndarray (n, c, h, w), float32
        """
        yield "original", self.pixels
        yield from (("d4", rotate_exactly(self.pixels, element)) for element in self.exact)
        start = taper_corners(self.pixels) if self.rotate is None else self.pixels
        yield "reference", self._rotated(start, Element(0.0))
        yield from (("diagonal", self._rotated(start, element)) for element in self.diagonal)
        yield from (("random", self._rotated(start, element)) for element in self.random)
        yield from (("lie", self._rotated(start, Element(h))) for h in (LIE_STEP, -LIE_STEP))
        if self.rotate is None:
            for angle, mirror in self.diagonal:
                there = self._rotated(start, Element(angle, mirror))
                # A rotation after a reflection is its own inverse.
                back = Element(angle if mirror else -angle, mirror)
                yield "there_and_back", self._rotated(there, back)

    def _rotated(self, images: Float32Array, element: Element) -> Float32Array:
        if self.rotate is not None:
            return _rendered(self.rotate, images, element)
        if element == Element(0.0):
            return images
        return rotate_spline(images, element.angle, mirror=element.mirror, order=SPLINE_ORDER)


def _rendered(rotate: Rotate, images: Float32Array, element: Element) -> Float32Array:
    rotated = np.asarray(rotate(images, *element), dtype=np.float32)
    if rotated.shape != images.shape or not np.all(np.isfinite(rotated)):
        raise InputError(
            f"rotate must give finite images of shape {images.shape}, got shape {rotated.shape} "
            f"for images {element}"
        )
    return rotated


def checked_images(images: ImagesLike) -> Float32Array:
    """Pixels of at least two different images.

    Parameters
    ----------
    images : ImageSet, array-like (n, c, h, w), or another of `ImagesLike`

    Returns
    -------
    ndarray (n, c, h, w), float32

    Raises
    ------
    InputError
        When the images are not finite real numbers of that shape, too small, or all the same.
    """
    known = known_images(images)
    pixels = np.asarray(images) if known is None else known.pixels
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


def checked_latents(embed: Embed, images: Float32Array, *, name: str) -> Array:
    """Embed images and check what comes out.

    Parameters
    ----------
    embed : callable
        From images `(n, c, h, w)` to latents `(n, d)`.
    images : ndarray (n, c, h, w), float32
    name : str
        What the errors call the embedding.

    Returns
    -------
    ndarray (n, d)

    Raises
    ------
    InputError
        When the latents have another shape, are not real numbers, or not finite.
    """
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
    largest = float(np.abs(latents).max())
    if latents.dtype.kind == "f" and not (largest == 0 or _SMALLEST <= largest <= 1 / _SMALLEST):
        raise InputError(
            f"{name} must give latents whose squares are numbers, {_SMALLEST:.0e} to "
            f"{1 / _SMALLEST:.0e}, got {largest:.1e}: divide them by that"
        )
    return latents


def latents_by_family(experiment: Experiment, embeds: Mapping[str, Embed]) -> dict[str, Families]:
    """Embed all transformed images; each set is transformed once for all embeddings.

    Parameters
    ----------
    experiment : Experiment
    embeds : mapping of str to callable
        Embeddings by the name that errors give them.

    Returns
    -------
    dict of str to dict
        For every embedding, lists of latents `(n, d)` by family.

    Raises
    ------
    InputError
        When an embedding or the renderer gives something illegal.
    """
    latents: dict[str, dict[str, list[Array]]]
    latents = {name: defaultdict(list) for name in embeds}
    for family, images in experiment.transformed():
        for name, embed in embeds.items():
            found = checked_latents(embed, images, name=name)
            first = found if family == "original" else latents[name]["original"][0]
            if found.shape != first.shape:
                raise InputError(
                    f"{name} must give latents of one length, got {first.shape[1]} and, for images "
                    f"of shape {images.shape[1:]}, {found.shape[1]}"
                )
            latents[name][family].append(found)
    return {name: dict(families) for name, families in latents.items()}
