"""Patches of gas clouds with known truth: five textures, seen through a beam and in its noise."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.stats import gaussian_sigma_to_fwhm

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.images import Image, ImageSet
from equiclust.simulation.disc_model import beam_noise
from equiclust.simulation.sampling import (
    RandomState,
    balanced_classes,
    check_classes,
    check_set,
    image_seeds,
    root_seed,
    truth_table,
)
from equiclust.typing import Float64Array

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["CLOUD_CLASSES", "SLOPES", "fractal_field", "simulate_cloud_patches", "texture"]


SLOPES = {"fractal_shallow": 2.2, "fractal_steep": 3.6}
"""Slopes of the power spectra, either side of the 2.5 to 3.3 of molecular clouds."""

BEAM_FWHM = 0.04
"""Full width at half maximum of the beam of a patch, in widths of the patch."""

DESCRIPTIONS = {
    "id": "name of the image",
    "kind": "class of texture",
    "kind_index": "place of the class among all that can be simulated",
    "slope": "of the power spectrum of the logarithm of a fractal cloud, else not a number",
    "beam_fwhm": "full width of the beam at half maximum",
    "snr": "noise-free peak over the rms of the noise",
    "noise_rms": "rms of the noise",
    "seed": "seed of the image",
}


@checks_types
def fractal_field(
    shape: tuple[int, int],
    slope: float,
    *,
    outer_scale: float = math.inf,
    random_state: RandomState = None,
) -> Float64Array:
    """Gaussian random field whose power falls as a power law: fractional Brownian motion.

    White noise is multiplied in Fourier space by `(k^2 + k0^2)^(-slope / 4)`, `k` being the
    spatial frequency and `k0` one over the outer scale (Stutzki et al. 1998, A&A 336, 697).

    Parameters
    ----------
    shape : tuple of two ints
        Height and width in pixels. The field is periodic.
    slope : float
        The power spectrum falls as `k^-slope`; 0 is white noise.
    outer_scale : float, default math.inf
        In pixels; at longer waves the spectrum is flat.
    random_state : int, Generator or RandomState, optional
        The same seed gives the same field.

    Returns
    -------
    ndarray (height, width), float64
        Of mean 0; its expected variance is 1.

    Raises
    ------
    InputError
        When an argument cannot be used.

    Examples
    --------
    >>> from equiclust.simulation import fractal_field
    >>> field = fractal_field((64, 64), slope=3.0, random_state=0)
    >>> field.shape, abs(float(field.mean())) < 1e-9
    ((64, 64), True)
    """
    _check_shape(shape)
    if not math.isfinite(slope):
        raise InputError(f"slope must be finite, got {slope}")
    if not outer_scale > 0.0:
        raise InputError(f"outer_scale must be above 0, got {outer_scale}")
    rng = np.random.default_rng(root_seed(random_state))
    return _fractal_field(shape, slope, outer_scale, rng)


def _fractal_field(
    shape: tuple[int, int], slope: float, outer_scale: float, rng: np.random.Generator
) -> Float64Array:
    k_squared = np.fft.fftfreq(shape[0])[:, None] ** 2 + np.fft.fftfreq(shape[1])[None] ** 2
    k_squared[0, 0] = 1.0
    amplitude = (k_squared + outer_scale**-2) ** (-0.25 * slope)
    amplitude[0, 0] = 0.0
    wave = np.fft.fft2(rng.standard_normal(shape)) * amplitude
    field: Float64Array = np.fft.ifft2(wave).real / math.sqrt(np.mean(amplitude**2))
    return field


@checks_types
def texture(
    class_name: str,
    shape: tuple[int, int],
    rng: np.random.Generator,
    *,
    scale: float = 64.0,
    slope: float | None = None,
) -> Float64Array:
    """Noise-free column density of one texture, statistically the same all over and at all angles.

    Parameters
    ----------
    class_name : str
        One of `CLOUD_CLASSES`: ``fractal_shallow`` and ``fractal_steep`` are exponentials of
        `fractal_field` with the slopes of `SLOPES`; ``filaments`` are winding threads; ``clumps``
        are Gaussians with masses as in Kramer et al. (1998, A&A 329, 249), `dN/dM ~ M^-1.7`;
        ``shells`` are hollow spheres.
    shape : tuple of two ints
        Height and width in pixels.
    rng : numpy.random.Generator
        Source of randomness.
    scale : float, default 64.0
        Length in pixels in which filaments, clumps and shells are measured: a square of this side
        shows a handful of each. A larger map with the same scale shows more of the same.
    slope : float, optional
        For the fractal classes, another slope than that of `SLOPES`.

    Returns
    -------
    ndarray (height, width), float64
        Above 0 everywhere, of mean 1.

    Raises
    ------
    InputError
        When an argument cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust.simulation import texture
    >>> column = texture("filaments", (96, 96), np.random.default_rng(0), scale=32.0)
    >>> column.shape, round(float(column.mean()), 6), bool(column.min() > 0.0)
    ((96, 96), 1.0, True)
    """
    check_classes([class_name], CLOUD_CLASSES)
    _check_shape(shape)
    if not 4.0 <= scale < math.inf:
        raise InputError(f"scale must be finite and at least 4 pixels, got {scale}")
    if slope is not None and not (class_name in SLOPES and math.isfinite(slope)):
        raise InputError(
            f"slope must be finite, and for {', '.join(SLOPES)} only, got {slope} for {class_name}"
        )
    return _texture(class_name, shape, scale, rng, slope)


def _texture(
    class_name: str,
    shape: tuple[int, int],
    scale: float,
    rng: np.random.Generator,
    slope: float | None = None,
) -> Float64Array:
    if class_name in SLOPES:
        steepness = SLOPES[class_name] if slope is None else slope
        return _unit_mean(_fractal_gas(shape, scale, steepness, rng.uniform(0.7, 1.0), rng))
    structure = _unit_mean(_STRUCTURES[class_name](shape, scale, rng))
    # Nothing in the sky is smooth or wholly dark: thin gas around, and light and shade within.
    shade = _fractal_gas(shape, scale, 2.8, 0.35, rng)
    return _unit_mean(shade * (structure + rng.uniform(0.1, 0.25)))


def _unit_mean(values: Float64Array) -> Float64Array:
    mean = float(values.mean())
    return values / mean if mean > 0.0 else values


def _fractal_gas(
    shape: tuple[int, int], scale: float, slope: float, contrast: float, rng: np.random.Generator
) -> Float64Array:
    """Log-normal; cut out of a wider field, whose periodicity therefore does not show."""
    pad = math.ceil(scale)
    wide = _fractal_field((shape[0] + pad, shape[1] + pad), slope, 2.0 * scale, rng)
    return np.exp(contrast * wide[: shape[0], : shape[1]])


def _scattered(
    shape: tuple[int, int], margin: float, density: float, rng: np.random.Generator
) -> tuple[Float64Array, Float64Array]:
    """Rows and columns of points, `density` a square pixel, also around the frame.

    One at random in each cell of a grid that lies at random: no part of the frame stays empty.
    """
    cell = density**-0.5
    n_rows, n_columns = (math.ceil((side + 2.0 * margin) / cell) + 1 for side in shape)
    rows, columns = np.mgrid[:n_rows, :n_columns] - rng.uniform(size=(2, 1, 1))
    row = cell * (rows + rng.uniform(size=rows.shape)) - margin
    column = cell * (columns + rng.uniform(size=rows.shape)) - margin
    return row.ravel(), column.ravel()


def _filaments(shape: tuple[int, int], scale: float, rng: np.random.Generator) -> Float64Array:
    """Threads whose direction wanders, with narrow cores in wider wings."""
    from scipy.ndimage import gaussian_filter

    pad = math.ceil(0.15 * scale)
    wide = (shape[0] + 2 * pad, shape[1] + 2 * pad)
    row, column = _scattered(wide, 0.5 * scale, 6.0 / scale**2, rng)
    n, steps = len(row), math.ceil(2.4 * scale)
    bend = rng.normal(0.0, 0.7 / math.sqrt(scale), (n, steps))
    heading = rng.uniform(0.0, 2.0 * np.pi, (n, 1)) + np.cumsum(bend, axis=1)
    rows = row[:, None] + 0.5 * np.cumsum(np.sin(heading), axis=1)
    columns = column[:, None] + 0.5 * np.cumsum(np.cos(heading), axis=1)
    taper = np.sin(np.pi * (np.arange(steps) + 0.5) / steps) ** 0.5
    weight = np.exp(rng.normal(0.0, 0.2, (n, 1))) * taper
    lines, _, _ = np.histogram2d(
        rows.ravel(),
        columns.ravel(),
        bins=wide,
        range=((0, wide[0]), (0, wide[1])),
        weights=weight.ravel(),
    )
    width = 0.018 * scale
    threads = gaussian_filter(lines, width) + 0.15 * gaussian_filter(lines, 2.5 * width)
    # In units of one thread's ridge, two points being a pixel of it; crossings do not outshine all.
    threads *= math.sqrt(0.5 * math.pi) * width
    threads /= 1.0 + threads
    return np.asarray(threads[pad : pad + shape[0], pad : pad + shape[1]], dtype=np.float64)


def _clumps(shape: tuple[int, int], scale: float, rng: np.random.Generator) -> Float64Array:
    """Round Gaussians, `sigma ~ M^(1/3)`: each a product of a row and a column profile."""
    row, column = _scattered(shape, 0.2 * scale, 25.0 / scale**2, rng)
    mass = _power_law(len(row), 1.7, 100.0, rng)
    sigma = 0.014 * scale * mass ** (1.0 / 3.0)
    picture = np.empty(shape)
    # Block by block, of the clumps that reach it (7 sigma of the widest): a large map has so many
    # that the profiles of all of them would not fit in memory.
    side, reach = math.ceil(4.0 * scale), 0.5 * scale
    for top, left in itertools.product(range(0, shape[0], side), range(0, shape[1], side)):
        rows = np.arange(top, min(top + side, shape[0]))
        columns = np.arange(left, min(left + side, shape[1]))
        near = (np.abs(row - rows.mean()) < 0.5 * len(rows) + reach) & (
            np.abs(column - columns.mean()) < 0.5 * len(columns) + reach
        )
        across = np.exp(-0.5 * ((rows[:, None] - row[near]) / sigma[near]) ** 2)
        along = np.exp(-0.5 * ((columns[:, None] - column[near]) / sigma[near]) ** 2)
        block = np.ix_(rows, columns)
        picture[block] = (across * (mass[near] / sigma[near] ** 2)) @ along.T
    return picture


def _power_law(n: int, slope: float, highest: float, rng: np.random.Generator) -> Float64Array:
    """Draws from `dN/dM ~ M^-slope` between 1 and `highest`."""
    power = 1.0 - slope
    masses: Float64Array = (1.0 + rng.uniform(size=n) * (highest**power - 1.0)) ** (1.0 / power)
    return masses


def _shells(shape: tuple[int, int], scale: float, rng: np.random.Generator) -> Float64Array:
    """Column density through hollow spheres, denser on one side."""
    picture = np.zeros(shape)
    for row, column in zip(*_scattered(shape, 0.3 * scale, 3.5 / scale**2, rng), strict=True):
        radius = scale * rng.uniform(0.12, 0.28)
        inner = radius * rng.uniform(0.75, 0.88)
        side, bias = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(0.0, 0.7)
        density = np.exp(rng.normal(0.0, 0.3)) / radius
        rows = slice(max(math.floor(row - radius), 0), max(math.ceil(row + radius) + 1, 0))
        columns = slice(max(math.floor(column - radius), 0), max(math.ceil(column + radius) + 1, 0))
        y = np.arange(shape[0])[rows, None] - row
        x = np.arange(shape[1])[None, columns] - column
        r_squared = x**2 + y**2
        depth = np.sqrt(np.maximum(radius**2 - r_squared, 0.0))
        depth -= np.sqrt(np.maximum(inner**2 - r_squared, 0.0))
        lopsided = 1.0 + bias * (x * np.cos(side) + y * np.sin(side)) / radius
        picture[rows, columns] += density * depth * lopsided
    return picture


_STRUCTURES: dict[str, Callable[[tuple[int, int], float, np.random.Generator], Float64Array]] = {
    "filaments": _filaments,
    "clumps": _clumps,
    "shells": _shells,
}

CLOUD_CLASSES = (*SLOPES, *_STRUCTURES)
"""Names of the classes; their order is that of `kind_index`."""


@checks_types
def simulate_cloud_patches(
    n: int,
    *,
    size: int = 64,
    classes: Sequence[str] = CLOUD_CLASSES,
    snr: tuple[float, float] = (10.0, 40.0),
    random_state: RandomState = None,
) -> tuple[ImageSet, Table]:
    """Simulate patches of clouds of all classes equally often, with their true classes.

    Classes follow one another at random; the noise has the width of the beam.

    Parameters
    ----------
    n : int
        Number of images. The first images of a longer set are those of a shorter one.
    size : int, default 64
        Height and width in pixels; the textures scale with it.
    classes : sequence of str, default CLOUD_CLASSES
        Those of `CLOUD_CLASSES` to draw.
    snr : tuple of two floats, default (10.0, 40.0)
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
    >>> from equiclust import simulate_cloud_patches
    >>> images, truth = simulate_cloud_patches(5, size=32, random_state=0)
    >>> images.pixels.shape, len(set(truth["kind"]))
    ((5, 1, 32, 32), 5)
    """
    check_classes(classes, CLOUD_CLASSES)
    check_set(n, size, snr)
    root = root_seed(random_state)
    order, seeds = balanced_classes(classes, n, root), image_seeds(n, root)
    observed = [
        _observe(f"cloud_{i:05d}", class_name, seed, size, snr)
        for i, (class_name, seed) in enumerate(zip(order, seeds, strict=True))
    ]
    truth = truth_table([row for _, row in observed], DESCRIPTIONS, {"beam_fwhm": "pix"})
    return ImageSet(tuple(image for image, _ in observed)), truth


def _observe(
    name: str, class_name: str, seed: int, size: int, snr: tuple[float, float]
) -> tuple[Image, dict[str, Any]]:
    clean = _seen_through_beam(class_name, size, np.random.default_rng(seed))
    rng = np.random.default_rng([seed, 1])
    peak_snr = math.exp(rng.uniform(*np.log(snr)))
    rms = float(clean.max()) / peak_snr
    noise = rms * beam_noise(rng, size, beam_fwhm=BEAM_FWHM)
    row = {
        "id": name,
        "kind": class_name,
        "kind_index": CLOUD_CLASSES.index(class_name),
        "slope": SLOPES.get(class_name, math.nan),
        "beam_fwhm": BEAM_FWHM * size,
        "snr": peak_snr,
        "noise_rms": rms,
        "seed": seed,
    }
    return Image.from_values(clean + noise, name), row


def _seen_through_beam(class_name: str, size: int, rng: np.random.Generator) -> Float64Array:
    """With a margin, from which the beam gathers light too."""
    from scipy.ndimage import gaussian_filter

    sigma = BEAM_FWHM * size / float(gaussian_sigma_to_fwhm)
    margin = math.ceil(4.0 * sigma)
    side = size + 2 * margin
    seen = gaussian_filter(_texture(class_name, (side, side), float(size), rng), sigma)
    brightness = 10.0 ** rng.normal(0.0, 0.3)
    return np.asarray(brightness * seen[margin:-margin, margin:-margin], dtype=np.float64)


def _check_shape(shape: tuple[int, int]) -> None:
    if len(shape) != 2 or min(shape) < 1:
        raise InputError(f"shape must be a height and a width of at least 1, got {shape}")
