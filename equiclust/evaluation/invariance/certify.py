"""`certify`: measure how invariant an embedding is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from equiclust.argument_types import checks_types
from equiclust.evaluation.invariance.certificate import D4_TOLERANCE, Certificate
from equiclust.evaluation.invariance.embeddings import Transforms, as_embed
from equiclust.evaluation.invariance.evaluate import Predict, failures, measured
from equiclust.evaluation.invariance.experiment import (
    Embed,
    Experiment,
    Rotate,
    checked_images,
    latents_by_family,
)
from equiclust.evaluation.invariance.transforms import Element
from equiclust.exceptions import InputError
from equiclust.images_like import ImagesLike
from equiclust.validation import check_random_state, check_whole

if TYPE_CHECKING:
    from torch import nn

__all__ = ["certify"]


@partial(checks_types, but=("embed", "baseline"))
def certify(
    embed: Embed | Transforms | nn.Module,
    images: ImagesLike,
    *,
    predict: Predict | None = None,
    baseline: Embed | Transforms | nn.Module | None = None,
    baseline_predict: Predict | None = None,
    angles: Sequence[float] = (45.0, 135.0, 225.0, 315.0),
    n_random_angles: int = 8,
    mirror: bool = True,
    rotate: Rotate | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> Certificate:
    """Measure how invariant an embedding is at the size it is deployed at.

    An embedding passes when the eight elements of D4, quarter turns and reflections, which only
    exchange pixels, move no latent by more than `D4_TOLERANCE` of its norm, and when latents differ
    between images: a constant is perfectly invariant and worthless. Everything else is reported.
    Displacements are given relative to the norm of the image's latent and relative to the
    *spread between images*, the root mean square distance of the latents to their mean: a
    clusterer depends only on differences between images, so the second is the one that counts.

    At other angles images are rotated by a spline of order 5 about the centre of their pixel grid.
    The reference and the rotated image alike are first faded into a constant outside the inscribed
    circle (`taper_corners`), so that the corners of the frame are not measured. `there_and_back`
    measures what interpolation alone does to the latents.

    Parameters
    ----------
    embed : callable, encoder or torch.nn.Module
        From images `(n, c, h, w)`, float32, to latents `(n, d)`: the whole deployed path. Of an
        encoder its `transform`; a module is called in evaluation mode, where its weights are.
    images : ImageSet, array-like (n, c, h, w), or another of `ImagesLike`
        At least two different images of one size. They may be rectangles if `embed` accepts them
        in both orientations.
    predict : callable, optional
        From latents `(n, d)` to labels `(n,)`.
    baseline : callable, encoder or torch.nn.Module, optional
        A second embedding, measured in the same way on the same transformed images.
    baseline_predict : callable, optional
        From latents `(n, d)` of the baseline to labels `(n,)`.
    angles : sequence of float, default (45, 135, 225, 315)
        Degrees; each is measured mirrored and not.
    n_random_angles : int, default 8
        Number of angles drawn from the circle, each mirrored or not by chance.
    mirror : bool, default True
        `False` leaves out all mirrored elements, for embeddings meant to tell left from right.
    rotate : callable, optional
        `rotate(images, angle, mirror)`, angle in degrees (mirrored left to right first, then
        rotated in the sense of position angles), renders rotated images exactly in place of the
        spline, and decides what lies in the corners.
    random_state : int or RandomState, optional
        Of the random angles.

    Returns
    -------
    Certificate

    Raises
    ------
    InputError
        When images, latents or labels have the wrong shape or are not finite, or when there are
        not two different images.

    Examples
    --------
    >>> from equiclust import certify, get_encoder, simulate_discs
    >>> images, truth = simulate_discs(3, size=32, random_state=0)
    >>> certify(get_encoder("small_alexnet"), images, n_random_angles=2, random_state=0).passed
    False
    >>> averaged = get_encoder("small_alexnet", group="D4")
    >>> certify(averaged, images, n_random_angles=2, random_state=0).passed
    True
    """
    pixels = checked_images(images)
    random = _drawn(n_random_angles, mirror, check_random_state(random_state))
    experiment = Experiment(pixels, _diagonal(angles, mirror), random, mirror, rotate)
    embeds = {"embed": as_embed(embed, name="embed")}
    if baseline is not None:
        embeds["baseline"] = as_embed(baseline, name="baseline")
    families = latents_by_family(experiment, embeds)
    ours = measured(families["embed"], predict, name="predict")
    rival = None
    if baseline is not None:
        rival = measured(families["baseline"], baseline_predict, name="baseline_predict")
    return Certificate(
        n_images=len(pixels),
        shape=(pixels.shape[1], pixels.shape[2], pixels.shape[3]),
        angles=tuple(float(angle) for angle in angles),
        mirror=mirror,
        interpolated=rotate is None,
        tolerance=D4_TOLERANCE,
        failures=failures(ours, families["embed"], experiment.exact),
        ours=ours,
        baseline=rival,
    )


def _diagonal(angles: Sequence[float], mirror: bool) -> tuple[Element, ...]:
    if len(angles) == 0 or not all(math.isfinite(angle) for angle in angles):
        raise InputError(f"angles must be one or more finite numbers of degrees, got {angles!r}")
    flips = (False, True) if mirror else (False,)
    return tuple(Element(float(angle), flip) for flip in flips for angle in angles)


def _drawn(count: int, mirror: bool, rng: np.random.RandomState) -> tuple[Element, ...]:
    check_whole("n_random_angles", count, largest=10**4)
    angles, flips = rng.uniform(0.0, 360.0, count), rng.uniform(size=count) < 0.5
    return tuple(
        Element(float(angle), bool(mirror and flip))
        for angle, flip in zip(angles, flips, strict=True)
    )
