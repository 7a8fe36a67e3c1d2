"""Maps of gas clouds with known truth: regions that differ in texture and not in brightness."""

from __future__ import annotations

import math
from typing import TypeVar, Unpack

import numpy as np
import numpy.typing as npt

from equiclust.argument_types import checks_types
from equiclust.images import Image
from equiclust.simulation.cloud_scene import (
    REGIONS,
    TEXTURES,
    CloudScene,
    Int16Array,
    SkyOptions,
    make_scene,
    scene_beam,
    scene_wcs,
)
from equiclust.simulation.textures import SLOPES, texture
from equiclust.typing import Float32Array, Float64Array

__all__ = [
    "BRIGHTNESS",
    "beam_noise_map",
    "blank_edge_of",
    "draw_sky",
    "observe_sky",
    "rotate_into_frame",
    "rotate_quarter_turns",
    "simulate_cloud_map",
]

AnyNumber = TypeVar("AnyNumber", np.float64, np.float32, np.int16)

BRIGHTNESS = 10.0
"""Mean of the noise-free map in K km/s."""

LOG_SPREAD = 0.5
"""Standard deviation of the logarithm of the column density, as observed in nearby clouds
(Kainulainen et al. 2009, A&A 508, L35); the same for every class."""

KNOTS = 25
"""Of the curve that equalises the brightness of a class: so few that it is smooth."""


@checks_types
def simulate_cloud_map(
    shape: tuple[int, int], **options: Unpack[SkyOptions]
) -> tuple[Image, Int16Array]:
    """Simulate a map of a cloud whose regions differ in texture, with its true classes.

    The sky is divided into regions of smooth outline, each class having the same share of it. Each
    is filled with the `texture` of its class, smoothed by the beam, and its values are then changed
    by a rising curve so that the histogram of each class over the map, and with it its mean and
    spread, is the same log-normal: brightness does not tell the classes. Regions are joined over
    the width of the beam. The noise is correlated over the beam.

    Parameters
    ----------
    shape : tuple of two ints
        Height and width in pixels, at least 32.
    classes : sequence of str, optional
        Different ones of `CLOUD_CLASSES`; by default those of `MAP_CLASSES`.
    scale : float, optional
        Length in pixels in which the textures are measured, see `texture`; 32 by default.
    region_size : float, optional
        Typical width of a region in pixels; by default five times the scale.
    slope : float, optional
        Slope of the power spectrum of the one fractal class among the classes, in place of its own.
    beam_fwhm : float, optional
        Full width of the round beam at half maximum in pixels, at least 2; 3 by default.
    snr : float, optional
        Mean of the noise-free map over the rms of the noise; 10 by default.
    angle : float, optional
        Degrees by which the same sky is rotated about the centre, in the sense of `numpy.rot90`;
        0 by default. A quarter turn moves the pixels, noise included, and changes none:
        `rot90` of a map of this shape is that of the shape `(w, h)` at 90 degrees more. At other
        angles the noise-free sky is rotated by splines of order 5, and the noise is another; the
        error of the rotation, 1 % of the standard deviation of the map, lies far below the noise.
        The coordinates rotate with it: a structure keeps its place on the sky.
    blank_edge : int, optional
        Width in pixels of a frame without data; 0 by default.
    centre : tuple of two floats, optional
        Right ascension and declination of the middle of the map in degrees.
    pixel_scale : float, optional
        Width of a pixel in degrees; 10 arcsec by default.
    random_state : int, Generator or RandomState, optional
        The same seed gives the same bytes.

    Returns
    -------
    image : Image
        One channel in K km/s with WCS (TAN) and beam, of mean `BRIGHTNESS`.
    truth : ndarray (h, w), int16
        Index of the class of each pixel in `classes`.

    Raises
    ------
    InputError
        When an argument cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust import simulate_cloud_map
    >>> image, truth = simulate_cloud_map((64, 96), random_state=0)
    >>> image.shape, image.unit, truth.shape, np.unique(truth)
    ((1, 64, 96), 'K km/s', (64, 96), array([0, 1, 2, 3], dtype=int16))

    The same sky turned by 90 degrees is the same map, turned:

    >>> turned, _ = simulate_cloud_map((96, 64), angle=90.0, random_state=0)
    >>> bool((turned.pixels[0] == np.rot90(image.pixels[0])).all())
    True
    """
    scene = make_scene(shape, options)
    values, truth = observe_sky(scene)
    image = Image.from_values(
        values, "cloud", wcs=scene_wcs(scene), unit="K km/s", beam=scene_beam(scene)
    )
    return image, truth


