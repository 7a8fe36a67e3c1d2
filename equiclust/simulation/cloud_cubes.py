"""Cubes of gas clouds with known truth: lines whose strength, speed and width are known."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Unpack

import numpy as np
from astropy.stats import gaussian_sigma_to_fwhm

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.simulation.cloud_maps import (
    BRIGHTNESS,
    beam_noise_map,
    blank_edge_of,
    draw_sky,
    rotate_into_frame,
    rotate_quarter_turns,
)
from equiclust.simulation.cloud_scene import (
    VELOCITIES,
    CloudScene,
    Int16Array,
    SkyOptions,
    make_scene,
    sky_header,
)
from equiclust.simulation.textures import fractal_field
from equiclust.typing import Float32Array, Float64Array

if TYPE_CHECKING:
    from astropy.io import fits

__all__ = [
    "MIN_CHANNELS",
    "REST_FREQUENCY",
    "CloudCube",
    "Gas",
    "Lines",
    "cube_header",
    "draw_gas",
    "iterate_channels",
    "make_cube_scene",
    "simulate_cloud_cube",
]

REST_FREQUENCY = 110.201354e9
"""Of the line, 13CO (1-0), in Hz."""

VELOCITY_SLOPE = 3.0
"""Slope of the power spectrum of the velocities, near that of line widths that grow as the root of
the size (Larson 1981, MNRAS 194, 809)."""

MIN_CHANNELS = 2

# Standard deviations of a line between the farthest centroid and the end of the band.
CLEAR = 5.0


@dataclass(frozen=True)
class Lines:
    """Velocity axis and lines of a cube: checked arguments of `simulate_cloud_cube`.

    Parameters
    ----------
    n_channels : int
    line_widths : tuple of float
        Full widths at half maximum in km/s: one for all classes, or one for each.
    channel_width : float, default 0.2
        In km/s.
    n_lines : {1, 2}, default 1
        Number of clouds behind each other.
    velocity : float, default 8.0
        Centre of the band in km/s.
    """

    n_channels: int
    line_widths: tuple[float, ...]
    channel_width: float = 0.2
    n_lines: int = 1
    velocity: float = 8.0

    def __post_init__(self) -> None:
        if self.n_channels < MIN_CHANNELS:
            raise InputError(
                f"shape must begin with at least {MIN_CHANNELS} channels, got {self.n_channels}"
            )
        if not 0.0 < self.channel_width < math.inf:
            raise InputError(f"channel_width must be finite and above 0, got {self.channel_width}")
        if self.n_lines not in (1, 2):
            raise InputError(f"n_lines must be 1 or 2, got {self.n_lines}")
        if not math.isfinite(self.velocity):
            raise InputError(f"velocity must be finite, got {self.velocity}")
        if not self.line_widths or not all(width > 0.0 for width in self.line_widths):
            raise InputError(f"line_widths must be above 0, got {list(self.line_widths)}")
        if not self.room > 0.0:
            raise InputError(
                f"line_widths must fit into the {self.bandwidth:g} km/s of the channels, five "
                f"standard deviations at either end, got {max(self.line_widths):g}; take more or "
                "wider channels"
            )

    @property
    def bandwidth(self) -> float:
        """Width of all channels together in km/s."""
        return self.n_channels * self.channel_width

    @property
    def room(self) -> float:
        """How far from the middle of the band a line may lie, in km/s."""
        margin = CLEAR * max(self.line_widths) / gaussian_sigma_to_fwhm
        return float(0.5 * self.bandwidth - margin)

    @property
    def velocities(self) -> Float64Array:
        """Middles of the channels `(n_channels,)` in km/s."""
        steps = np.arange(self.n_channels, dtype=np.float64) - 0.5 * (self.n_channels - 1)
        return self.velocity + steps * self.channel_width


class Gas(NamedTuple):
    """One cloud along all lines of sight.

    Attributes
    ----------
    column : ndarray (h, w), float32
        Emission in K km/s.
    centroid : ndarray (h, w), float32
        Velocity in km/s.
    sigma : ndarray (h, w), float32
        Standard deviation of the line in km/s.
    """

    column: Float32Array
    centroid: Float32Array
    sigma: Float32Array


@dataclass(frozen=True, eq=False)
class CloudCube:
    """Simulated cube with its truth, as `simulate_cloud_cube` returns it.

    Parameters
    ----------
    values : ndarray (channels, h, w), float32
        Brightness temperature in K; not a number = blank.
    truth : ndarray (h, w), int16
        Place among `classes` of the class of each line of sight.
    column : ndarray (h, w), float32
        Noise-free moment 0 in K km/s.
    velocities : ndarray (channels,), float64
        Middles of the channels in km/s.
    header : astropy.io.fits.Header
        Of the three axes.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust import simulate_cloud_cube
    >>> cube = simulate_cloud_cube((8, 48, 48), snr=100.0, random_state=0)
    >>> integrated = cube.values.sum(axis=0) * 0.2
    >>> bool(np.corrcoef(integrated.ravel(), cube.column.ravel())[0, 1] > 0.99)
    True
    """

    values: Float32Array
    truth: Int16Array
    column: Float32Array
    velocities: Float64Array
    header: fits.Header


@checks_types
def simulate_cloud_cube(
    shape: tuple[int, int, int],
    *,
    channel_width: float = 0.2,
    line_widths: float | tuple[float, ...] | None = None,
    n_lines: int = 1,
    velocity: float = 8.0,
    **sky: Unpack[SkyOptions],
) -> CloudCube:
    """Simulate a position-position-velocity cube of a cloud whose regions differ in texture.

    Each line of sight has a Gaussian line, or two. Its emission over all velocities is the
    column density of `simulate_cloud_map` with the same sky: the sum of the noise-free channels
    times their width is that map. Its velocity is a fractal field of its own that fills the band.
    A channel holds the mean of the line over its width.

    Parameters
    ----------
    shape : tuple of three ints
        Channels, height and width in pixels.
    channel_width : float, default 0.2
        Width of a channel in km/s.
    line_widths : float or sequence of float, optional
        Full width at half maximum in km/s of the lines of all classes, or one for each class, which
        then distinguishes the classes; by default a tenth of the band for all.
    n_lines : int, default 1
        Number of clouds behind each other, 1 or 2, which share the column density.
    velocity : float, default 8.0
        Centre of the band in km/s.
    **sky
        As in `simulate_cloud_map`; `snr` is the peak of a line of the mean column density and the
        first width over the rms of the noise in one channel, which is independent of that in
        others.

    Returns
    -------
    CloudCube

    Raises
    ------
    InputError
        When an argument cannot be used.

    Examples
    --------
    >>> from equiclust import simulate_cloud_cube
    >>> cube = simulate_cloud_cube((16, 48, 48), channel_width=0.5, random_state=0)
    >>> cube.values.shape, cube.truth.shape
    ((16, 48, 48), (48, 48))
    >>> cube.velocities[:3]
    array([4.25, 4.75, 5.25])
    """
    scene, lines = make_cube_scene(shape, (channel_width, line_widths, n_lines, velocity), sky)
    gas, truth = draw_gas(scene, lines)
    values = np.empty((lines.n_channels, *scene.shape), dtype=np.float32)
    for channel, plane in enumerate(iterate_channels(scene, lines, gas)):
        values[channel] = plane
    column = np.sum([cloud.column for cloud in gas], axis=0)
    return CloudCube(
        values,
        rotate_quarter_turns(truth, scene),
        rotate_quarter_turns(column, scene),
        lines.velocities,
        cube_header(scene, lines),
    )


def make_cube_scene(
    shape: tuple[int, int, int],
    lines: tuple[float, float | tuple[float, ...] | None, int, float],
    sky: SkyOptions,
) -> tuple[CloudScene, Lines]:
    """Scene and lines from the arguments of `simulate_cloud_cube`.

    Parameters
    ----------
    shape : tuple of three ints
        Channels, height and width.
    lines : tuple
        `channel_width`, `line_widths`, `n_lines` and `velocity` of `simulate_cloud_cube`.
    sky : mapping
        Its other arguments.

    Returns
    -------
    scene : CloudScene
    lines : Lines

    Raises
    ------
    InputError
        When an argument is illegal.
    """
    if len(shape) != 3:
        raise InputError(f"shape must be channels, height and width, got {shape}")
    n_channels, height, width = shape
    channel_width, widths, n_lines, velocity = lines
    scene = make_scene((height, width), sky)
    if widths is None:
        widths = 0.1 * n_channels * channel_width
    every = (float(widths),) if isinstance(widths, int | float) else tuple(widths)
    if len(every) not in (1, len(scene.classes)):
        raise InputError(
            f"line_widths must be one number or one for each of {len(scene.classes)} classes, "
            f"got {len(every)}"
        )
    return scene, Lines(n_channels, every, channel_width, n_lines, velocity)


def draw_gas(scene: CloudScene, lines: Lines) -> tuple[tuple[Gas, ...], Int16Array]:
    """Draw the clouds along the lines of sight, and the classes, before quarter turns.

    Parameters
    ----------
    scene : CloudScene
    lines : Lines

    Returns
    -------
    gas : tuple of Gas
    classes : ndarray (h, w), int16
    """
    column, truth = draw_sky(scene)
    widths = np.array(lines.line_widths, dtype=np.float32) / np.float32(gaussian_sigma_to_fwhm)
    sigma = widths[truth] if len(widths) > 1 else np.broadcast_to(widths, truth.shape)
    fields = [_smooth_sky(scene, 2 * cloud) for cloud in range(lines.n_lines)]
    centroids = [
        np.float32(lines.velocity) + np.float32(lines.room / np.abs(field).max()) * field
        for field in fields
    ]
    if lines.n_lines == 1:
        return (Gas(column, centroids[0], sigma),), truth
    # From hardly any to nearly all of the gas, changing from place to place.
    share = 1.0 / (1.0 + np.exp(-2.0 * _smooth_sky(scene, 1)))
    parts = (share * column, (1.0 - share) * column)
    gas = tuple(Gas(part, v, sigma) for part, v in zip(parts, centroids, strict=True))
    return gas, truth


def _smooth_sky(scene: CloudScene, number: int) -> Float32Array:
    """A fractal field seen as the sky is, through the same beam."""
    from scipy.ndimage import gaussian_filter

    rng = scene.rng(VELOCITIES, number)
    outer = 8.0 * scene.scale
    field = fractal_field(scene.canvas, VELOCITY_SLOPE, outer_scale=outer, random_state=rng)
    return rotate_into_frame(gaussian_filter(field, scene.sigma, output=field), scene).astype(
        np.float32
    )


def iterate_channels(
    scene: CloudScene, lines: Lines, gas: tuple[Gas, ...]
) -> Iterator[Float32Array]:
    """Channels of a cube with noise, one at a time.

    The memory needed does not grow with their number.

    Parameters
    ----------
    scene : CloudScene
    lines : Lines
    gas : tuple of Gas
        From `draw_gas`.

    Yields
    ------
    ndarray (h, w), float32
        In K.
    """
    area = lines.line_widths[0] * math.sqrt(2.0 * math.pi)
    typical = BRIGHTNESS * gaussian_sigma_to_fwhm / area
    rms = np.float32(typical / scene.snr)
    edge = lines.velocities[0] - 0.5 * lines.channel_width
    below = [_share_below(cloud, edge) for cloud in gas]
    for channel, middle in enumerate(lines.velocities):
        plane = rms * beam_noise_map(scene.noise_rng(channel), scene.frame, scene.sigma)
        for number, cloud in enumerate(gas):
            upto = _share_below(cloud, middle + 0.5 * lines.channel_width)
            # In place: the share of the line within the channel, over the channel's width.
            np.subtract(upto, below[number], out=below[number])
            below[number] *= cloud.column
            below[number] /= np.float32(lines.channel_width)
            plane += below[number]
            below[number] = upto
        yield rotate_quarter_turns(blank_edge_of(plane, scene.blank_edge), scene)


def _share_below(cloud: Gas, velocity: float) -> Float32Array:
    """Share of each line at lower velocities."""
    from scipy.special import ndtr

    score = np.float32(velocity) - cloud.centroid
    score /= cloud.sigma
    return np.asarray(ndtr(score, out=score), dtype=np.float32)


def cube_header(scene: CloudScene, lines: Lines) -> fits.Header:
    """FITS header of a cube: celestial axes, and radio velocity in km/s (LSR).

    Parameters
    ----------
    scene : CloudScene
    lines : Lines

    Returns
    -------
    astropy.io.fits.Header
    """
    header = sky_header(scene, "K")
    header["WCSAXES"] = 3
    header["CTYPE3"], header["CUNIT3"] = "VRAD", "km/s"
    header["CRPIX3"] = 0.5 * (lines.n_channels + 1)
    header["CRVAL3"], header["CDELT3"] = lines.velocity, lines.channel_width
    header["RESTFRQ"] = (REST_FREQUENCY, "[Hz] 13CO (1-0)")
    header["SPECSYS"] = "LSRK"
    return header
