"""Properties of an image besides shape: orientation, elongation, brightness, noise, size, edge."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import ndimage

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.images import Image
from equiclust.images_like import ImagesLike, as_image_set
from equiclust.preprocessing.background import FLATNESS, border_level, is_on_sky, noise
from equiclust.preprocessing.resize import positions
from equiclust.typing import BoolArray, Float64Array

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["EDGE_WIDTH", "ROUND", "measure_confounders"]


EDGE_WIDTH = 0.05
"""Width of the border whose light counts as light at the edge, in sides of the image."""

ROUND = 0.02
"""Elongation below which an image has no orientation."""

_OUTERMOST = 0.1
# What rises less than this many standard deviations of the sky above it is not the object's light.
_SIGNIFICANCE = 3.0

_DESCRIPTIONS = {
    "orientation": "of the major axis, counter-clockwise from the image's +y; 0 to 180",
    "elongation": "1 - minor over major axis, from second moments",
    "brightness": "mean over the valid pixels, above the sky where there is one",
    "signal_to_noise": "brightest pixel above the sky, over the noise of the sky",
    "size": "rms distance of the light from its centre, over the shorter side",
    "edge": "share of the light within 5 % of a side from the edge of what is seen",
}


class _Moments(NamedTuple):
    """Orientation in degrees, elongation, and rms radius in pixels; NaN where undefined."""

    orientation: float
    elongation: float
    radius: float


class _Scene(NamedTuple):
    """Mean over the channels `(h, w)`, the light of the object, and level and noise of the sky.

    The light is 0 where there is no object on a sky.
    """

    total: Float64Array
    light: Float64Array
    sky: float
    noise: float


@checks_types
def measure_confounders(originals: ImagesLike, processed: ImagesLike | None = None) -> Table:
    r"""Measure properties that should not determine the cluster of an image.

    The sky is the outermost tenth of the valid pixels, by elliptical radius: its level is their
    median, its noise the standard deviation from the median absolute deviation. What rises three
    times the noise above the sky is light :math:`f`, and from its central moments within the
    inscribed circle,

    .. math::

        \mu_{pq} = \frac{\sum f\,(x - \bar x)^p (y - \bar y)^q}{\sum f}, \qquad
        \theta = \frac12 \operatorname{atan2}(-2\mu_{11},\; \mu_{02} - \mu_{20})

    is the position angle of the major axis, and :math:`\sqrt{\mu_{20} + \mu_{02}}` the rms radius
    (Hu 1962, IRE Trans. Inf. Theory 8, 179). Angles refer to the axes of the pixels, not to the
    WCS, since that is what a network depends on.

    A texture, something dark on a bright ground, or a signal hardly above the noise has no light
    above a sky: only its brightness, as the plain mean, and its signal to noise are measured.
    Channels are averaged.

    Parameters
    ----------
    originals : ImageSet or another of `ImagesLike`
        Unprocessed images, of any sizes.
    processed : ImageSet or another of `ImagesLike`, optional
        The same images in the same order, as the network receives them. The light at the edge is
        then measured on these.

    Returns
    -------
    astropy.table.Table
        One row for each image. Columns `id`; `orientation`, degrees in [0, 180), NaN where the
        elongation is below 0.02; `elongation`, 0 (round) to 1; `brightness`, linear, in the unit of
        the image; `signal_to_noise`, NaN where the outermost pixels have no noise; `size`, in
        shorter sides of the image; `edge`, 0 to 1. NaN where a quantity does not
        exist, as in a constant image.

    Raises
    ------
    InputError
        When `processed` holds other images than `originals`.

    Examples
    --------
    >>> from equiclust import simulate_shapes
    >>> from equiclust.evaluation import measure_confounders
    >>> images, truth = simulate_shapes(40, size=32, classes=("star", "bar"), random_state=0)
    >>> measures = measure_confounders(images)
    >>> measures.colnames
    ['id', 'orientation', 'elongation', 'brightness', 'signal_to_noise', 'size', 'edge']
    >>> is_bar = truth["kind"] == "bar"
    >>> bool(measures["elongation"][is_bar].min() > measures["elongation"][~is_bar].max())
    True
    """
    originals = as_image_set(originals)
    seen = originals if processed is None else as_image_set(processed)
    if seen.ids != originals.ids:
        raise InputError(
            "processed must hold the same images as originals in the same order, "
            f"got {len(seen)} images for {len(originals)}; leave out the unusable ones from both"
        )
    return _as_table(originals.ids, [_measure(*pair) for pair in zip(originals, seen, strict=True)])


def _as_table(ids: tuple[str, ...], rows: list[tuple[float, ...]]) -> Table:
    from astropy.table import Column, Table

    columns = np.array(rows, dtype=np.float64).reshape(len(ids), len(_DESCRIPTIONS)).T
    table = Table([Column(np.array(ids, dtype=np.str_), "id", description="name of the image")])
    for (name, description), values in zip(_DESCRIPTIONS.items(), columns, strict=True):
        unit = "deg" if name == "orientation" else None
        table[name] = Column(values, description=description, unit=unit)
    return table


def _measure(original: Image, seen: Image) -> tuple[float, ...]:
    scene = _scene(original)
    moments = _moments(scene.light)
    valid = ~original.mask
    return (
        moments.orientation,
        moments.elongation,
        original.scale * _brightness(scene, valid) + _counts_from_zero(scene) * original.offset,
        _signal_to_noise(scene, valid),
        moments.radius / min(valid.shape),
        _edge_share(scene if seen is original else _scene(seen), seen.mask),
    )


def _scene(image: Image) -> _Scene:
    total = image.pixels.mean(axis=0, dtype=np.float64)
    outermost = _outermost(image.mask)
    if not outermost.any():
        return _Scene(total, np.zeros_like(total), np.nan, np.nan)
    sky = border_level(total[None, None], outermost)
    sigma = noise(total[None, None], outermost)
    on_sky = is_on_sky(total[None, None], image.mask, outermost)[0]
    is_light = on_sky & (total - sky > _SIGNIFICANCE * sigma) & ~image.mask
    return _Scene(total, np.where(is_light, total - sky, 0.0), float(sky[0]), float(sigma[0]))


def _outermost(mask: BoolArray) -> BoolArray:
    """The valid pixels of the largest elliptical radius: the corners of a frame that is full."""
    height, width = mask.shape
    y, x = positions(height) / height, positions(width) / width
    radius = np.hypot(y[:, None], x)
    if mask.all():
        return np.zeros_like(mask)
    inner = np.quantile(radius[~mask], 1 - _OUTERMOST, method="lower")
    outer: BoolArray = (radius >= inner) & ~mask
    return outer


def _moments(light: Float64Array) -> _Moments:
    # The corners of a square, let alone the ends of a strip, would have a direction of their own.
    y, x = positions(light.shape[0])[:, None], positions(light.shape[1])
    weight = np.where(np.hypot(y, x) <= min(light.shape) / 2, light, 0.0)
    if not weight.any():
        return _Moments(np.nan, np.nan, np.nan)
    weight = weight / weight.sum()
    dy, dx = y - (weight * y).sum(), x - (weight * x).sum()
    xx, xy, yy = (float((weight * product).sum()) for product in (dx * dx, dx * dy, dy * dy))
    mean, half = (xx + yy) / 2, np.hypot((yy - xx) / 2, xy)
    if mean <= 0:
        return _Moments(np.nan, np.nan, 0.0)
    elongation = 1 - np.sqrt(max(mean - half, 0.0) / (mean + half))
    # Twice, since just below 0 once gives 180.
    angle = np.rad2deg(np.arctan2(-2 * xy, yy - xx)) / 2 % 180.0 % 180.0
    orientation = angle if elongation >= ROUND else np.nan
    return _Moments(float(orientation), float(elongation), float(np.sqrt(xx + yy)))


def _brightness(scene: _Scene, valid: BoolArray) -> float:
    if not valid.any():
        return np.nan
    return float(scene.total[valid].mean()) - (0.0 if _counts_from_zero(scene) else scene.sky)


def _counts_from_zero(scene: _Scene) -> bool:
    """Whether brightness is counted from zero, there being no light above a sky."""
    return not scene.light.any()


def _signal_to_noise(scene: _Scene, valid: BoolArray) -> float:
    if not valid.any():
        return np.nan
    peak = float(scene.total[valid].max()) - scene.sky
    # Rounding is no noise.
    least = FLATNESS * max(peak, abs(scene.sky))
    return peak / scene.noise if scene.noise > least else np.nan


def _edge_share(scene: _Scene, mask: BoolArray) -> float:
    """Holes within the image are no edge; masked margins move the edge inwards."""
    total = scene.light.sum()
    if total <= 0:
        return np.nan
    region = np.pad(ndimage.binary_fill_holes(~mask), 1)
    depth = ndimage.distance_transform_cdt(region, metric="chessboard")[1:-1, 1:-1]
    return float(scene.light[depth - 0.5 < EDGE_WIDTH * min(mask.shape)].sum() / total)