def observe_sky(scene: CloudScene) -> tuple[Float32Array, Int16Array]:
    """Draw a map with noise, and its classes.

    Parameters
    ----------
    scene : CloudScene

    Returns
    -------
    values : ndarray (h, w), float32
        In K km/s, NaN where blank.
    classes : ndarray (h, w), int16
    """
    column, classes = draw_sky(scene)
    noise = beam_noise_map(scene.noise_rng(), scene.frame, scene.sigma)
    seen = column + np.float32(BRIGHTNESS / scene.snr) * noise
    return rotate_quarter_turns(blank_edge_of(seen, scene.blank_edge), scene), rotate_quarter_turns(
        classes, scene
    )


def draw_sky(scene: CloudScene) -> tuple[Float32Array, Int16Array]:
    """Draw the noise-free column density and the classes, before quarter turns.

    Parameters
    ----------
    scene : CloudScene

    Returns
    -------
    column : ndarray (h, w), float32
        In K km/s.
    classes : ndarray (h, w), int16
    """
    from scipy.ndimage import gaussian_filter

    labels = _regions(scene)
    column = np.zeros(scene.canvas)
    for index, class_name in enumerate(scene.classes):
        slope = scene.slope if class_name in SLOPES else None
        rng = scene.rng(TEXTURES, index)
        gas = texture(class_name, scene.canvas, rng, scale=scene.scale, slope=slope)
        # Smoothed before it is turned: a round beam does not care, and splines are then exact.
        gas = gaussian_filter(gas, scene.sigma, output=gas)
        here = labels == index
        gas = _equalised(gas, gas[scene.window][here[scene.window]])
        column += gaussian_filter(here.astype(np.float32), scene.sigma) * gas
    column *= BRIGHTNESS
    return rotate_into_frame(column, scene).astype(np.float32), rotate_into_frame(labels, scene)


