"""Maps of gas clouds with known truth: regions that differ in texture and not in brightness."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, Unpack

import numpy as np
import numpy.typing as npt
from astropy.stats import gaussian_sigma_to_fwhm

from equiclust.exceptions import InputError
from equiclust.images import Beam, Image
from equiclust.simulation.sampling import RandomState, check_kinds, root_seed
from equiclust.simulation.textures import CLOUD_KINDS, SLOPES, texture

if TYPE_CHECKING:
    from astropy.io import fits
    from astropy.wcs import WCS

__all__ = [
    "BRIGHTNESS",
    "MAP_KINDS",
    "SMALLEST",
    "VELOCITIES",
    "CloudScene",
    "SkyOptions",
    "beam_noise_map",
    "blank_edge_of",
    "draw_sky",
    "kind_shares",
    "kind_slopes",
    "make_scene",
    "observe_sky",
    "rotate_into_frame",
    "rotate_quarter_turns",
    "scene_beam",
    "scene_wcs",
    "simulate_cloud_map",
    "sky_header",
]

FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int16]
AnyNumber = TypeVar("AnyNumber", np.float64, np.float32, np.int16)

MAP_KINDS = ("fractal_shallow", "filaments", "clumps", "shells")
"""The kinds of a map unless others are asked for."""

BRIGHTNESS = 10.0
"""Mean of the noise-free map in K km/s."""

LOG_SPREAD = 0.5
"""Standard deviation of the logarithm of the column density, as observed in nearby clouds
(Kainulainen et al. 2009, A&A 508, L35); the same for every kind."""

KNOTS = 25
"""Of the curve that equalises the brightness of a kind: so few that it is smooth."""

# Streams of random numbers that follow from one seed.
REGIONS, TEXTURES, VELOCITIES, NOISE = range(4)

SMALLEST, WIDEST_BEAM = 32, 64.0
"""Side of a map, and full width of a beam, in pixels."""


class SkyOptions(TypedDict, total=False):
    """What `simulate_cloud_map` takes beside the shape; explained there."""

    kinds: tuple[str, ...]
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
    """A sky to draw, as `simulate_cloud_map` takes it, checked; `seed` decides all that is random.

    The angle is a number of quarter turns and the rest below 90 degrees. Everything is drawn in
    the frame before the quarter turns, so that these move pixels and change none.
    """

    shape: tuple[int, int]
    kinds: tuple[str, ...] = MAP_KINDS
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
        check_kinds(self.kinds, CLOUD_KINDS)
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
        return float(self.beam_fwhm / gaussian_sigma_to_fwhm)

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
        """The random numbers of one purpose."""
        return np.random.default_rng([self.seed, *stream])

    def noise_rng(self, channel: int = 0) -> np.random.Generator:
        """Another noise at every angle, but for quarter turns."""
        return self.rng(NOISE, channel, int(np.float64(self.rest).view(np.uint64)))


def make_scene(shape: tuple[int, int], options: SkyOptions) -> CloudScene:
    """The scene that options describe; raises `InputError` when they cannot be used."""
    rest: dict[str, Any] = {key: value for key, value in options.items() if key != "random_state"}
    rest["kinds"] = tuple(rest.get("kinds", MAP_KINDS))
    return CloudScene(tuple(shape), seed=root_seed(options.get("random_state")), **rest)  # type: ignore[arg-type]


def simulate_cloud_map(
    shape: tuple[int, int], **options: Unpack[SkyOptions]
) -> tuple[Image, IntArray]:
    """Map of a cloud whose regions differ in texture, with the true map of its kinds.

    The sky is divided into regions of smooth outline, each kind having the same share of it. Each
    is filled with the `texture` of its kind, smoothed by the beam, and its values are then changed
    by a rising curve so that the histogram of each kind over the map, and with it mean and standard
    deviation, is the same log-normal: brightness does not tell the kinds. Regions are joined over
    the width of the beam. The noise is correlated over the beam.

    Parameters
    ----------
    shape : (int, int)
        Height and width in pixels, at least 32.
    kinds : sequence of str, optional
        Different ones of `CLOUD_KINDS`; by default those of `MAP_KINDS`.
    scale : float, optional
        Length in pixels in which the textures are measured, see `texture`; 32 by default.
    region_size : float, optional
        Typical width of a region in pixels; by default five times the scale.
    slope : float, optional
        Slope of the power spectrum of the one fractal kind among the kinds, in place of its own.
    beam_fwhm : float, optional
        Full width of the round beam at half maximum in pixels, at least 2; 3 by default.
    snr : float, optional
        Mean of the noise-free map over the rms of the noise; 10 by default.
    angle : float, optional
        Degrees by which the camera sees the same sky turned about the centre, in the sense of
        `numpy.rot90`. A quarter turn moves the pixels, noise included, and changes none:
        `rot90` of a map of this shape is that of the shape `(w, h)` at 90 degrees more. At other
        angles the noise-free sky is turned by splines of order 5, and the noise is another; the
        error of turning, 1 % of the standard deviation of the map, lies far below the noise. The
        coordinates are turned with it: a structure keeps its place on the sky.
    blank_edge : int, optional
        Width in pixels of a frame without data; 0 by default.
    centre : (float, float), optional
        Right ascension and declination of the middle of the map in degrees.
    pixel_scale : float, optional
        Width of a pixel in degrees; 10 arcsec by default.
    random_state : int, Generator, RandomState or None
        Same seed, same bytes.

    Returns
    -------
    image : Image
        One channel in K km/s with WCS (TAN) and beam, of mean `BRIGHTNESS`.
    truth : ndarray (h, w), int16
        Place among `kinds` of the kind of each pixel.

    Raises
    ------
    InputError
        When an argument cannot be used.
    """
    scene = make_scene(shape, options)
    values, truth = observe_sky(scene)
    image = Image.from_values(
        values, "cloud", wcs=scene_wcs(scene), unit="K km/s", beam=scene_beam(scene)
    )
    return image, truth


def observe_sky(scene: CloudScene) -> tuple[Float32Array, IntArray]:
    """The map in K km/s with noise, not a number where blank, and its kinds."""
    column, kinds = draw_sky(scene)
    noise = beam_noise_map(scene.noise_rng(), scene.frame, scene.sigma)
    seen = column + np.float32(BRIGHTNESS / scene.snr) * noise
    return rotate_quarter_turns(blank_edge_of(seen, scene.blank_edge), scene), rotate_quarter_turns(
        kinds, scene
    )


def draw_sky(scene: CloudScene) -> tuple[Float32Array, IntArray]:
    """Noise-free column density in K km/s and kinds, both in the frame before quarter turns."""
    from scipy.ndimage import gaussian_filter

    labels = _regions(scene)
    column = np.zeros(scene.canvas)
    for index, kind in enumerate(scene.kinds):
        slope = scene.slope if kind in SLOPES else None
        rng = scene.rng(TEXTURES, index)
        gas = texture(kind, scene.canvas, rng, scale=scene.scale, slope=slope)
        # Smoothed before it is turned: a round beam does not care, and splines are then exact.
        gas = gaussian_filter(gas, scene.sigma, output=gas)
        here = labels == index
        gas = _equalised(gas, gas[scene.window][here[scene.window]])
        column += gaussian_filter(here.astype(np.float32), scene.sigma) * gas
    column *= BRIGHTNESS
    return rotate_into_frame(column, scene).astype(np.float32), rotate_into_frame(labels, scene)


def _regions(scene: CloudScene) -> IntArray:
    """At each pixel of the canvas the kind whose smooth random field is highest."""
    size = 5.0 * scene.scale if scene.region_size is None else scene.region_size
    rng = scene.rng(REGIONS)
    fields = np.stack([_smooth_field(scene.canvas, size, rng) for _ in scene.kinds])
    rows, columns = scene.window
    thin = max(min(scene.frame) // 256, 1)
    seen = fields[:, rows, columns][:, ::thin, ::thin].reshape(len(fields), -1)
    fields += _fair_lift(seen)[:, None, None]
    return _without_islands(fields.argmax(axis=0).astype(np.int16), scene.scale**2)


def _without_islands(labels: IntArray, smallest: float) -> IntArray:
    """Give regions of too few pixels to show a texture to the one that is nearest."""
    from scipy.ndimage import distance_transform_edt, label

    small = np.zeros(labels.shape, dtype=bool)
    for kind in np.unique(labels):
        parts, _ = label(labels == kind)
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
    n_kinds, n = fields.shape
    lift = np.zeros(n_kinds, dtype=np.float32)
    for step in np.geomspace(1.0, 0.02, 80):
        highest = (fields + lift[:, None]).argmax(axis=0)
        share = np.bincount(highest, minlength=n_kinds) / n
        lift -= (step * (share - 1.0 / n_kinds)).astype(np.float32)
    return lift


def _equalised(gas: FloatArray, sample: FloatArray) -> FloatArray:
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
    density: FloatArray = np.exp(LOG_SPREAD * score - 0.5 * LOG_SPREAD**2)
    return density


def rotate_into_frame(field: npt.NDArray[AnyNumber], scene: CloudScene) -> npt.NDArray[AnyNumber]:
    """What the frame sees of a field on the canvas, turned by the rest of the angle.

    Whole numbers are those of the nearest pixel, others are interpolated by splines of order 5.
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
    """From the frame before the quarter turns to that after."""
    return np.ascontiguousarray(np.rot90(field, scene.quarters))


