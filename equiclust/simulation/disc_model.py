"""Protoplanetary discs as analytic functions of the sky, and their pictures through a beam.

A disc can be sampled exactly at any rotation. It is flat and optically thick: its face-on surface
brightness is kept when it is inclined, and its total flux falls as the cosine of the inclination.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from astropy.stats import gaussian_sigma_to_fwhm

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.simulation.disc_structures import Structure
from equiclust.typing import Float64Array
from equiclust.validation import check_whole

__all__ = ["DiscParameters", "beam_noise", "disc_brightness", "render"]

CORE_RADIUS = 0.15
"""Where the power law of the brightness flattens, in outer radii."""

MARGIN = 3.5
"""How far beyond the frame the beam still gathers light, in beam widths."""


@dataclass(frozen=True)
class DiscParameters:
    """Parameters of a disc, without the telescope. Lengths are in units of half the frame.

    Parameters
    ----------
    class_name : str, default "smooth"
        A name only; `structure` determines the image.
    outer_radius : float, default 0.6
        Where the edge has dimmed the face-on brightness by a factor e.
    slope : float, default 0.5
        Exponent of the smooth disc, see `edge`.
    edge : float, default 5.0
        The smooth disc is `(1 + (r / 0.15 R)^2)^(-slope / 2) exp(-(r / R)^edge)`.
    flux : float, default 0.1
        Total flux of the disc seen face-on, in Jy.
    inclination, position_angle : float, default 0.0
        In degrees; 0 = face-on, and the major axis counter-clockwise from +y.
    spin : float, default 0.0
        Angle in degrees by which the structure is rotated within the disc, against the sense of
        rotation of the disc: with `inclination` and `position_angle` the third of the angles under
        which one system can be seen.
    mirror : bool, default False
        Whether the disc rotates clockwise on the sky; arms and wakes trail either way.
    centre : tuple of two floats, default (0.0, 0.0)
        Position of the star, x and y.
    structure : tuple of Annulus, Cavity, Spiral, Vortex or Planet, default ()
        Their factors multiply the smooth disc; their lengths are in outer radii.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from equiclust.simulation import DiscParameters, render
    >>> face_on = DiscParameters(outer_radius=0.5, flux=0.2)
    >>> inclined = replace(face_on, inclination=60.0, position_angle=30.0)

    The surface brightness stays, so that half of the flux is seen at 60 degrees:

    >>> round(float(render(inclined, 64).sum() / render(face_on, 64).sum()), 2)
    0.5
    """

    class_name: str = "smooth"
    outer_radius: float = 0.6
    slope: float = 0.5
    edge: float = 5.0
    flux: float = 0.1
    inclination: float = 0.0
    position_angle: float = 0.0
    spin: float = 0.0
    mirror: bool = False
    centre: tuple[float, float] = (0.0, 0.0)
    structure: tuple[Structure, ...] = ()


def _face_on(r: Float64Array, phi: Float64Array, parameters: DiscParameters) -> Float64Array:
    """Brightness relative to the smooth disc's centre; `r` in outer radii."""
    core = (1.0 + (r / CORE_RADIUS) ** 2) ** (-0.5 * parameters.slope)
    brightness: Float64Array = core * np.exp(-(r**parameters.edge))
    for structure in parameters.structure:
        brightness = brightness * structure.factor(r, phi)
    return brightness


def _relative_flux(parameters: DiscParameters) -> float:
    """Integral of `_face_on` over the disc in outer radii squared, by Gauss and trapezoid."""
    nodes, weights = np.polynomial.legendre.leggauss(96)
    r = 1.25 * (nodes + 1.0)
    phi = np.linspace(0.0, 2.0 * np.pi, 128, endpoint=False)
    mean = _face_on(r[:, None], phi[None], parameters).mean(axis=1)
    return float(np.sum(2.5 * np.pi * weights * r * mean))


def disc_brightness(x: npt.ArrayLike, y: npt.ArrayLike, parameters: DiscParameters) -> Float64Array:
    """Surface brightness of a disc on the sky, before the telescope.

    Parameters
    ----------
    x, y : array-like
        Positions in units of half the frame from its centre, x to the right and y up; they
        broadcast.
    parameters : DiscParameters
        The disc.

    Returns
    -------
    ndarray, float64
        In Jy per square of half a frame: integrated over the sky, the face-on flux times the
        cosine of the inclination.
    """
    right = np.asarray(x, dtype=np.float64) - parameters.centre[0]
    up = np.asarray(y, dtype=np.float64) - parameters.centre[1]
    angle = math.radians(parameters.position_angle)
    major = up * math.cos(angle) - right * math.sin(angle)
    minor = up * math.sin(angle) + right * math.cos(angle)
    minor = minor / math.cos(math.radians(parameters.inclination))
    phi = np.arctan2(minor if parameters.mirror else -minor, major)
    phi = phi + math.radians(parameters.spin)
    r = np.hypot(major, minor) / parameters.outer_radius
    scale = parameters.flux / (_relative_flux(parameters) * parameters.outer_radius**2)
    return scale * _face_on(r, phi, parameters)