def _regions(scene: CloudScene) -> Int16Array:
    """At each pixel of the canvas the class whose smooth random field is highest."""
    size = 5.0 * scene.scale if scene.region_size is None else scene.region_size
    rng = scene.rng(REGIONS)
    fields = np.stack([_smooth_field(scene.canvas, size, rng) for _ in scene.classes])
    rows, columns = scene.window
    thin = max(min(scene.frame) // 256, 1)
    seen = fields[:, rows, columns][:, ::thin, ::thin].reshape(len(fields), -1)
    fields += _fair_lift(seen)[:, None, None]
    return _without_islands(fields.argmax(axis=0).astype(np.int16), scene.scale**2)


def _without_islands(labels: Int16Array, smallest: float) -> Int16Array:
    """Give regions of too few pixels to show a texture to the one that is nearest."""
    from scipy.ndimage import distance_transform_edt, label

    small = np.zeros(labels.shape, dtype=bool)
    for class_name in np.unique(labels):
        parts, _ = label(labels == class_name)
        areas = np.bincount(parts.ravel())
        areas[0] = labels.size
        small |= areas[parts] < smallest
    if not small.any() or small.all():
        return labels
    nearest = distance_transform_edt(small, return_distances=False, return_indices=True)
    return np.asarray(labels[tuple(nearest)], dtype=np.int16)


def _smooth_field(shape: tuple[int, int], size: float, rng: np.random.Generator) -> Float32Array:
    """Gaussian random field without waves shorter than `size` pixels, of variance about 1."""
    from scipy.ndimage import affine_transform, gaussian_filter

    # Drawn on a coarse grid, for it is smooth; four cells of margin for the splines.
    cell = size / 8.0
    coarse = tuple(math.ceil(n / cell) + 8 for n in shape)
    field = gaussian_filter(rng.standard_normal(coarse), 3.0, mode="wrap")
    field *= 2.0 * math.sqrt(math.pi) * 3.0
    step = np.full(2, 1.0 / cell)
    fine = affine_transform(field, step, 4.0, output_shape=shape, order=3, output=np.float32)
    return np.asarray(fine, dtype=np.float32)


def _fair_lift(fields: Float32Array) -> Float32Array:
    """What to add to each field `(k, n)` for each to be the highest equally often."""
    n_classes, n = fields.shape
    lift = np.zeros(n_classes, dtype=np.float32)
    for step in np.geomspace(1.0, 0.02, 80):
        highest = (fields + lift[:, None]).argmax(axis=0)
        share = np.bincount(highest, minlength=n_classes) / n
        lift -= (step * (share - 1.0 / n_classes)).astype(np.float32)
    return lift


def _equalised(gas: Float64Array, sample: Float64Array) -> Float64Array:
    """`gas` under the rising curve that makes `sample` log-normal of mean 1."""
    from scipy.interpolate import PchipInterpolator
    from scipy.special import ndtr, ndtri

    if sample.size < KNOTS:
        return np.ones_like(gas)
    # As far into the wings as the sample tells of, and straight on: a curve with a bend would make
    # edges that the beam cannot show.
    furthest = -float(ndtri(4.0 / sample.size))
    knots = np.linspace(-furthest, furthest, KNOTS)
    at = np.log(np.quantile(sample, ndtr(knots)))
    curve = PchipInterpolator(at, knots)
    level = np.log(gas)
    score = curve(np.clip(level, at[0], at[-1]))
    for end, step in ((0, np.minimum), (-1, np.maximum)):
        slope = abs(float(knots[end] / (at[end] - at[KNOTS // 2])))
        score += slope * step(level - at[end], 0.0)
    density: Float64Array = np.exp(LOG_SPREAD * score - 0.5 * LOG_SPREAD**2)
    return density


def rotate_into_frame(field: npt.NDArray[AnyNumber], scene: CloudScene) -> npt.NDArray[AnyNumber]:
    """Part of a field in the frame, rotated by the remainder of the angle below 90 degrees.

    Integers are those of the nearest pixel, others are interpolated by splines of order 5.

    Parameters
    ----------
    field : ndarray
        Values on the canvas, which is larger than the frame.
    scene : CloudScene

    Returns
    -------
    ndarray
        Values in the frame before the quarter turns.
    """
    from scipy.ndimage import affine_transform

    if scene.rest == 0.0:
        return np.ascontiguousarray(field[scene.window])
    c, s = math.cos(math.radians(scene.rest)), math.sin(math.radians(scene.rest))
    back = np.array([[c, s], [-s, c]])
    middle, centre = (0.5 * (np.array(shape) - 1.0) for shape in (scene.frame, scene.canvas))
    order = 0 if field.dtype.kind == "i" else 5
    rotated: npt.NDArray[AnyNumber] = affine_transform(
        field, back, centre - back @ middle, output_shape=scene.frame, order=order, mode="nearest"
    )
    return rotated


def rotate_quarter_turns(
    field: npt.NDArray[AnyNumber], scene: CloudScene
) -> npt.NDArray[AnyNumber]:
    """Rotate a field by the quarter turns of a scene.

    Parameters
    ----------
    field : ndarray (..., h, w)
        Values in the frame before the quarter turns.
    scene : CloudScene

    Returns
    -------
    ndarray
    """
    return np.ascontiguousarray(np.rot90(field, scene.quarters))


def beam_noise_map(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> Float32Array:
    """Gaussian noise of unit rms, correlated by a round beam.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of two ints
        Height and width in pixels.
    sigma : float
        Standard deviation of the beam in pixels.

    Returns
    -------
    ndarray (h, w), float32
    """
    from scipy.ndimage import gaussian_filter, gaussian_filter1d

    reach = math.ceil(4.0 * sigma) + 1
    wide = (shape[0] + 2 * reach, shape[1] + 2 * reach)
    noise = rng.standard_normal(wide, dtype=np.float32)
    impulse = np.zeros(2 * reach + 1)
    impulse[reach] = 1.0
    # The rms that smoothing leaves is the root of the summed squares of the kernel, which is a
    # product of two alike.
    rms = float((gaussian_filter1d(impulse, sigma) ** 2).sum())
    smooth = gaussian_filter(noise, sigma, output=noise)[reach:-reach, reach:-reach]
    return np.asarray(smooth / np.float32(rms), dtype=np.float32)


def blank_edge_of(values: Float32Array, width: int) -> Float32Array:
    """Set the pixels near the edges of a plane to NaN, in place.

    Parameters
    ----------
    values : ndarray (h, w), float32
    width : int
        Of the frame without data, in pixels.

    Returns
    -------
    ndarray (h, w), float32
        `values` itself.
    """
    if width:
        for edge in (slice(None, width), slice(-width, None)):
            values[edge] = np.nan
            values[:, edge] = np.nan
    return values