def beam_noise_map(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> Float32Array:
    """Gaussian noise of unit rms, correlated by a round beam of `sigma` pixels."""
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
    """The plane `(h, w)`, changed in place: not a number within `width` pixels of its edges."""
    if width:
        for edge in (slice(None, width), slice(-width, None)):
            values[edge] = np.nan
            values[:, edge] = np.nan
    return values


def scene_beam(scene: CloudScene) -> Beam:
    """The round beam in degrees."""
    width = scene.beam_fwhm * scene.pixel_scale
    return Beam(width, width, 0.0)


def scene_wcs(scene: CloudScene) -> WCS:
    """Celestial coordinates (TAN), turned with the sky."""
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
    """FITS header of the two celestial axes, with the unit of the values and the beam."""
    header = scene_wcs(scene).to_header()
    header["BUNIT"] = unit
    header["BMAJ"], header["BMIN"], header["BPA"] = scene_beam(scene)
    return header


def kind_shares(truth: npt.NDArray[np.integer[Any]], n_kinds: int) -> FloatArray:
    """Share of the pixels that each kind has, `(n_kinds,)`."""
    return np.bincount(truth.ravel(), minlength=n_kinds) / truth.size


def kind_slopes(scene: CloudScene) -> FloatArray:
    """Slope of the power spectrum of each kind, not a number where it has none."""
    slopes = {kind: slope if scene.slope is None else scene.slope for kind, slope in SLOPES.items()}
    return np.array([slopes.get(kind, math.nan) for kind in scene.kinds])


def _check_frame(shape: tuple[int, ...], blank_edge: int) -> None:
    if len(shape) != 2 or min(shape) < SMALLEST:
        raise InputError(
            f"shape must be a height and a width of at least {SMALLEST} pixels, got {shape}"
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
    n_fractal = sum(kind in SLOPES for kind in scene.kinds)
    if scene.slope is not None and not (n_fractal == 1 and math.isfinite(scene.slope)):
        raise InputError(
            f"slope must be finite and needs one fractal kind among kinds, got {scene.slope} for "
            f"{', '.join(scene.kinds)}"
        )


def _check_telescope(scene: CloudScene) -> None:
    if not 2.0 <= scene.beam_fwhm <= WIDEST_BEAM:
        raise InputError(
            f"beam_fwhm must lie between 2 and {WIDEST_BEAM:g} pixels, got {scene.beam_fwhm}"
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