@checks_types
def render(
    parameters: DiscParameters,
    size: int,
    *,
    rotation: float = 0.0,
    mirror: bool = False,
    supersample: int = 2,
    beam_fwhm: float = 0.05,
    beam_ratio: float = 1.0,
    beam_angle: float = 0.0,
) -> Float64Array:
    """Noise-free image of a disc, rotated exactly: the function is sampled anew, not the pixels.

    Parameters
    ----------
    parameters : DiscParameters
        The disc.
    size : int
        Height and width in pixels.
    rotation : float, default 0.0
        Angle in degrees by which the whole image, beam included, is rotated, in the sense of
        `numpy.rot90`.
    mirror : bool, default False
        Whether it is mirrored left to right before the rotation.
    supersample : int, default 2
        Number of samples along each side of a pixel.
    beam_fwhm : float, default 0.05
        Full width at half maximum of the beam, the geometric mean of its two axes, in widths of
        the frame; 0 for none.
    beam_ratio : float, default 1.0
        Minor over major axis of the beam.
    beam_angle : float, default 0.0
        Position angle of the major axis in degrees.

    Returns
    -------
    ndarray (size, size), float64
        Mean brightness in each pixel, in the units of `disc_brightness`; row 0 is at the bottom.

    Raises
    ------
    InputError
        When an argument cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust.simulation import draw_disc, render
    >>> disc = draw_disc("spiral", random_state=0)
    >>> image = render(disc, 64)
    >>> turned = render(disc, 64, rotation=90.0)
    >>> bool(np.allclose(turned, np.rot90(image)))
    True
    """
    check_whole("size", size, largest=32768)
    check_whole("supersample", supersample, largest=64)
    if not 0.0 <= beam_fwhm <= 1.0:
        raise InputError(f"beam_fwhm must lie between 0 and 1 frame widths, got {beam_fwhm}")
    if not 0.0 < beam_ratio <= 1.0:
        raise InputError(f"beam_ratio must be above 0 and at most 1, got {beam_ratio}")
    if not (math.isfinite(rotation) and math.isfinite(beam_angle)):
        raise InputError(f"angles must be finite, got rotation {rotation}, beam {beam_angle}")
    margin = math.ceil(MARGIN * beam_fwhm * size / math.sqrt(beam_ratio))
    side = size + 2 * margin
    samples = side * supersample
    t = (2.0 * np.arange(samples) + 1.0 - samples) / (size * supersample)
    x, y = _rotated(t[None], t[:, None], rotation, mirror)
    fine = disc_brightness(x, y, parameters)
    picture = fine.reshape(side, supersample, side, supersample).mean(axis=(1, 3))
    if beam_fwhm > 0:
        n = _odd_fast_length(side)
        fx, fy = _rotated(*_frequencies(n), rotation, mirror)
        transfer = _beam_transfer(fx, fy, beam_fwhm * size, beam_ratio, beam_angle)
        picture = _filtered(picture, transfer)
    return np.ascontiguousarray(picture[margin : margin + size, margin : margin + size])


def _rotated(
    x: Float64Array, y: Float64Array, rotation: float, mirror: bool
) -> tuple[Float64Array, Float64Array]:
    """Where a point of the turned picture lies in the one that was not."""
    c, s = math.cos(math.radians(rotation)), math.sin(math.radians(rotation))
    back = c * x - s * y
    return (-back if mirror else back), s * x + c * y


def _odd_fast_length(n: int) -> int:
    """Odd, since the highest frequency of an even length has no mirror image."""
    from scipy.fft import next_fast_len

    n += 1 - n % 2
    while next_fast_len(n) != n:
        n += 2
    return n


def _frequencies(n: int) -> tuple[Float64Array, Float64Array]:
    return (np.arange(n // 2 + 1) / n)[None], (((np.arange(n) + n // 2) % n - n // 2) / n)[:, None]


def _beam_transfer(
    fx: Float64Array, fy: Float64Array, fwhm: float, ratio: float, angle: float
) -> Float64Array:
    """Fourier transform of the beam, `exp(-2 pi^2 sigma^2 f^2)`; `fwhm` in pixels."""
    sigma = fwhm / float(gaussian_sigma_to_fwhm)
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    along, across = c * fy - s * fx, s * fy + c * fx
    return np.exp(-2.0 * (np.pi * sigma) ** 2 * (along**2 / ratio + across**2 * ratio))


def _filtered(picture: Float64Array, transfer: Float64Array) -> Float64Array:
    n = len(transfer)
    wave = np.fft.rfft2(picture, s=(n, n)) * transfer
    smooth: Float64Array = np.fft.irfft2(wave, s=(n, n))
    return smooth[: len(picture), : len(picture)]


def beam_noise(
    rng: np.random.Generator,
    size: int,
    *,
    beam_fwhm: float = 0.05,
    beam_ratio: float = 1.0,
    beam_angle: float = 0.0,
) -> Float64Array:
    """Gaussian noise of unit rms, correlated over the beam as in an interferometer's image.

    Parameters
    ----------
    rng : numpy.random.Generator
    size : int
        Height and width in pixels.
    beam_fwhm : float, default 0.05
        Full width at half maximum of the beam, the geometric mean of its two axes, in widths of
        the frame; 0 for none.
    beam_ratio : float, default 1.0
        Minor over major axis of the beam.
    beam_angle : float, default 0.0
        Position angle of the major axis in degrees.

    Returns
    -------
    ndarray (size, size), float64
    """
    n = _odd_fast_length(size + math.ceil(MARGIN * beam_fwhm * size / math.sqrt(beam_ratio)))
    transfer = _beam_transfer(*_frequencies(n), beam_fwhm * size, beam_ratio, beam_angle)
    # The columns that the real transform leaves out mirror the others, but for the first.
    power = (2.0 * (transfer**2).sum() - (transfer[:, 0] ** 2).sum()) / n**2
    return _filtered(rng.standard_normal((n, n)), transfer)[:size, :size] / math.sqrt(power)
