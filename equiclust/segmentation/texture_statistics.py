"""Statistics of the texture around points of a map, whatever its brightness and orientation.

Only round filters, and sums that a rotation or mirror of the map leaves as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage

from equiclust.compiled import compiled, inlined
from equiclust.typing import BoolArray, Float32Array, Float64Array, IntArray

__all__ = ["n_statistics", "statistics_reach", "texture_statistics"]

# Standard deviations of the filters in pixels: the smallest, the ratio of neighbours, and, in
# tiles, the largest; and that of the window over which they are averaged.
_FINEST, _RATIO, _COARSEST = 0.8, 1.5, 0.19
_WINDOW = 0.1
_TRUNCATED = 3.0
_OF_BAND, _OF_CURVATURE = 3, 5
_TINY = 1e-9
# Below these shares of the contrast there is noise of rounding.
_LEAST_POWER, _LEAST_SHEAR = 1e-4, 1e-3


def n_statistics(tile: int) -> int:
    """Number of statistics.

    Parameters
    ----------
    tile : int
        Side of a tile in pixels.

    Returns
    -------
    int
    """
    n_scales = len(_scales(tile))
    return _OF_BAND * (n_scales + 1) + _OF_CURVATURE * (n_scales - 1)


def statistics_reach(tile: int) -> int:
    """Distance in pixels from the centre of a tile within which all lies that it depends on.

    Parameters
    ----------
    tile : int
        Side of a tile in pixels.

    Returns
    -------
    int
    """
    widest = _RATIO * _scales(tile)[-1]
    # Masked pixels are filled, the filter is applied, differences are taken, and averaged.
    return 2 * ceil(_TRUNCATED * widest) + ceil(_TRUNCATED * _WINDOW * tile) + 4


def texture_statistics(
    stretched: Float32Array, rows: IntArray, columns: IntArray, *, tile: int
) -> Float64Array:
    r"""Statistics of the texture at the centres of tiles.

    With :math:`s_\sigma` the map smoothed by a Gaussian, :math:`b` the difference of neighbouring
    scales, and :math:`\langle\rangle` the average over a Gaussian window of a tenth of a tile,
    there are of every band its share of the contrast, its skewness and its sparsity,

    .. math::

        \log \frac{\langle b^2 \rangle}{\langle c^2 \rangle}, \quad
        \frac{\langle b^3 \rangle}{\langle b^2 \rangle^{3/2}}, \quad
        \log \frac{\langle |b| \rangle^2}{\langle b^2 \rangle},

    and of the curvatures :math:`\kappa_1 \le \kappa_2` of :math:`s_\sigma`, the eigenvalues of its
    Hessian (Frangi et al. 1998), in units of the rms of their sum,

    .. math::

        \langle (-\kappa_1)_+ \rangle, \; \langle (\kappa_2)_+ \rangle, \;
        \langle (-\kappa_1 - |\kappa_2|)_+ \rangle, \; \langle (-\kappa_2)_+ \rangle, \;
        \log \langle (\kappa_2 - \kappa_1)^2 \rangle

    : ridges, valleys, threads, peaks, and how far the structures are from round.

    Parameters
    ----------
    stretched : ndarray (h, w), float32
        Masked pixels are NaN.
    rows, columns : ndarray (n,), int
        First row and first column of the tiles.
    tile : int
        Side of a tile in pixels.

    Returns
    -------
    ndarray (n_rows, n_columns, n_statistics), float64
        As many threads as torch has compute them.
    """
    seen = np.isfinite(stretched)
    filled = _filled(stretched, seen, _RATIO * _scales(tile)[-1])
    average = _Average.at_centres(seen, rows, columns, tile)
    with ThreadPoolExecutor(max(torch.get_num_threads(), 1)) as pool:
        widths = [*_scales(tile), _RATIO * _scales(tile)[-1]]
        smooth = [filled, *pool.map(lambda width: _gaussian(filled, width), widths)]
        contrast = average(np.square(smooth[1] - smooth[-1])) + _TINY
        bands = pool.map(
            lambda k: _of_band(smooth[k] - smooth[k + 1], average, contrast),
            range(len(smooth) - 1),
        )
        # The finest scale is narrower than what differences of pixels can follow.
        curved = pool.map(lambda values: _of_curvature(values, average), smooth[2:-1])
        return np.concatenate([*bands, *curved], axis=-1)


def _scales(tile: int) -> list[float]:
    """Standard deviations of the filters in pixels, two at least."""
    found = [_FINEST, _FINEST * _RATIO]
    while found[-1] * _RATIO <= _COARSEST * tile:
        found.append(found[-1] * _RATIO)
    return found


@dataclass(frozen=True, eq=False)
class _Average:
    """Average over a Gaussian window about the centres of tiles, of what is not masked.

    The centre of an even tile lies between two pixels: `rows` and `columns` are pairs of pixels.
    """

    rows: IntArray
    columns: IntArray
    profile: Float64Array
    weights: Float64Array | None

    @classmethod
    def at_centres(cls, seen: BoolArray, rows: IntArray, columns: IntArray, tile: int) -> _Average:
        near_rows, near_columns = (
            np.stack([np.clip(starts + shift, 0, n - 1) for shift in ((tile - 1) // 2, tile // 2)])
            for starts, n in zip((rows, columns), seen.shape, strict=True)
        )
        sigma = _WINDOW * tile
        from_centre = np.arange(int(_TRUNCATED * sigma + 0.5) + 1)
        profile = np.exp(-0.5 * np.square(from_centre / sigma))
        profile /= profile[0] + 2.0 * profile[1:].sum()
        weights = None if seen.all() else seen.astype(np.float64)
        return cls(near_rows, near_columns, profile, weights)

    def __call__(self, values: Float64Array) -> Float64Array:
        if self.weights is None:
            return self._sampled(values)
        share = self._sampled(self.weights)
        return np.asarray(self._sampled(values * self.weights) / np.maximum(share, _TINY))

    def _sampled(self, values: Float64Array) -> Float64Array:
        down = _average_rows(values, self.rows, self.profile)
        across = _average_rows(np.ascontiguousarray(down.T), self.columns, self.profile)
        return np.ascontiguousarray(across.T)


@inlined
def _reflected(index: int, length: int) -> int:
    """Where a pixel beyond the edge is mirrored to, as by `scipy.ndimage`."""
    index = index % (2 * length)
    return min(index, 2 * length - 1 - index)


@compiled
def _average_rows(values: Float64Array, pairs: IntArray, profile: Float64Array) -> Float64Array:
    """Averages of rows by a symmetric profile about pairs of them; edges are reflected."""
    found = np.zeros((pairs.shape[1], values.shape[1]))
    for row in range(len(found)):
        first, second = pairs[0, row], pairs[1, row]
        own = found[row]
        for k in range(len(profile)):
            weight = 0.25 * profile[k] if k == 0 else 0.5 * profile[k]
            a = values[_reflected(first - k, len(values))]
            b = values[_reflected(first + k, len(values))]
            c = values[_reflected(second - k, len(values))]
            d = values[_reflected(second + k, len(values))]
            for x in range(len(own)):
                # Opposite ones together: so the sum is that of the mirrored map to the last bit.
                own[x] += weight * ((a[x] + d[x]) + (b[x] + c[x]))
    return found


def _gaussian(values: Float64Array, sigma: float) -> Float64Array:
    smooth: Float64Array = ndimage.gaussian_filter(values, sigma, truncate=_TRUNCATED)
    return smooth


def _filled(stretched: Float32Array, seen: BoolArray, sigma: float) -> Float64Array:
    """The map with the average of the surroundings where it is masked; far from them 0."""
    known: Float64Array = np.where(seen, stretched, 0.0).astype(np.float64)
    if seen.all():
        return known
    near = _gaussian(seen.astype(np.float64), sigma)
    return np.where(seen, known, _gaussian(known, sigma) / np.maximum(near, _TINY))


def _of_band(
    band: Float64Array, average: Callable[[Float64Array], Float64Array], contrast: Float64Array
) -> Float64Array:
    squared = np.square(band)
    power = average(squared) + _TINY
    squared *= band
    skewness = average(squared) / power**1.5
    sparsity = np.log(np.square(average(np.abs(band))) / power + _LEAST_POWER)
    return np.stack([np.log(power / contrast + _LEAST_POWER), skewness, sparsity], axis=-1)


def _of_curvature(
    values: Float64Array, average: Callable[[Float64Array], Float64Array]
) -> Float64Array:
    down, across, mixed = _second_derivatives(values)
    laplacian = down + across
    shear = np.sqrt(np.square(down - across) + 4.0 * np.square(mixed))
    low, high = 0.5 * (laplacian - shear), 0.5 * (laplacian + shear)
    power = average(np.square(laplacian)) + _TINY
    parts = (-low, high, -low - np.abs(high), -high)
    means = [average(np.maximum(part, 0.0)) / np.sqrt(power) for part in parts]
    means.append(np.log(average(np.square(shear)) / power + _LEAST_SHEAR))
    return np.stack(means, axis=-1)


def _second_derivatives(values: Float64Array) -> tuple[npt.NDArray[np.float64], ...]:
    """Along the rows, along the columns, and mixed, by differences of neighbouring pixels."""
    slope, bend = np.array([-0.5, 0.0, 0.5]), np.array([1.0, -2.0, 1.0])
    down, across = (ndimage.correlate1d(values, bend, axis=axis) for axis in (0, 1))
    mixed = ndimage.correlate1d(ndimage.correlate1d(values, slope, axis=0), slope, axis=1)
    return down, across, mixed
