"""Which moved images an embedding is shown, family by family."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from equiclust.evaluation.invariance.checks import Embed, embedded
from equiclust.evaluation.invariance.transforms import (
    Element,
    quarter_turns,
    rotate_exactly,
    rotate_spline,
    taper_corners,
)
from equiclust.exceptions import InputError

__all__ = ["LIE_STEP", "SPLINE_ORDER", "Experiment", "Families", "Rotate", "show"]

FloatArray = npt.NDArray[np.float32]
Families = Mapping[str, list[npt.NDArray[np.floating]]]
Rotate = Callable[[FloatArray, float, bool], npt.ArrayLike]

LIE_STEP = 0.5
"""Degrees either way for the Lie derivative; half a pixel at the rim of a 128 px image."""

SPLINE_ORDER = 5
"""Of the spline that turns images where quarter turns do not do."""


@dataclass(frozen=True)
class Experiment:
    """The images and how they are to be moved.

    Parameters
    ----------
    pixels : ndarray (n, c, h, w), float32
    diagonal, random : tuple of Element
        Elements that need a spline, or a renderer.
    mirror : bool
        Whether the exact elements include the mirrored ones.
    rotate : callable, optional
        Exact renderer `(images, angle, mirror) -> images` in place of the spline.
    """

    pixels: FloatArray
    diagonal: tuple[Element, ...]
    random: tuple[Element, ...]
    mirror: bool = True
    rotate: Rotate | None = None

    @property
    def exact(self) -> tuple[Element, ...]:
        """The quarter turns, the identity first."""
        return quarter_turns(mirror=self.mirror)

    def moved(self) -> Iterator[tuple[str, FloatArray]]:
        """Names of families with images, one moved set after the other.

        `original` and `reference` are what `d4` and all the others are compared with, `lie` comes
        turned forward and then backward.
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
                # A mirrored turn is its own inverse.
                back = Element(angle if mirror else -angle, mirror)
                yield "there_and_back", self._rotated(there, back)

    def _rotated(self, images: FloatArray, element: Element) -> FloatArray:
        if self.rotate is not None:
            return _rendered(self.rotate, images, element)
        if element == Element(0.0):
            return images
        return rotate_spline(images, element.angle, mirror=element.mirror, order=SPLINE_ORDER)


def _rendered(rotate: Rotate, images: FloatArray, element: Element) -> FloatArray:
    rotated = np.asarray(rotate(images, *element), dtype=np.float32)
    if rotated.shape != images.shape or not np.all(np.isfinite(rotated)):
        raise InputError(
            f"rotate must give finite images of shape {images.shape}, got shape {rotated.shape} "
            f"for images {element}"
        )
    return rotated


def show(experiment: Experiment, embeds: Mapping[str, Embed]) -> dict[str, Families]:
    """Latents of every embedding, by family: each moved set is made once and shown to all."""
    latents: dict[str, dict[str, list[npt.NDArray[np.floating]]]]
    latents = {name: defaultdict(list) for name in embeds}
    for family, images in experiment.moved():
        for name, embed in embeds.items():
            found = embedded(embed, images, name=name)
            first = found if family == "original" else latents[name]["original"][0]
            if found.shape != first.shape:
                raise InputError(
                    f"{name} must give latents of one length, got {first.shape[1]} and, for images "
                    f"of shape {images.shape[1:]}, {found.shape[1]}"
                )
            latents[name][family].append(found)
    return {name: dict(families) for name, families in latents.items()}
