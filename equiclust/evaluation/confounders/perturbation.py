"""Perturbed images, as another observation might give them, and how stable their labels are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from equiclust.argument_types import checks_types
from equiclust.evaluation.metrics import adjusted_rand_index
from equiclust.exceptions import InputError
from equiclust.images import Image, ImageSet
from equiclust.images_like import ImagesLike, as_image_set
from equiclust.preprocessing.background import border, border_level
from equiclust.typing import Array, BoolArray, Float64Array
from equiclust.validation import check_random_state, check_whole

if TYPE_CHECKING:
    from astropy.wcs import WCS

__all__ = ["PERTURBATION", "perturb", "perturbation_stability"]

RandomState = int | np.random.RandomState | None

PERTURBATION = (
    "rotated by any angle, mirrored, shifted by up to 1 pixel, gain 0.8 to 1.25, noise 1 %"
)
"""Description of what `perturb` does."""

_LARGEST_SHIFT = 1.0
_LARGEST_GAIN = 1.25
_NOISE = 0.01
_ORDER = 3


class _Motion(NamedTuple):
    """Old position (y, x) in pixels of a new one: ``matrix @ new + offset``."""

    matrix: Float64Array
    offset: Float64Array


@checks_types
def perturb(images: ImagesLike, *, random_state: RandomState = None) -> ImageSet:
    """Change every image in ways that do not change the shape of its object.

    Each is mirrored left to right with probability 1/2, rotated about its exact centre by any angle
    and shifted by up to 1 pixel along both axes, all in one cubic spline interpolation; then it is
    multiplied by a gain from 0.8 to 1.25, uniform in its logarithm, and gets white noise of 1 % of
    its range.

    Parameters
    ----------
    images : ImageSet or another of `ImagesLike`
        Of any sizes. Masked pixels, and what lies beyond the frame, are taken to have the level of
        the background: the median of the outer tenth of the valid pixels.
    random_state : int or RandomState, optional
        The same seed gives the same images; the first images of a longer set are those of a shorter
        one.

    Returns
    -------
    ImageSet
        Same ids, shapes and units. Coordinates and beam follow the object, so that it stays where
        it is on the sky; where the coordinates are distorted both are left out. A mask moves with
        its image; what comes in from beyond the frame is masked where the edge was.

    Examples
    --------
    >>> from equiclust import simulate_shapes
    >>> from equiclust.evaluation import perturb
    >>> images, truth = simulate_shapes(3, size=32, random_state=0)
    >>> moved = perturb(images, random_state=0)
    >>> moved.ids == images.ids, bool((moved.pixels == images.pixels).any())
    (True, False)
    """
    images = as_image_set(images)
    rng = check_random_state(random_state)
    seeds = rng.randint(2**31 - 1, size=len(images))
    return ImageSet(
        tuple(
            _perturb(image, np.random.default_rng(seed))
            for image, seed in zip(images, seeds, strict=True)
        )
    )


def _perturb(image: Image, rng: np.random.Generator) -> Image:
    angle, mirror = rng.uniform(0.0, 360.0), bool(rng.integers(2))
    shift = rng.uniform(-_LARGEST_SHIFT, _LARGEST_SHIFT, size=2)
    gain = _LARGEST_GAIN ** rng.uniform(-1.0, 1.0)
    motion = _motion(image, angle, mirror, shift)
    pixels, mask = _moved(image, motion)
    valid = image.pixels[:, ~image.mask].astype(np.float64)
    noise = _NOISE * (np.ptp(valid) if valid.size else 0.0)
    noisy = gain * (pixels + noise * rng.normal(size=pixels.shape))
    wcs = _moved_wcs(image.wcs, motion)
    # The position angle of a beam is measured on the sky.
    beam = None if wcs is None else image.beam
    return replace(image, pixels=noisy.astype(np.float32), mask=mask, wcs=wcs, beam=beam)


def _motion(image: Image, angle: float, mirror: bool, shift: Float64Array) -> _Motion:
    """Mirror left to right, or not, rotate counter-clockwise, from +y to -x, and shift."""
    cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    sign = -1.0 if mirror else 1.0
    inverse = np.array([[cosine, -sine], [sign * sine, sign * cosine]])
    centre = (np.array(image.mask.shape) - 1) / 2
    return _Motion(inverse, centre - inverse @ (centre + shift))


def _moved(image: Image, motion: _Motion) -> tuple[Float64Array, BoolArray]:
    background = _background(image)
    above = np.where(image.mask, 0.0, image.pixels - background)
    place = motion._asdict()
    planes = [
        ndimage.affine_transform(plane, **place, order=_ORDER, mode="grid-constant")
        for plane in above
    ]
    # Beyond the frame it goes on as at the frame's edge: masked margins stay margins.
    hidden = ndimage.affine_transform(image.mask.astype(float), **place, order=1, mode="nearest")
    return np.stack(planes) + background, hidden >= 0.5


def _moved_wcs(wcs: WCS | None, motion: _Motion) -> WCS | None:
    """Coordinates that follow the pixels; None where distortions would not follow."""
    if wcs is None or wcs.has_distortion or wcs.naxis != 2:
        return None
    # FITS counts (x, y) from 1.
    matrix, offset = motion.matrix[::-1, ::-1], motion.offset[::-1]
    moved = wcs.deepcopy()
    first = offset + 1.0 - matrix @ np.ones(2)
    moved.wcs.crpix = np.linalg.solve(matrix, wcs.wcs.crpix - first)
    if wcs.wcs.has_cd():
        moved.wcs.cd = wcs.wcs.cd @ matrix
    elif wcs.wcs.has_crota():
        # Of an angle and two scales, which FITS deprecates, the matrix is made.
        moved.wcs.cdelt, moved.wcs.crota = [1.0, 1.0], [0.0, 0.0]
        moved.wcs.pc = wcs.pixel_scale_matrix @ matrix
    else:
        moved.wcs.pc = wcs.wcs.get_pc() @ matrix
    moved.wcs.set()
    return moved


def _background(image: Image) -> Float64Array:
    """Level of the background of every channel `(c, 1, 1)`; 0 where all pixels are masked."""
    ring = border(image.mask)
    if not ring.any():
        return np.zeros((len(image.pixels), 1, 1))
    return border_level(image.pixels[:, None], ring)[:, None, None]


@checks_types
def perturbation_stability(
    predict: Callable[[ImageSet], npt.ArrayLike],
    images: ImageSet,
    labels: npt.ArrayLike,
    *,
    n_repeats: int = 1,
    random_state: RandomState = None,
) -> dict[str, Any]:
    """Compare the labels of images with those of perturbed ones.

    Parameters
    ----------
    predict : callable
        From an `ImageSet` to labels `(n,)`, by the clusters that gave `labels`, without refitting.
    images : ImageSet
        Images that `predict` accepts.
    labels : array-like (n,), int
        Labels of the unperturbed images; -1 = "don't know" counts as a label of its own.
    n_repeats : int, default 1
        Number of perturbations of each image to average over.
    random_state : int or RandomState, optional
        Of the perturbations.

    Returns
    -------
    dict
        `ari`, the adjusted Rand index of old and new labels (1 = the same clusters); `changed`,
        number of images whose label changes; `n`, number of images; `what`, a description of the
        perturbation. Means over the repeats, `changed` rounded.

    Raises
    ------
    InputError
        When old or new labels are not one for each image, or `n_repeats` is below 1.

    Examples
    --------
    >>> from equiclust import simulate_shapes
    >>> from equiclust.evaluation import measure_confounders, perturbation_stability
    >>> def is_long(images):
    ...     return (measure_confounders(images)["elongation"] > 0.5).astype(int)
    >>> images, truth = simulate_shapes(40, size=32, classes=("star", "bar"), random_state=0)
    >>> found = perturbation_stability(is_long, images, is_long(images), random_state=0)
    >>> found["n"], found["ari"] > 0.8
    (40, True)
    """
    check_whole("n_repeats", n_repeats, largest=10**5)
    before = _one_each("labels", labels, len(images))
    rng = check_random_state(random_state)
    again = [
        _one_each("labels from predict", predict(perturb(images, random_state=rng)), len(images))
        for _ in range(n_repeats)
    ]
    return {
        "ari": float(np.mean([adjusted_rand_index(before, after) for after in again])),
        "changed": round(float(np.mean([np.sum(before != after) for after in again]))),
        "n": len(images),
        "what": PERTURBATION,
    }


def _one_each(name: str, labels: npt.ArrayLike, n: int) -> Array:
    array = np.asarray(labels)
    if array.shape != (n,) or n == 0:
        raise InputError(
            f"{name} must have shape ({n},), one for each image, with at least one image, "
            f"got {array.shape}"
        )
    return array
