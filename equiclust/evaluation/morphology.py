"""Shape of an image in numbers that have names: hole, rings, arms, lopsidedness, fine structure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from equiclust.argument_types import checks_types
from equiclust.images import Image
from equiclust.images_like import ImagesLike, as_image_set
from equiclust.preprocessing.background import border, is_on_sky, light_above_border
from equiclust.preprocessing.resize import positions
from equiclust.typing import BoolArray, Float64Array, IntArray

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = [
    "Profile",
    "arms",
    "bright_spots",
    "central_hole",
    "concentration",
    "fine_structure",
    "gap_depth",
    "lopsidedness",
    "measure_morphology",
    "radial_profile",
    "streaks",
]

# Width of the annuli, and their number, in standard deviations of the light.
_STEP, _N_ANNULI = 0.25, 14
# Angular harmonics from 0 to this one.
_HIGHEST_ORDER = 3
# Below this many square pixels, light covers too few of them for annuli.
_SMALLEST_SPREAD = 1.0
# Share of the brightest annulus below which a gap is hardly one.
_FAINT = 0.1
# Largest share of the light on the border, the outer tenth, that an object has: of 600 simulated
# discs at most .054; most tiles of texture have more.
_MOST_ON_BORDER = 0.06
# Standard deviation of the smoothing kernel, in shorter sides.
_SMOOTHING = 0.03
# Share of the brightest pixel above which a spot is bright.
_BRIGHT = 0.5

_DESCRIPTIONS = {
    "central_hole": "1 - central over largest brightness of the annuli",
    "gap_depth": "depth of the deepest dark gap between two brighter annuli",
    "arms": "light in two or three arms that wind around the centre, as an amplitude",
    "lopsidedness": "share of the light that is on one side, annulus by annulus",
    "concentration": "5 log10 of the radius of 80 over that of 20 % of the light",
    "fine_structure": "share of the light or contrast in structure finer than 3 % of a side",
    "bright_spots": "separate regions above half the brightest",
    "streaks": "0 = the same in every direction, 1 = along one direction only",
}


class Profile(NamedTuple):
    r"""Light in elliptical annuli around its centre, and its harmonics in angle.

    Attributes
    ----------
    area : ndarray (k,), float64
        Pixels of every annulus; annulus `j` lies at `j / 4` standard deviations of the light along
        its axes.
    harmonics : ndarray (4, k), complex128
        Sum of the light times :math:`e^{im\varphi}` over every annulus, for :math:`m = 0` to 3.
    """

    area: Float64Array
    harmonics: npt.NDArray[np.complex128]

    @property
    def light(self) -> Float64Array:
        """Light of every annulus, `(k,)`."""
        return np.asarray(self.harmonics[0].real)

    @property
    def brightness(self) -> Float64Array:
        """Mean brightness of every annulus, `(k,)`, interpolated where it has no pixel."""
        seen = np.flatnonzero(self.area > 0)
        return np.interp(np.arange(len(self.area)), seen, self.light[seen] / self.area[seen])


@checks_types
def measure_morphology(images: ImagesLike) -> Table:
    """Measure the shapes of images, whatever their orientation and mirror image.

    What rises three times the noise of the border above it is light; channels are added. Quarter
    turns and mirrors change no quantity by more than the rounding of float64. A texture, something
    dark on a bright ground, or light that reaches the border of the frame is no object: only
    `fine_structure` and `streaks` are measured, the latter on these only.

    Parameters
    ----------
    images : ImageSet or another of `ImagesLike`
        As the network receives them.

    Returns
    -------
    astropy.table.Table
        One row for each image. Columns `id`, `central_hole`, `gap_depth`, `arms`, `lopsidedness`,
        `concentration`, `fine_structure`, `bright_spots` and `streaks`, all without a unit; NaN
        where a quantity does not exist. See the functions of these names.
    """
    from astropy.table import Column, Table

    images = as_image_set(images)
    rows = [_measure(image) for image in images]
    columns = np.array(rows, dtype=np.float64).reshape(len(images), len(_DESCRIPTIONS)).T
    table = Table([Column(np.array(images.ids, dtype=np.str_), "id")])
    for (name, description), values in zip(_DESCRIPTIONS.items(), columns, strict=True):
        table[name] = Column(values, description=description)
    return table


def _measure(image: Image) -> tuple[float, ...]:
    pixels, valid = image.pixels[None].astype(np.float64), ~image.mask
    edge = border(image.mask)
    if not edge.any():
        return (np.nan,) * len(_DESCRIPTIONS)
    light = light_above_border(pixels, image.mask, edge)[0]
    inside = light[edge].sum() <= _MOST_ON_BORDER * light.sum()
    if light.any() and inside and is_on_sky(pixels, image.mask, edge)[0]:
        fine = fine_structure(light)
        return (*_of_profile(radial_profile(light, valid)), fine, bright_spots(light), np.nan)
    total = pixels[0].sum(axis=0)
    contrast = np.where(valid, total - total[valid].mean(), 0.0)
    unknown = (np.nan,) * (len(_DESCRIPTIONS) - 3)
    return (*unknown, fine_structure(contrast), np.nan, streaks(contrast))


def _of_profile(profile: Profile | None) -> tuple[float, ...]:
    measures = (central_hole, gap_depth, arms, lopsidedness, concentration)
    return tuple(np.nan if profile is None else measure(profile) for measure in measures)


def radial_profile(light: Float64Array, valid: BoolArray) -> Profile | None:
    r"""Light in annuli of the ellipse of its second moments.

    With the centre :math:`\bar x` and the covariance :math:`M` of the light, a pixel lies at
    :math:`q = M^{-1/2} (x - \bar x)`, so that an inclined disc is seen face-on. It counts in the
    two annuli nearest to :math:`|q|`, in proportion to how near: nothing jumps where rounding
    moves a pixel.

    Parameters
    ----------
    light : ndarray (h, w), float64
        Not negative, and not 0 everywhere.
    valid : ndarray (h, w), bool
        `False` = ignore.

    Returns
    -------
    Profile or None
        None where the light covers too few pixels.
    """
    away = _standardised(light)
    if away is None:
        return None
    radius = np.abs(away)
    direction = np.where(radius > 0, away / np.where(radius > 0, radius, 1.0), 1.0)
    place = radius / _STEP
    inner = np.floor(place).astype(np.int64)
    seen = valid & (inner < _N_ANNULI)
    area = np.zeros(_N_ANNULI)
    harmonics = np.zeros((_HIGHEST_ORDER + 1, _N_ANNULI), dtype=np.complex128)
    for annulus, share in ((inner, 1 - (place - inner)), (inner + 1, place - inner)):
        area += _sums(annulus[seen], share[seen])
        for order in range(_HIGHEST_ORDER + 1):
            part = (share * light * direction**order)[seen]
            harmonics[order] += _sums(annulus[seen], part.real)
            harmonics[order] += 1j * _sums(annulus[seen], part.imag)
    return Profile(area, harmonics)


def _standardised(light: Float64Array) -> npt.NDArray[np.complex128] | None:
    """Place of every pixel from the centre, x + iy, in standard deviations of the light."""
    y, x = positions(light.shape[0])[:, None], positions(light.shape[1])
    weight = light / light.sum()
    dy, dx = y - (weight * y).sum(), x - (weight * x).sum()
    xx, xy, yy = (float((weight * product).sum()) for product in (dx * dx, dx * dy, dy * dy))
    area = np.sqrt(max(xx * yy - xy * xy, 0.0))
    if area < _SMALLEST_SPREAD:
        return None
    # The root of a symmetric matrix of two rows is (M + area) / trace of the root.
    root = np.sqrt(xx + yy + 2 * area)
    a, b, c = (xx + area) / root, xy / root, (yy + area) / root
    return np.asarray(((c * dx - b * dy) + 1j * (a * dy - b * dx)) / (a * c - b * b))


def _sums(annulus: IntArray, values: Float64Array) -> Float64Array:
    sums = np.bincount(annulus, values, minlength=_N_ANNULI + 1)[:_N_ANNULI]
    return np.asarray(sums, dtype=np.float64)


def central_hole(profile: Profile) -> float:
    r"""Depth of a hole in the centre, :math:`1 - b_\mathrm{centre} / \max_k b_k`.

    Parameters
    ----------
    profile : Profile
        With the brightness :math:`b_k` of its annuli; the centre is the innermost two.

    Returns
    -------
    float
        0 (the centre is brightest) to 1 (it is dark).
    """
    most = profile.brightness.max()
    centre = profile.light[:2].sum() / max(profile.area[:2].sum(), np.finfo(float).tiny)
    return float(max(1 - centre / most, 0.0))


def gap_depth(profile: Profile) -> float:
    r"""Depth of the deepest dark gap between two brighter annuli.

    .. math::

        \max_k \frac{s_k - b_k}{s_k + 0.1 \max b}, \qquad
        s_k = \min(\max_{j \le k} b_j, \max_{j \ge k} b_j)

    A hole in the centre is none, having nothing brighter inside.

    Parameters
    ----------
    profile : Profile
        With the brightness :math:`b_k` of its annuli.

    Returns
    -------
    float
        0 (brightness falls or rises all the way) to 0.91.
    """
    brightness = profile.brightness
    inside = np.maximum.accumulate(brightness)
    outside = np.maximum.accumulate(brightness[::-1])[::-1]
    sides = np.minimum(inside, outside)
    return float(((sides - brightness) / (sides + _FAINT * brightness.max())).max())


def arms(profile: Profile) -> float:
    r"""Amplitude of two or three arms that wind around the centre.

    .. math::

        \Big(\sum_{m=2,3} \Big| \sum_k \operatorname{Im} \bar c_{m,k} c_{m,k+1} \Big|
             \Big/ \sum_k c_{0,k} c_{0,k+1} \Big)^{1/2}

    over the harmonics :math:`c_{m,k}` of the annuli. Those of arms turn with the radius; those of
    a bar, of an inclination or of a bright side keep their angle, and those of noise cancel (the
    harmonics as in Elmegreen & Elmegreen 1985, ApJ 288, 438).

    Parameters
    ----------
    profile : Profile
        Of the light.

    Returns
    -------
    float
        0 (none) to about 1.
    """
    outer = profile.harmonics[:, 1:]
    turning = np.abs((outer.conj()[:, :-1] * outer[:, 1:]).imag.sum(axis=1))
    light = profile.light[1:]
    return float(np.sqrt(turning[2:].sum() / (light[:-1] * light[1:]).sum()))


def lopsidedness(profile: Profile) -> float:
    r"""Share of the light on one side, :math:`\sum_k |c_{1,k}| / \sum_k c_{0,k}`.

    The amplitude of the first harmonic, annulus by annulus (Rix & Zaritsky 1995, ApJ 447, 82); the
    light of all annuli together has none, being measured from its centre.

    Parameters
    ----------
    profile : Profile
        Of the light.

    Returns
    -------
    float
        0 (as bright on opposite sides) to 1.
    """
    return float(np.abs(profile.harmonics[1, 1:]).sum() / profile.light[1:].sum())


def concentration(profile: Profile) -> float:
    r"""Concentration :math:`C = 5 \log_{10}(r_{80} / r_{20})`.

    Of the radii within which 80 and 20 % of the light lie (Bershady, Jangren & Conselice 2000, AJ
    119, 2645; the C of Conselice 2003, ApJS 147, 1).

    Parameters
    ----------
    profile : Profile
        Of the light.

    Returns
    -------
    float
        1.5 for a disc of constant brightness, 2.1 for a Gaussian; more for more concentrated light.
    """
    within = np.concatenate([[0.0], np.cumsum(profile.light)]) / profile.light.sum()
    # An annulus ends halfway to the next one.
    edges = np.concatenate([[0.0], np.arange(len(profile.light)) + 0.5])
    r20, r80 = np.interp([0.2, 0.8], within, edges)
    return float(5 * np.log10(r80 / r20))


def fine_structure(values: Float64Array) -> float:
    r"""Share in fine structure, :math:`\sum |v - G * v| / \sum |v|`.

    :math:`G` is a Gaussian of 3 % of the shorter side: the smoothness S of Conselice (2003, ApJS
    147, 1), of both signs.

    Parameters
    ----------
    values : ndarray (h, w), float64
        Light above the sky, or the contrast of a texture.

    Returns
    -------
    float
        0 (smooth) to about 2; NaN where all values are 0.
    """
    total = np.abs(values).sum()
    if total == 0:
        return float("nan")
    smooth = _smoothed(values)
    return float(np.abs(values - smooth).sum() / total)


def bright_spots(light: Float64Array) -> float:
    """Number of separate regions that are brighter than half the brightest pixel, once smoothed.

    Parameters
    ----------
    light : ndarray (h, w), float64
        Above the sky, and not 0 everywhere.

    Returns
    -------
    float
        At least 1.
    """
    smooth = _smoothed(light)
    corners = np.ones((3, 3), dtype=np.int64)
    return float(ndimage.label(smooth >= _BRIGHT * smooth.max(), corners)[1])


def _smoothed(values: Float64Array) -> Float64Array:
    sigma = _SMOOTHING * min(values.shape)
    return np.asarray(ndimage.gaussian_filter(values, sigma, mode="constant"))


def streaks(contrast: Float64Array) -> float:
    r"""How much a texture runs along one direction.

    The coherence :math:`|\sum (g_x + i g_y)^2| / \sum |g_x + i g_y|^2` of its gradients (Bigun &
    Granlund 1987, Proc. ICCV, 433).

    Parameters
    ----------
    contrast : ndarray (h, w), float64
        Values of the texture less their mean.

    Returns
    -------
    float
        0 (the same in every direction) to 1; NaN where there is no contrast.
    """
    down, right = np.gradient(contrast)
    gradient = right + 1j * down
    total = np.square(np.abs(gradient)).sum()
    return float(np.abs(np.square(gradient).sum()) / total) if total > 0 else float("nan")
