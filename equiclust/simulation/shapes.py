"""Flat shapes with known truth: twelve classes that stay apart however they are turned or mirrored.

Every class draws angle, mirror, radius, place, brightness and noise from the same distributions;
only the outline tells them apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.images import Image, ImageSet
from equiclust.simulation.sampling import (
    RandomState,
    balanced_classes,
    check_classes,
    check_set,
    image_seeds,
    root_seed,
    truth_table,
)
from equiclust.simulation.signed_distance import SHAPE_CLASSES, signed_distance
from equiclust.typing import Float64Array
from equiclust.validation import check_whole

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["SHAPE_CLASSES", "ShapeParameters", "draw_shape", "render_shape", "simulate_shapes"]


DESCRIPTIONS = {
    "id": "name of the image",
    "kind": "class of shape",
    "kind_index": "place of the class among all that can be simulated",
    "angle": "by which the shape is turned, counter-clockwise with row 0 at the bottom",
    "mirror": "whether the shape is flipped left to right before it is turned",
    "radius": "about that of the circle around the shape",
    "snr": "noise-free peak over the rms of the noise",
    "noise_rms": "rms of the noise",
    "seed": "seed with which `draw_shape` gives this shape",
}


@dataclass(frozen=True)
class ShapeParameters:
    """Parameters of a shape. Lengths are in widths of the frame.

    Parameters
    ----------
    class_name : str
        One of `SHAPE_CLASSES`.
    form : float, default 0.5
        From 0 to 1, the variety within the class: slim to full.
    angle : float, default 0.0
        Angle in degrees by which the shape is rotated about its centre, counter-clockwise with row
        0 at the bottom.
    mirror : bool, default False
        Whether the shape is mirrored left to right before it is rotated.
    radius : float, default 0.32
        Approximate radius of the circle around the shape.
    centre : tuple of two floats, default (0.0, 0.0)
        Position of the shape, x to the right and y up from the centre of the frame.
    brightness : float, default 1.0
        Brightness at the centre of the shape.
    gradient : tuple of two floats, default (0.0, 0.0)
        Relative change of brightness from the centre to the radius, along the shape's own x and y.

    Examples
    --------
    >>> from equiclust.simulation import ShapeParameters, render_shape
    >>> star = ShapeParameters("star", angle=20.0, brightness=2.0)
    >>> image = render_shape(star, 64)
    >>> image.shape, round(float(image[32, 32]), 2)
    ((64, 64), 2.0)
    """

    class_name: str
    form: float = 0.5
    angle: float = 0.0
    mirror: bool = False
    radius: float = 0.32
    centre: tuple[float, float] = (0.0, 0.0)
    brightness: float = 1.0
    gradient: tuple[float, float] = (0.0, 0.0)


@checks_types
def draw_shape(class_name: str, *, random_state: RandomState = None) -> ShapeParameters:
    """Draw the parameters of one shape at random.

    Parameters
    ----------
    class_name : str
        One of `SHAPE_CLASSES`.
    random_state : int, Generator or RandomState, optional
        The same seed gives the same shape.

    Returns
    -------
    ShapeParameters

    Raises
    ------
    InputError
        When an argument cannot be used.

    Examples
    --------
    >>> from equiclust.simulation import draw_shape, render_shape
    >>> shape = draw_shape("hook", random_state=0)
    >>> shape.class_name, 0.0 <= shape.form <= 1.0
    ('hook', True)
    >>> render_shape(shape, 64).shape
    (64, 64)
    """
    check_classes([class_name], SHAPE_CLASSES)
    return _draw_shape(np.random.default_rng(root_seed(random_state)), class_name)


def _draw_shape(rng: np.random.Generator, class_name: str) -> ShapeParameters:
    """The same draws for every class, so that nothing but the outline depends on it."""
    place, place_angle = 0.02 * rng.uniform(), rng.uniform(0.0, 2.0 * math.pi)
    slope, slope_angle = 0.3 * rng.uniform(), rng.uniform(0.0, 2.0 * math.pi)
    return ShapeParameters(
        class_name=class_name,
        form=rng.uniform(),
        angle=rng.uniform(0.0, 360.0),
        mirror=bool(rng.integers(2)),
        radius=rng.uniform(0.25, 0.38),
        centre=(place * math.cos(place_angle), place * math.sin(place_angle)),
        brightness=10.0 ** rng.normal(0.0, 0.2),
        gradient=(slope * math.cos(slope_angle), slope * math.sin(slope_angle)),
    )


@checks_types
def render_shape(parameters: ShapeParameters, size: int) -> Float64Array:
    """Noise-free picture of a shape: its outline sampled at the centres of the pixels.

    With `d` the distance to the outline in pixels, below 0 inside, the brightness rises across the
    edge as `(1 - tanh 2d) / 2`, that is within about a pixel.

    Parameters
    ----------
    parameters : ShapeParameters
        The shape.
    size : int
        Height and width in pixels.

    Returns
    -------
    ndarray (size, size), float64
        In the units of `brightness`; row 0 is at the bottom. 90 degrees more turn it exactly.

    Raises
    ------
    InputError
        When an argument cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust.simulation import ShapeParameters, render_shape
    >>> upright = render_shape(ShapeParameters("letter_s"), 64)
    >>> turned = render_shape(ShapeParameters("letter_s", angle=90.0), 64)
    >>> bool(np.allclose(turned, np.rot90(upright, -1)))
    True
    """
    check_classes([parameters.class_name], SHAPE_CLASSES)
    check_whole("size", size, largest=32768)
    if not 0.0 < parameters.radius < math.inf:
        raise InputError(f"radius must be finite and above 0, got {parameters.radius}")
    if not math.isfinite(parameters.angle):
        raise InputError(f"angle must be finite, got {parameters.angle}")
    if not 0.0 <= parameters.form <= 1.0:
        raise InputError(f"form must lie between 0 and 1, got {parameters.form}")
    return _render_shape(parameters, size)


def _render_shape(parameters: ShapeParameters, size: int) -> Float64Array:
    x, y = _own_frame(parameters, size)
    edge = signed_distance(parameters.class_name, x, y, parameters.form) * parameters.radius * size
    light = 1.0 + parameters.gradient[0] * x + parameters.gradient[1] * y
    picture: Float64Array = parameters.brightness * light * (0.5 - 0.5 * np.tanh(2.0 * edge))
    return picture


def _own_frame(parameters: ShapeParameters, size: int) -> tuple[Float64Array, Float64Array]:
    """Where the centre of each pixel lies in the frame of the shape, in units of its radius."""
    t = (np.arange(size) - 0.5 * (size - 1)) / size
    right = (t[None] - parameters.centre[0]) / parameters.radius
    up = (t[:, None] - parameters.centre[1]) / parameters.radius
    turn = math.radians(parameters.angle)
    x = math.cos(turn) * right + math.sin(turn) * up
    y = math.cos(turn) * up - math.sin(turn) * right
    return (-x if parameters.mirror else x), y


@checks_types
def simulate_shapes(
    n: int,
    *,
    size: int = 64,
    classes: Sequence[str] = SHAPE_CLASSES,
    snr: tuple[float, float] = (20.0, 60.0),
    random_state: RandomState = None,
) -> tuple[ImageSet, Table]:
    """Simulate images of shapes of all classes equally often, with their true classes.

    Classes follow one another at random; the noise is white.

    Parameters
    ----------
    n : int
        Number of images. The first images of a longer set are those of a shorter one.
    size : int, default 64
        Height and width in pixels.
    classes : sequence of str, default SHAPE_CLASSES
        Those of `SHAPE_CLASSES` to draw.
    snr : tuple of two floats, default (20.0, 60.0)
        Range of the noise-free peak over the rms of the noise, uniform in its logarithm.
    random_state : int, Generator or RandomState, optional
        The same seed gives the same bytes.

    Returns
    -------
    images : ImageSet
        One channel each, without unit and WCS.
    truth : astropy.table.Table
        One row for each image.

    Raises
    ------
    InputError
        When an argument cannot be used.

    Examples
    --------
    >>> from equiclust import simulate_shapes
    >>> images, truth = simulate_shapes(6, size=32, classes=("star", "ring"), random_state=0)
    >>> images.pixels.shape
    (6, 1, 32, 32)
    >>> sorted(truth["kind"].tolist())
    ['ring', 'ring', 'ring', 'star', 'star', 'star']
    """
    check_classes(classes, SHAPE_CLASSES)
    check_set(n, size, snr)
    root = root_seed(random_state)
    order, seeds = balanced_classes(classes, n, root), image_seeds(n, root)
    observed = [
        _observe(f"shape_{i:05d}", class_name, seed, size, snr)
        for i, (class_name, seed) in enumerate(zip(order, seeds, strict=True))
    ]
    units = {"angle": "deg", "radius": "pix"}
    truth = truth_table([row for _, row in observed], DESCRIPTIONS, units)
    return ImageSet(tuple(image for image, _ in observed)), truth


def _observe(
    name: str, class_name: str, seed: int, size: int, snr: tuple[float, float]
) -> tuple[Image, dict[str, Any]]:
    parameters = _draw_shape(np.random.default_rng(seed), class_name)
    clean = _render_shape(parameters, size)
    rng = np.random.default_rng([seed, 1])
    peak_snr = math.exp(rng.uniform(*np.log(snr)))
    rms = float(clean.max()) / peak_snr
    image = Image.from_values(clean + rms * rng.standard_normal(clean.shape), name)
    row = {
        "id": name,
        "kind": class_name,
        "kind_index": SHAPE_CLASSES.index(class_name),
        "angle": parameters.angle,
        "mirror": parameters.mirror,
        "radius": parameters.radius * size,
        "snr": peak_snr,
        "noise_rms": rms,
        "seed": seed,
    }
    return image, row
