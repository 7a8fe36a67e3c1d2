"""Moment maps and groups of channels of a cube that need not fit into memory."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

import joblib
import numpy as np
import numpy.typing as npt

from data_adapters.sky.moment_sums import ChannelValues, MomentSums
from data_adapters.sky.noise import noise_of_pixels
from data_adapters.sky.one_beam import groups_of_one_beam, planes_of_one_beam
from data_adapters.sky.sky_map import MapLike, SkyMap, as_sky_map
from data_adapters.units import unit_product
from equiclust.exceptions import InputError
from equiclust.typing import Array, Float32Array, Float64Array

__all__ = ["Moments", "channel_groups", "channel_noise", "group_slices", "moment_maps"]

logger = logging.getLogger(__name__)

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, eq=False)
class Moments:
    """Moment maps of a cube, as `moment_maps` returns them; NaN where a pixel has no value.

    Brightness is float64 where float32 cannot hold it.

    Parameters
    ----------
    integrated : ndarray (h, w), float32
        Moment 0, the sum over channels of brightness times width, in `integrated_unit`; NaN only
        where every channel is blank.
    centroid : ndarray (h, w), float64
        Moment 1, the mean of the spectral axis weighted by brightness, in `spectral_unit`.
    dispersion : ndarray (h, w), float32
        Square root of moment 2, the spread about `centroid`, in `spectral_unit`.
    peak : ndarray (h, w), float32
        Brightest channel, in the unit of the cube.
    low, high : ndarray (h, w), float64
        Lowest and highest spectral value with signal, in `spectral_unit`.
    integrated_unit, spectral_unit : str
        Units in FITS notation.
    noise : ndarray (n_channels,), float64
        Standard deviation of the noise of every channel that was used, in the unit of the cube.

    Examples
    --------
    >>> from astropy.io import fits
    >>> from data_adapters.sky import moment_maps, open_sky_map
    >>> from equiclust.simulation import write_cloud_cube
    >>> truth = write_cloud_cube("gas.fits", (8, 32, 32), random_state=0)
    >>> sky = open_sky_map("gas.fits")
    >>> moments = moment_maps(sky)
    >>> moments.integrated.shape, moments.integrated_unit, moments.spectral_unit
    ((32, 32), 'K km/s', 'km/s')
    >>> fits.writeto("gas.moment0.fits", moments.integrated, sky.header)
    """

    integrated: Float32Array
    centroid: Float64Array
    dispersion: Float32Array
    peak: Float32Array
    low: Float64Array
    high: Float64Array
    integrated_unit: str
    spectral_unit: str
    noise: Float64Array


def moment_maps(
    sky: MapLike,
    *,
    channels: slice = slice(None),
    n_sigma: float = 3.0,
    noise: float | npt.ArrayLike | None = None,
    on_progress: Progress | None = None,
) -> Moments:
    """Moment maps of a cube, which is read once.

    With brightness `T` and width `dv` of the channels at `v`::

        integrated = sum T dv
        centroid   = sum T v dv / sum T dv                       over the channels with signal
        dispersion = sqrt(sum T (v - centroid)^2 dv / sum T dv)  over the channels with signal

    A channel has signal where it is above 0 and above `n_sigma` times its noise. Sums are made in
    float64, channel after channel, by as many threads as there are cores, which changes no digit.
    Memory is six `(h, w)` maps in float64 and two groups of channels, whatever their number, and
    eleven maps at the end.

    Parameters
    ----------
    sky : SkyMap or another of `MapLike`
        A cube. Without spectral axis, `v` is the index of the channel, counted from 0.
    channels : slice, default slice(None)
        Channels to use, of step 1; by default all.
    n_sigma : float, default 3.0
        Threshold of a signal in standard deviations of the noise; 0 uses every channel above 0.
    noise : float or array-like (n_channels,), optional
        Standard deviation in the unit of the cube, of all used channels or one for each. By default
        `data_adapters.sky.masks.robust_noise` of every channel, which is exact.
    on_progress : callable, optional
        Called with the number of channels done, the number of all, and the name of the task.

    Returns
    -------
    Moments

    Raises
    ------
    InputError
        When an argument is out of range, or `noise` has another shape.
    UnreadableFileError
        When the file cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> from data_adapters.sky import moment_maps
    >>> cube = np.zeros((5, 32, 32), np.float32)
    >>> cube[1:4] = np.array([1.0, 2.0, 1.0])[:, None, None]
    >>> moments = moment_maps(cube, noise=0.1)

    Without a spectral axis velocities are the numbers of the channels:

    >>> float(moments.integrated[0, 0]), float(moments.centroid[0, 0]), float(moments.peak[0, 0])
    (4.0, 2.0, 2.0)
    >>> float(moments.low[0, 0]), float(moments.high[0, 0])
    (1.0, 3.0)
    """
    sky = as_sky_map(sky)
    used = _used(sky, channels)
    if not 0.0 <= n_sigma < math.inf:
        raise InputError(f"n_sigma must be at least 0 and finite, got {n_sigma}")
    levels = None if noise is None else _levels(noise, len(used))
    axis, unit = _axis(sky, used)
    sums = MomentSums(sky.shape[1:], sky.dtype, axis)
    with ThreadPoolExecutor(joblib.cpu_count()) as workers:
        found = _add_channels(sums, sky, used, n_sigma, levels, workers, on_progress)
        planes = sums.finish(workers)
    return Moments(
        *planes,
        integrated_unit=unit_product(sky.unit, unit),
        spectral_unit=unit,
        noise=found,
    )


def _add_channels(
    sums: MomentSums,
    sky: SkyMap,
    used: range,
    n_sigma: float,
    known: Float64Array | None,
    workers: Executor,
    on_progress: Progress | None,
) -> Float64Array:
    """Add all channels to the sums, and return their noise."""
    noise = np.empty(len(used))
    for part, planes in groups_of_one_beam(sky, used):
        own = slice(part.start - used.start, part.stop - used.start)
        noise[own] = list(workers.map(_sigma, planes)) if known is None else known[own]
        # Without a single pixel there is neither noise nor signal.
        levels = [n_sigma * sigma if math.isfinite(sigma) else 0.0 for sigma in noise[own]]
        sums.add(own.start, planes, levels, workers, joblib.cpu_count())
        _tell(on_progress, own, len(used), "moments")
    return noise


def channel_noise(
    sky: MapLike, *, channels: slice = slice(None), on_progress: Progress | None = None
) -> Float64Array:
    """Noise of every channel of a cube, by `robust_noise`.

    Parameters
    ----------
    sky : SkyMap or another of `MapLike`
    channels : slice, default slice(None)
        Channels to use, of step 1; by default all.
    on_progress : callable, optional
        Called with the number of channels done, the number of all, and the name of the task.

    Returns
    -------
    ndarray (n_channels,), float64
        Standard deviation in the unit of the cube; NaN for a channel without a pixel.

    Examples
    --------
    >>> import numpy as np
    >>> from data_adapters.sky import channel_noise
    >>> rng = np.random.default_rng(0)
    >>> cube = rng.normal(0.0, [[[1.0]], [[2.0]], [[4.0]]], (3, 128, 128))
    >>> channel_noise(cube).round()
    array([1., 2., 4.])
    """
    sky = as_sky_map(sky)
    used = _used(sky, channels)
    noise = np.empty(len(used))
    with ThreadPoolExecutor(joblib.cpu_count()) as workers:
        for part, planes in groups_of_one_beam(sky, used):
            own = slice(part.start - used.start, part.stop - used.start)
            noise[own] = list(workers.map(_sigma, planes))
            _tell(on_progress, own, len(used), "noise")
    return noise


def _sigma(plane: Array) -> float:
    return noise_of_pixels(plane).sigma


def _tell(on_progress: Progress | None, done: slice, total: int, task: str) -> None:
    if on_progress is not None:
        for index in range(done.start, done.stop):
            on_progress(index + 1, total, task)


def group_slices(sky: MapLike, group: int, *, channels: slice = slice(None)) -> tuple[slice, ...]:
    """Consecutive channels in groups.

    Parameters
    ----------
    sky : SkyMap or another of `MapLike`
    group : int
        Number of channels of a group; the last may hold fewer.
    channels : slice, default slice(None)
        Channels to use, of step 1; by default all.

    Returns
    -------
    tuple of slice

    Raises
    ------
    InputError
        When `group` is below 1, or `channels` holds none of the cube.
    """
    sky = as_sky_map(sky)
    used = _used(sky, channels)
    if group < 1:
        raise InputError(f"group must be at least 1 channel, got {group}")
    return tuple(
        slice(first, min(first + group, used.stop)) for first in range(used.start, used.stop, group)
    )


def channel_groups(
    sky: MapLike,
    group: int,
    *,
    channels: slice = slice(None),
    rows: slice = slice(None),
    how: str = "mean",
    on_progress: Progress | None = None,
) -> Iterator[Float32Array]:
    """Maps of consecutive channels in groups, one map after the other.

    Parameters
    ----------
    sky : SkyMap or another of `MapLike`
    group : int
        Number of channels of one map.
    channels, rows : slice, default slice(None)
        Channels and rows to use, of step 1; by default all.
    how : {"mean", "sum"}, default "mean"
        Blank channels are left out of either; a pixel is NaN where all of its channels are blank.
    on_progress : callable, optional
        Called with the number of channels done, the number of all, and the name of the task.

    Yields
    ------
    ndarray (n_rows, w), float32
        In the unit of the cube.

    Raises
    ------
    InputError
        When an argument is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from data_adapters.sky import channel_groups
    >>> cube = np.arange(6, dtype=np.float32)[:, None, None] * np.ones((32, 32), np.float32)
    >>> [float(plane.mean()) for plane in channel_groups(cube, 2)]
    [0.5, 2.5, 4.5]
    """
    sky = as_sky_map(sky)
    if how not in ("mean", "sum"):
        raise InputError(f"how must be 'mean' or 'sum', got {how!r}")
    parts = group_slices(sky, group, channels=channels)
    return _groups(sky, parts, rows, how, on_progress)


def _groups(
    sky: SkyMap,
    parts: tuple[slice, ...],
    rows: slice,
    how: str,
    on_progress: Progress | None,
) -> Iterator[Float32Array]:
    used = range(parts[0].start, parts[-1].stop)
    planes = planes_of_one_beam(sky, used, rows)
    shape = (len(range(*rows.indices(sky.shape[1]))), sky.shape[2])
    for part in parts:
        total, count = np.zeros(shape), np.zeros(shape, dtype=np.int32)
        for _ in range(part.start, part.stop):
            plane = next(planes)
            finite = np.isfinite(plane)
            total += np.where(finite, plane, np.float32(0.0))
            count += finite
        if on_progress is not None:
            on_progress(part.stop - used.start, len(used), "groups of channels")
        with np.errstate(divide="ignore", invalid="ignore"):
            total /= count if how == "mean" else count > 0
        yield total.astype(sky.dtype)


def _used(sky: SkyMap, channels: slice) -> range:
    used = range(*channels.indices(sky.shape[0]))
    if channels.step not in (None, 1) or len(used) == 0:
        raise InputError(
            f"channels must be a slice of step 1 within the {sky.shape[0]} of the cube, "
            f"got {channels}"
        )
    return used


def _levels(noise: float | npt.ArrayLike, n_channels: int) -> Float64Array:
    given = np.asarray(noise, dtype=np.float64)
    if given.shape not in ((), (n_channels,)):
        raise InputError(
            f"noise must be one number or {n_channels}, one for each channel used, "
            f"got shape {given.shape}"
        )
    if not np.all(given >= 0.0):
        raise InputError(f"noise must be at least 0, got {np.min(given)}")
    return np.broadcast_to(given, n_channels)


def _axis(sky: SkyMap, used: range) -> tuple[ChannelValues, str]:
    if sky.spectral is None:
        return ChannelValues(np.array(used, dtype=np.float64), np.ones(len(used))), ""
    part = slice(used.start, used.stop)
    return ChannelValues(sky.spectral.values[part], sky.spectral.widths[part]), sky.spectral.unit
