"""Rotations of images: exact for quarter turns, by splines at any other angle."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.typing import Float32Array, Float64Array

__all__ = ["Element", "quarter_turns", "rotate_exactly", "rotate_spline", "taper_corners"]


TAPER_START = 0.75
"""Where the circular taper begins, as a fraction of the radius of the inscribed circle."""


class Element(NamedTuple):
    """Transform of an image: mirrored left to right, or not, then rotated.

    Attributes
    ----------
    angle : float
        Degrees in the sense of position angles: from +y (up, rows growing upwards) towards -x.
    mirror : bool, default False

    Examples
    --------
    >>> from equiclust.evaluation.invariance import Element
    >>> str(Element(90.0, mirror=True))
    'mirrored and rotated by 90 degrees'
    """

    angle: float
    mirror: bool = False

    def __str__(self) -> str:
        rotated = f"rotated by {self.angle:g} degrees"
        if not self.mirror:
            return rotated if self.angle else "left as it is"
        return f"mirrored and {rotated}" if self.angle else "mirrored"


@checks_types
def quarter_turns(*, mirror: bool = True) -> tuple[Element, ...]:
    """Quarter turns, mirrored and not: the elements of the group D4.

    Parameters
    ----------
    mirror : bool, default True
        `False` leaves out the mirrored ones: the group C4.

    Returns
    -------
    tuple of Element
        Eight, or four; the identity comes first.

    Examples
    --------
    >>> from equiclust.evaluation.invariance import quarter_turns
    >>> [str(element) for element in quarter_turns(mirror=False)]
    ['left as it is', 'rotated by 90 degrees', 'rotated by 180 degrees', 'rotated by 270 degrees']
    """
    flips = (False, True) if mirror else (False,)
    return tuple(Element(90.0 * k, flip) for flip in flips for k in range(4))


def rotate_exactly(images: Float32Array, element: Element) -> Float32Array:
    """Rotate images by a quarter turn: pixels change places and no value changes.

    Parameters
    ----------
    images : ndarray (..., h, w)
    element : Element
        Its angle is a multiple of 90 degrees.

    Returns
    -------
    ndarray (..., h, w) or (..., w, h)
    """
    flipped = images[..., ::-1] if element.mirror else images
    rotated = np.rot90(flipped, round(element.angle / 90.0), axes=(-1, -2))
    return np.ascontiguousarray(rotated)


@checks_types
def taper_corners(images: Float32Array) -> Float32Array:
    """Fade images into their own background outside the inscribed circle.

    A rotated frame brings new corners into view, and an embedding that depends on them would be
    measured on the frame and not on the object. So everything beyond the inscribed circle is
    replaced by a constant, the median of the image's outermost pixels, and between
    0.75 and 1 of the radius of that circle a raised cosine leads from one to the other.

    Parameters
    ----------
    images : ndarray (n, c, h, w), float32

    Returns
    -------
    ndarray (n, c, h, w), float32
        The outermost pixels are exactly constant in each image and channel.

    Raises
    ------
    InputError
        When the images have not four axes, or no pixel.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust import simulate_discs
    >>> from equiclust.evaluation.invariance import taper_corners
    >>> images, truth = simulate_discs(2, size=32, random_state=0)
    >>> faded = taper_corners(images.pixels)
    >>> len(np.unique(images.pixels[0, 0, 0])), len(np.unique(faded[0, 0, 0]))
    (32, 1)
    """
    if images.ndim != 4 or not images.size:
        raise InputError(f"images must have shape (n, c, h, w), got {images.shape}")
    background = _border_level(images)
    height, width = images.shape[-2:]
    rows, columns = np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2
    radius = np.hypot(rows[:, None], columns) / ((min(height, width) - 1) / 2)
    phase = np.clip((radius - TAPER_START) / (1.0 - TAPER_START), 0.0, 1.0)
    window = np.where(radius < 1.0, 0.5 + 0.5 * np.cos(np.pi * phase), 0.0)
    return (background + window * (images - background)).astype(np.float32)


@checks_types
def rotate_spline(
    images: Float32Array, angle: float, *, mirror: bool = False, order: int = 3
) -> Float32Array:
    """Rotate images about the centre of their pixel grid by spline interpolation.

    The frame keeps its shape. Beyond it lies a constant, the median of each image's outermost
    pixels, which is seamless after `taper_corners`.

    Parameters
    ----------
    images : ndarray (n, c, h, w), float32
    angle : float
        Degrees, in the sense of position angles (see `Element`).
    mirror : bool, default False
        Mirror left to right, exactly, before rotating.
    order : {3, 4, 5}, default 3
        Of the spline. A lower one blurs so much that its own error would be measured.

    Returns
    -------
    ndarray (n, c, h, w), float32

    Raises
    ------
    InputError
        When the images have not four axes or the order is not 3, 4 or 5.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust import simulate_discs
    >>> from equiclust.evaluation.invariance import rotate_spline, taper_corners
    >>> images, truth = simulate_discs(2, size=32, random_state=0)
    >>> faded = taper_corners(images.pixels)
    >>> there = rotate_spline(faded, 30.0, order=5)
    >>> back = rotate_spline(there, -30.0, order=5)
    >>> bool(np.abs(back - faded).max() < 0.05 * np.abs(faded).max())
    True
    """
    if images.ndim != 4:
        raise InputError(f"images must have shape (n, c, h, w), got shape {images.shape}")
    if order not in (3, 4, 5):
        raise InputError(f"order must be 3, 4 or 5, got {order}: lower ones blur too much")
    return _rotate_spline(images, angle, mirror=mirror, order=order)


def _rotate_spline(images: Float32Array, angle: float, *, mirror: bool, order: int) -> Float32Array:
    flipped = images[..., ::-1] if mirror else images
    cosine, sine = np.cos(np.deg2rad(float(angle))), np.sin(np.deg2rad(float(angle)))
    inverse = np.array([[cosine, -sine], [sine, cosine]])
    centre = (np.array(images.shape[-2:]) - 1) / 2
    background = _border_level(images)
    planes = (flipped - background).astype(np.float64).reshape(-1, *images.shape[-2:])
    rotated = np.stack(
        [
            ndimage.affine_transform(
                plane, inverse, centre - inverse @ centre, order=order, mode="grid-constant"
            )
            for plane in planes
        ]
    )
    return (rotated.reshape(images.shape) + background).astype(np.float32)


def _border_level(images: Float32Array) -> Float64Array:
    """Median of the outermost pixels `(n, c, 1, 1)`."""
    border = np.concatenate(
        [images[..., 0, :], images[..., -1, :], images[..., 1:-1, 0], images[..., 1:-1, -1]],
        axis=-1,
    )
    return np.median(border.astype(np.float64), axis=-1)[..., None, None]
