"""What astropy alone makes of an image in a FITS file: pixels in float64, sky and spectrum."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from astropy.io import fits
from astropy.wcs import WCS

FloatArray = npt.NDArray[np.float64]

# The thousands of `wcs.wcs.axis_types`.
STOKES, CELESTIAL, SPECTRAL = 1, 2, 3


class Axes(NamedTuple):
    """Axes of an image in the order of FITS, counted from 0, fastest first."""

    sky: tuple[int, ...]
    spectral: int | None
    stokes: int | None


def axes_of(wcs: WCS) -> Axes:
    """Which axis is what, by its type."""
    sorts = [kind // 1000 % 10 for kind in wcs.wcs.axis_types]
    return Axes(
        tuple(axis for axis, sort in enumerate(sorts) if sort == CELESTIAL),
        next((axis for axis, sort in enumerate(sorts) if sort == SPECTRAL), None),
        next((axis for axis, sort in enumerate(sorts) if sort == STOKES), None),
    )


def wcs_of(hdu: Any, hdus: fits.HDUList) -> WCS | None:
    """None where astropy understands no coordinates."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return WCS(hdu.header, fobj=hdus)
    except Exception:
        return None


def pixels_of(hdu: Any) -> FloatArray:
    """True values of an image opened with `do_not_scale_image_data`; NaN where not finite."""
    stored = np.asarray(hdu.data)
    header = hdu.header
    values = stored.astype(np.float64)
    if "BSCALE" in header or "BZERO" in header:
        values = values * float(header.get("BSCALE", 1)) + float(header.get("BZERO", 0))
    if "BLANK" in header and stored.dtype.kind in "iu":
        values[stored == int(header["BLANK"])] = np.nan
    values[~np.isfinite(values)] = np.nan
    return values


def is_slit(shape: tuple[int, ...], axes: Axes) -> bool:
    """Whether it is position against velocity or the like: one celestial axis has one pixel."""
    lengths = [shape[len(shape) - 1 - axis] for axis in axes.sky]
    return len(lengths) == 2 and lengths.count(1) == 1 and sum(n > 1 for n in shape) == 2


def cube_of(hdu: Any, wcs: WCS | None) -> FloatArray:
    """Pixels as `(channel, row, column)`: of Stokes parameters I, axes of one pixel dropped."""
    values = pixels_of(hdu)
    count = values.ndim
    axes = Axes((), None, None) if wcs is None or wcs.naxis != count else axes_of(wcs)
    if axes.stokes is not None and values.shape[count - 1 - axes.stokes] > 1 and wcs is not None:
        plane = round(float(wcs.sub([axes.stokes + 1]).wcs_world2pix([1.0], 0)[0][0]))
        values = np.take(values, [plane], axis=count - 1 - axes.stokes)
    if is_slit(values.shape, axes):
        return np.squeeze(values)[np.newaxis]
    if len(axes.sky) == 2:
        ends = [count - 1 - max(axes.sky), count - 1 - min(axes.sky)]
        values = np.moveaxis(values, ends, [-2, -1])
        return values.reshape(-1, *values.shape[-2:])
    if axes.spectral is not None and np.squeeze(values).ndim == 3:
        values = np.moveaxis(values, count - 1 - axes.spectral, 0)
    values = np.squeeze(values)
    return values.reshape(-1, *values.shape[-2:])


def five_pixels(height: int, width: int) -> FloatArray:
    """`(5, 2)`: column and row of corners and of a place between, counted from 0."""
    right, top = width - 1.0, height - 1.0
    return np.array([[0, 0], [right, 0], [0, top], [right, top], [width / 3, height / 3]])


def sky_of(wcs: WCS, places: FloatArray) -> FloatArray:
    """`(n, 2)`: longitude and latitude in degrees, of all axes together; others at their first."""
    first, second = axes_of(wcs).sky
    pixels = np.zeros((len(places), wcs.naxis))
    pixels[:, first], pixels[:, second] = places.T
    world = wcs.all_pix2world(pixels, 0)
    return np.stack([world[:, wcs.wcs.lng], world[:, wcs.wcs.lat]], axis=1)


def degrees_apart(one: FloatArray, other: FloatArray) -> float:
    """Largest difference; NaN in one alone is infinitely far, and 0 is 360 degrees."""
    if not np.array_equal(np.isnan(one), np.isnan(other)):
        return np.inf
    apart = np.abs((one - other + 180.0) % 360.0 - 180.0)
    return float(np.max(apart, initial=0.0, where=~np.isnan(apart)))


def spectrum_of(wcs: WCS, length: int) -> FloatArray:
    """Spectral values in SI, behind the first pixel of all other axes."""
    axis = axes_of(wcs).spectral
    pixels = np.zeros((length, wcs.naxis))
    pixels[:, axis] = np.arange(length)
    return np.asarray(wcs.all_pix2world(pixels, 0)[:, axis], dtype=np.float64)
