"""The sky of simulated clouds: what is drawn, in which frame, on which coordinates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import numpy.typing as npt
from astropy.stats import gaussian_sigma_to_fwhm

from equiclust.exceptions import InputError
from equiclust.images import Beam
from equiclust.simulation.sampling import RandomState, check_classes, root_seed
from equiclust.simulation.textures import CLOUD_CLASSES, SLOPES
from equiclust.typing import Float64Array

if TYPE_CHECKING:
    from astropy.io import fits
    from astropy.wcs import WCS

__all__ = [
    "MAP_CLASSES",
    "MIN_SIDE",
    "CloudScene",
    "Int16Array",
    "SkyOptions",
    "class_shares",
    "class_slopes",
    "make_scene",
    "scene_beam",
    "scene_wcs",
    "sky_header",
]

Int16Array = npt.NDArray[np.int16]

MAP_CLASSES = ("fractal_shallow", "filaments", "clumps", "shells")
"""Classes of a map by default."""

# Streams of random numbers that follow from one seed.
REGIONS, TEXTURES, VELOCITIES, NOISE = range(4)

MIN_SIDE, MAX_BEAM = 32, 64.0
"""Smallest side of a map and largest full width of a beam, in pixels."""


class SkyOptions(TypedDict, total=False):
    """Arguments of `simulate_cloud_map` besides the shape, which documents them."""

    classes: tuple[str, ...]
    scale: float
    region_size: float | None
    slope: float | None
    beam_fwhm: float
    snr: float
    angle: float
    blank_edge: int
    centre: tuple[float, float]
    pixel_scale: float
    random_state: RandomState


@dataclass(frozen=True)
class CloudScene:
    """Checked options of `simulate_cloud_map`, and quantities that follow from them.

    The angle is a number of quarter turns and the rest below 90 degrees. Everything is drawn in
    the frame before the quarter turns, so that these move pixels and change none.

    Parameters
    ----------
    shape : tuple of two ints
        Height and width in pixels.
    classes : tuple of str, default `MAP_CLASSES`
        Different ones of `CLOUD_CLASSES`.
    scale : float, default 32.0
        Length in pixels of the textures.
    region_size : float, optional
        Typical width of a region in pixels; by default five times the scale.
    slope : float, optional
        Slope of the power spectrum of the one fractal class among the classes.
    beam_fwhm : float, default 3.0
        Full width of the round beam at half maximum in pixels.
    snr : float, default 10.0
        Mean of the noise-free map over the rms of the noise.
    angle : float, default 0.0
        Degrees by which the sky is rotated about the centre, in the sense of `numpy.rot90`.
    blank_edge : int, default 0
        Width in pixels of a frame without data.
    centre : tuple of two floats, default (83.8, -5.4)
        Right ascension and declination of the centre of the map in degrees.
    pixel_scale : float, default 10.0 / 3600.0
        Width of a pixel in degrees.
    seed : int, default 0
        Seed of everything random.
    """

    shape: tuple[int, int]
    classes: tuple[str, ...] = MAP_CLASSES
    scale: float = 32.0
    region_size: float | None = None
    slope: float | None = None
    beam_fwhm: float = 3.0
    snr: float = 10.0
    angle: float = 0.0
    blank_edge: int = 0
    centre: tuple[float, float] = (83.8, -5.4)
    pixel_scale: float = 10.0 / 3600.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_classes(self.classes, CLOUD_CLASSES)
        _check_frame(self.shape, self.blank_edge)
        _check_structure(self)
        _check_telescope(self)

    @property
    def quarters(self) -> int:
        """Quarter turns, as `numpy.rot90` counts them."""
        return int(self.angle // 90.0) % 4

    @property
    def rest(self) -> float:
        """What of the angle the quarter turns leave, in degrees."""
        return float(self.angle % 90.0)

    @property
    def frame(self) -> tuple[int, int]:
        """Height and width before the quarter turns."""
        height, width = self.shape
        return (width, height) if self.quarters % 2 else (height, width)

    @property
    def sigma(self) -> float:
        """Standard deviation of the beam in pixels."""
        return self.beam_fwhm / float(gaussian_sigma_to_fwhm)

    @property
    def canvas(self) -> tuple[int, int]:
        """The frame with a margin, so that it is full however it is turned and beamed."""
        # The spline's reach beside the beam's.
        needed = math.hypot(*self.frame) + 2.0 * (4.0 * self.sigma + 12.0)
        height, width = (n + 2 * math.ceil(0.5 * (needed - n)) for n in self.frame)
        return height, width

    @property
    def window(self) -> tuple[slice, slice]:
        """Where the frame lies on the canvas when it is not turned."""
        rows, columns = (
            slice((wide - n) // 2, (wide + n) // 2)
            for wide, n in zip(self.canvas, self.frame, strict=True)
        )
        return rows, columns

    def rng(self, *stream: int) -> np.random.Generator:
        """Generator of the random numbers for one purpose.

        Returns
        -------
        numpy.random.Generator
        """
        return np.random.default_rng([self.seed, *stream])

    def noise_rng(self, channel: int = 0) -> np.random.Generator:
        """Generator of the noise: another one at every angle, except for quarter turns.

        Parameters
        ----------
        channel : int, default 0
            Channel of a cube.

        Returns
        -------
        numpy.random.Generator
        """
        return self.rng(NOISE, channel, int(np.float64(self.rest).view(np.uint64)))


def make_scene(shape: tuple[int, int], options: SkyOptions) -> CloudScene:
    """Scene from the options of `simulate_cloud_map`.

    Parameters
    ----------
    shape : tuple of two ints
        Height and width in pixels.
    options : mapping
        Arguments of `simulate_cloud_map`.

    Returns
    -------
    CloudScene

    Raises
    ------
    InputError
        When an option is illegal.
    """
    rest: dict[str, Any] = {key: value for key, value in options.items() if key != "random_state"}
    rest["classes"] = tuple(rest.get("classes", MAP_CLASSES))
    return CloudScene(tuple(shape), seed=root_seed(options.get("random_state")), **rest)  # type: ignore[arg-type]


def scene_beam(scene: CloudScene) -> Beam:
    """Round beam of a scene.

    Parameters
    ----------
    scene : CloudScene

    Returns
    -------
    Beam
        In degrees.
    """
    width = scene.beam_fwhm * scene.pixel_scale
    return Beam(width, width, 0.0)


def scene_wcs(scene: CloudScene) -> WCS:
    """Celestial coordinates (TAN) of a scene, rotated with the sky.

    Parameters
    ----------
    scene : CloudScene

    Returns
    -------
    astropy.wcs.WCS
    """
    from astropy.wcs import WCS

    c, s = math.cos(math.radians(scene.rest)), math.sin(math.radians(scene.rest))
    for _ in range(scene.quarters):
        c, s = -s, c
    height, width = scene.shape
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.crval = list(scene.centre)
    wcs.wcs.crpix = [0.5 * (width + 1), 0.5 * (height + 1)]
    wcs.wcs.cdelt = [-scene.pixel_scale, scene.pixel_scale]
    wcs.wcs.pc = [[c, -s], [s, c]]
    wcs.wcs.radesys = "ICRS"
    return wcs


def sky_header(scene: CloudScene, unit: str) -> fits.Header:
    """FITS header of the two celestial axes, with unit and beam.

    Parameters
    ----------
    scene : CloudScene
    unit : str
        Unit of the values in FITS notation.

    Returns
    -------
    astropy.io.fits.Header
    """
    header = scene_wcs(scene).to_header()
    header["BUNIT"] = unit
    header["BMAJ"], header["BMIN"], header["BPA"] = scene_beam(scene)
    return header


def class_shares(truth: npt.NDArray[np.integer[Any]], n_classes: int) -> Float64Array:
    """Share of the pixels of each class.

    Parameters
    ----------
    truth : ndarray of int
        Class of every pixel.
    n_classes : int

    Returns
    -------
    ndarray (n_classes,), float64
    """
    return np.bincount(truth.ravel(), minlength=n_classes) / truth.size


def class_slopes(scene: CloudScene) -> Float64Array:
    """Slope of the power spectrum of each class.

    Parameters
    ----------
    scene : CloudScene

    Returns
    -------
    ndarray (n_classes,), float64
        NaN for classes without one.
    """
    slopes = {
        class_name: slope if scene.slope is None else scene.slope
        for class_name, slope in SLOPES.items()
    }
    return np.array([slopes.get(class_name, math.nan) for class_name in scene.classes])


def _check_frame(shape: tuple[int, ...], blank_edge: int) -> None:
    if len(shape) != 2 or min(shape) < MIN_SIDE:
        raise InputError(
            f"shape must be a height and a width of at least {MIN_SIDE} pixels, got {shape}"
        )
    if not 0 <= blank_edge < min(shape) / 2:
        raise InputError(
            f"blank_edge must be at least 0 and below half the map's {min(shape)} pixels, "
            f"got {blank_edge}"
        )


def _check_structure(scene: CloudScene) -> None:
    if not 4.0 <= scene.scale < math.inf:
        raise InputError(f"scale must be finite and at least 4 pixels, got {scene.scale}")
    if scene.region_size is not None and not scene.scale <= scene.region_size < math.inf:
        raise InputError(
            f"region_size must be finite and at least the scale of {scene.scale} pixels, "
            f"got {scene.region_size}"
        )
    n_fractal = sum(class_name in SLOPES for class_name in scene.classes)
    if scene.slope is not None and not (n_fractal == 1 and math.isfinite(scene.slope)):
        raise InputError(
            f"slope must be finite and needs one fractal class in classes, got {scene.slope} for "
            f"{', '.join(scene.classes)}"
        )


def _check_telescope(scene: CloudScene) -> None:
    if not 2.0 <= scene.beam_fwhm <= MAX_BEAM:
        raise InputError(
            f"beam_fwhm must lie between 2 and {MAX_BEAM:g} pixels, got {scene.beam_fwhm}"
        )
    if not 0.0 < scene.snr < math.inf:
        raise InputError(f"snr must be finite and above 0, got {scene.snr}")
    if not math.isfinite(scene.angle):
        raise InputError(f"angle must be finite, got {scene.angle}")
    right_ascension, declination = scene.centre
    if not (math.isfinite(right_ascension) and -90.0 <= declination <= 90.0):
        raise InputError(f"centre must be right ascension and declination, got {scene.centre}")
    widest = 30.0 / max(scene.shape)
    if not 0.0 < scene.pixel_scale <= widest:
        raise InputError(
            f"pixel_scale must be above 0 and at most {widest:.4g} degrees, got {scene.pixel_scale}"
        )
