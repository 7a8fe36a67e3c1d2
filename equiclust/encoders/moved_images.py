"""Images with their masks, moved exactly or turned by splines, for encoders that see them so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from equiclust.evaluation.invariance.transforms import (
    Element,
    rotate_exactly,
    rotate_spline,
    taper_corners,
)
from equiclust.images import Image
from equiclust.typing import BoolArray, Float32Array

__all__ = ["moved", "turned"]

# Of a mask's edge after interpolation; no half, which edges often hit exactly.
_MASKED = 0.45


def moved(image: Image, element: Element) -> Image:
    """Image whose pixels have changed places, and no value has changed.

    Parameters
    ----------
    image : Image
    element : Element
        Its angle is a multiple of 90 degrees.

    Returns
    -------
    Image
        Without coordinates and beam.
    """
    mask = None
    if image.mask.any():
        mask = rotate_exactly(image.mask.astype(np.float32), element) > 0
    return _replaced(image, rotate_exactly(image.pixels, element), mask)


def turned(image: Image, angle: float) -> Image:
    """Image within its inscribed circle, turned about its centre by splines.

    Parameters
    ----------
    image : Image
        What is masked is taken as 0.
    angle : float
        In degrees; by 0 the image only fades into its background outside of the circle.

    Returns
    -------
    Image
        Without coordinates and beam.
    """
    pixels = taper_corners(np.where(image.mask, np.float32(0.0), image.pixels)[None])
    mask = None
    if image.mask.any():
        hidden = image.mask.astype(np.float32)[None, None]
        mask = (rotate_spline(hidden, angle) if angle else hidden)[0, 0] > _MASKED
    return _replaced(image, (rotate_spline(pixels, angle) if angle else pixels)[0], mask)


def _replaced(image: Image, pixels: Float32Array, mask: BoolArray | None) -> Image:
    if mask is None:
        mask = np.zeros(pixels.shape[1:], bool)
    for array in (pixels, mask):
        # What nobody can write to is not copied.
        array.setflags(write=False)
    return replace(image, pixels=pixels, mask=mask, wcs=None, beam=None)
