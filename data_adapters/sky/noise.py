"""Noise of an image that contains sources."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from data_adapters.sky.medians import Of, median_of_pixels
from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.typing import Array
from equiclust.validation import check_array

__all__ = ["Noise", "noise_of_pixels", "robust_noise"]

# Share of pixels below 0 under which 0 is not the level of the empty sky.
LEAST_NEGATIVE = 0.1
# Median absolute deviation of a normal distribution, in its standard deviations.
_NORMAL_DEVIATION = 0.6744897501960817
_FEW = 1 << 12


class Noise(NamedTuple):
    """Level of the empty sky and its noise, as `robust_noise` returns them.

    Parameters
    ----------
    level : float
        In the unit of the image.
    sigma : float
        Standard deviation about `level`, in the unit of the image.

    Examples
    --------
    >>> import numpy as np
    >>> from data_adapters.sky import Noise, robust_noise, threshold_mask
    >>> image = np.random.default_rng(0).normal(100.0, 2.0, (128, 128))
    >>> level, sigma = robust_noise(image)
    >>> round(level), round(sigma)
    (100, 2)

    A noise that is known is given in its place:

    >>> faint = threshold_mask(image, 3.0, noise=Noise(level=100.0, sigma=2.0))
    >>> bool(faint.mean() > 0.99)
    True
    """

    level: float
    sigma: float


@checks_types
def robust_noise(
    image: npt.ArrayLike, *, mask: npt.ArrayLike | None = None, method: str = "auto"
) -> Noise:
    """Noise of an image that contains sources.

    ``negative`` assumes a sky level of 0 and takes the pixels below it for one half of the noise:
    `sigma = 1.4826 median(|x|, x < 0)`, which sources do not change. ``mad`` takes the median for
    the sky level and the median absolute deviation from it, `sigma = 1.4826 median(|x - level|)`,
    which sources that cover much of the image enlarge. ``auto`` is the first if more than a tenth
    of the pixels are below 0, else the second.

    Parameters
    ----------
    image : array-like (h, w)
        Pixels that are not finite are left out.
    mask : array-like (h, w), bool, optional
        `True` = ignore.
    method : {"auto", "negative", "mad"}, default "auto"

    Returns
    -------
    Noise
        NaN when no pixel is left.

    Raises
    ------
    InputError
        When `image` is not of two axes, `mask` has another shape, or `method` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from data_adapters.sky import robust_noise
    >>> image = np.random.default_rng(0).normal(0.0, 2.0, (128, 128))
    >>> image[:16] += 50.0
    >>> noise = robust_noise(image)
    >>> round(noise.sigma, 1), round(float(image.std()), 1)
    (2.0, 16.6)
    """
    array = check_array("image", image)
    if array.ndim != 2:
        raise InputError(f"image must have shape (h, w), got {array.shape}")
    if method not in ("auto", "negative", "mad"):
        raise InputError(f"method must be 'auto', 'negative' or 'mad', got {method!r}")
    array = np.ascontiguousarray(array, np.float32 if _is_small(array.dtype) else np.float64)
    if mask is not None:
        hidden = check_array("mask", mask).astype(bool)
        if hidden.shape != array.shape:
            raise InputError(f"mask must have shape {array.shape}, got {hidden.shape}")
        array = array[~hidden]
    return noise_of_pixels(array[np.isfinite(array)], method)


def _is_small(dtype: np.dtype[np.generic]) -> bool:
    return dtype.kind == "f" and dtype.itemsize <= 4


def noise_of_pixels(pixels: Array, method: str = "auto") -> Noise:
    """Noise of pixels of any shape; see `robust_noise`.

    Parameters
    ----------
    pixels : ndarray, float32 or float64
        Contiguous, of the machine's byte order, and not infinite; NaN are left out.
    method : {"auto", "negative", "mad"}, default "auto"

    Returns
    -------
    Noise
    """
    # What the count of all pixels then says is nearly always what a few say.
    few = pixels.reshape(-1)[:: pixels.size // _FEW + 1]
    of = Of.BELOW_ZERO if _is_negative(method, (few < 0.0).sum(), few.size) else Of.VALUES
    found = median_of_pixels(pixels, of)
    wanted = _is_negative(method, found.n_below_zero, found.n_seen)
    if wanted != (of is Of.BELOW_ZERO):
        found = median_of_pixels(pixels, Of.BELOW_ZERO if wanted else Of.VALUES)
    if wanted:
        level = 0.0 if found.n_below_zero > 0 else math.nan
        return Noise(level, float(found.median / _NORMAL_DEVIATION))
    spread = median_of_pixels(pixels, Of.DEVIATIONS, found.median).median
    return Noise(float(found.median), float(spread / _NORMAL_DEVIATION))


def _is_negative(method: str, n_below_zero: int, n_seen: int) -> bool:
    return method == "negative" or (method == "auto" and n_below_zero > LEAST_NEGATIVE * n_seen)
