"""`assert_invariant`: the test that every embedding meant to be invariant should have."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from equiclust.argument_types import checks_types
from equiclust.evaluation.invariance.certificate import D4_TOLERANCE
from equiclust.evaluation.invariance.embeddings import Transforms, as_embed
from equiclust.evaluation.invariance.error_measures import displacements
from equiclust.evaluation.invariance.evaluate import scale_of
from equiclust.evaluation.invariance.experiment import Embed, checked_images, checked_latents
from equiclust.evaluation.invariance.transforms import quarter_turns, rotate_exactly
from equiclust.exceptions import InputError
from equiclust.images_like import ImagesLike

if TYPE_CHECKING:
    from torch import nn

__all__ = ["TOLERANCES", "assert_invariant"]

TOLERANCES = {"float16": 1e-2, "float32": D4_TOLERANCE, "float64": 1e-12}
"""Largest error relative to the latent's norm, by the latents' dtype."""


@partial(checks_types, but=("embed",))
def assert_invariant(
    embed: Embed | Transforms | nn.Module,
    images: ImagesLike,
    *,
    atol: float | None = None,
    mirror: bool = True,
) -> None:
    """Assert that quarter turns and reflections of an image do not change its latent.

    Meant for test suites, in the manner of e3nn's `assert_equivariant` (Geiger & Smidt 2022).

    Parameters
    ----------
    embed : callable, encoder or torch.nn.Module
        From images `(n, c, h, w)`, float32, to latents `(n, d)`; see `certify`.
    images : ImageSet, array-like (n, c, h, w), or another of `ImagesLike`
        At least two different images of one size.
    atol : float, optional
        Largest distance by which a latent may move, in the unit of the latents. By default the norm
        of the image's latent times the value of `TOLERANCES` for the latents' dtype (for others,
        that of float32).
    mirror : bool, default True
        Whether mirrored images must have the same latents too.

    Raises
    ------
    AssertionError
        Names the transform and the image whose latent moves the most.
    InputError
        When images or latents have the wrong shape or are not finite.

    References
    ----------
    Geiger & Smidt (2022), "e3nn: Euclidean Neural Networks", arXiv:2207.09453.

    Examples
    --------
    >>> from equiclust import assert_invariant, simulate_discs
    >>> images, truth = simulate_discs(3, size=32, random_state=0)
    >>> assert_invariant(lambda pixels: pixels.mean(axis=(2, 3)), images)
    >>> assert_invariant(lambda pixels: pixels.reshape(len(pixels), -1), images)
    Traceback (most recent call last):
    AssertionError: latents are not invariant: that of image ... when the image is rotated by ...
    """
    if atol is not None and not 0 <= atol < np.inf:
        raise InputError(f"atol must be None or a finite number, zero or more, got {atol}")
    pixels, embedded = checked_images(images), as_embed(embed, name="embed")
    elements = quarter_turns(mirror=mirror)
    original = checked_latents(embedded, pixels, name="embed")
    transformed = np.stack(
        [
            checked_latents(embedded, rotate_exactly(pixels, element), name="embed")
            for element in elements
        ]
    )
    lengths = displacements(transformed.astype(np.float64), original.astype(np.float64))
    relative = TOLERANCES.get(str(original.dtype), D4_TOLERANCE)
    allowed = relative * scale_of(original).norms if atol is None else np.full(len(pixels), atol)
    excess = lengths - allowed
    if np.all(excess <= 0.0):
        return
    element, image = divmod(int(excess.argmax()), len(pixels))
    raise AssertionError(
        f"latents are not invariant: that of image {image} moves by {lengths[element, image]:.3g} "
        f"(allowed {allowed[image]:.3g}) when the image is {elements[element]}"
    )
