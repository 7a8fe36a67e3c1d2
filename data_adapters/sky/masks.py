"""Masks of a map from blank pixels, mask files, weights, noise and DS9 regions.

Every mask is `(h, w)` bool with `True` = ignore; masks are joined by ``|``.
"""

from __future__ import annotations

import logging
import math
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from data_adapters.discovery import split_part
from data_adapters.sky.noise import Noise, robust_noise
from data_adapters.sky.sky_map import MapLike, SkyMap, as_sky_map
from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError, UnreadableFileError
from equiclust.optional import import_optional
from equiclust.typing import BoolArray, Float32Array, PathLike

if TYPE_CHECKING:
    from astropy.wcs import WCS

__all__ = [
    "Noise",
    "blank_mask",
    "mask_from_file",
    "region_mask",
    "robust_noise",
    "threshold_mask",
    "weight_mask",
]

logger = logging.getLogger(__name__)

# Bytes that are read, and pixels that are compared with regions, at once.
READ_BYTES = 1 << 26
PIXELS_AT_ONCE = 1 << 20
# Shapes of DS9 without area, which a mask may lack.
WITHOUT_AREA = ("point", "line", "vector", "text", "ruler", "compass", "projection")


def blank_mask(
    sky: MapLike,
    *,
    channels: slice = slice(None),
    rule: str = "all",
    on_progress: Callable[[int, int, str], None] | None = None,
) -> BoolArray:
    """Mask of pixels without a value.

    Parameters
    ----------
    sky : SkyMap or another of `MapLike`
    channels : slice, default slice(None)
        Channels to look at, of step 1; by default all.
    rule : {"all", "any"}, default "all"
        Whether a pixel is ignored when all of its channels are blank, or any.
    on_progress : callable, optional
        Called with the number of rows done, the number of all rows, and the name of the task.

    Returns
    -------
    ndarray (h, w), bool
        `True` = ignore.

    Raises
    ------
    InputError
        When `rule` is neither "all" nor "any".
    UnreadableFileError
        When the file cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> from data_adapters.sky import blank_mask
    >>> cube = np.ones((2, 32, 32), np.float32)
    >>> cube[:, :8] = np.nan
    >>> cube[0, :16] = np.nan
    >>> float(blank_mask(cube).mean()), float(blank_mask(cube, rule="any").mean())
    (0.25, 0.5)
    """
    sky = as_sky_map(sky)
    if rule not in ("all", "any"):
        raise InputError(f"rule must be 'all' or 'any', got {rule!r}")
    n_channels = len(range(*channels.indices(sky.shape[0])))
    _, height, width = sky.shape
    step = max(1, READ_BYTES // (4 * width * max(1, n_channels)))
    mask = np.empty((height, width), dtype=bool)
    join = np.all if rule == "all" else np.any
    with sky:
        for first in range(0, height, step):
            rows = slice(first, min(first + step, height))
            mask[rows] = join(np.isnan(sky.read(channels, rows)), axis=0)
            if on_progress is not None:
                on_progress(rows.stop, height, "blank pixels")
    return mask


def mask_from_file(sky: MapLike, source: MapLike, *, keep: bool = False) -> BoolArray:
    """Mask from an image of masked pixels, of the same size as the map.

    Parameters
    ----------
    sky : SkyMap or another of `MapLike`
    source : str, Path or another of `MapLike`
        ``mask.fits``, ``mask.fits[EXT]``, or ``[EXT]`` for an extension of the map's own file.
    keep : bool, default False
        Meaning of pixels that are not 0. False: they are ignored. True: they are used and all
        others ignored. Blank pixels are ignored either way.

    Returns
    -------
    ndarray (h, w), bool
        `True` = ignore.

    Raises
    ------
    InputError
        When the image does not have the size of the map.
    UnreadableFileError
        When the file cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.io import fits
    >>> from data_adapters.sky import mask_from_file
    >>> image = np.ones((32, 32), np.float32)
    >>> stars = np.zeros((32, 32), np.uint8)
    >>> stars[:8] = 1
    >>> fits.writeto("stars.fits", stars)
    >>> mask = mask_from_file(image, "stars.fits")
    >>> bool(mask[0, 0]), float(mask.mean())
    (True, 0.25)
    >>> float(mask_from_file(image, "stars.fits", keep=True).mean())
    0.75
    """
    sky = as_sky_map(sky)
    values = _plane_of(sky, source)
    flagged = (values != 0.0) != keep
    return np.asarray(flagged | np.isnan(values))


def weight_mask(sky: MapLike, source: MapLike, least: float) -> BoolArray:
    """Mask of pixels whose weight is blank or below a least one.

    Parameters
    ----------
    sky : SkyMap or another of `MapLike`
    source : str, Path or another of `MapLike`
        Image of weights; see `mask_from_file`.
    least : float
        Pixels of smaller weight are ignored, in the unit of the weights.

    Returns
    -------
    ndarray (h, w), bool
        `True` = ignore.

    Raises
    ------
    InputError
        When `least` is not finite, or the image does not have the size of the map.
    UnreadableFileError
        When the file cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> from data_adapters.sky import weight_mask
    >>> image = np.ones((32, 32), np.float32)
    >>> weights = np.linspace(0.0, 1.0, 32)[:, None] * np.ones(32)
    >>> float(weight_mask(image, weights, 0.5).mean())
    0.5
    """
    sky = as_sky_map(sky)
    if not math.isfinite(least):
        raise InputError(f"least must be a finite weight, got {least}")
    return np.asarray(~(_plane_of(sky, source) >= least))


def _plane_of(sky: SkyMap, source: MapLike) -> Float32Array:
    name = source
    if isinstance(source, str) and source.startswith("[") and source.endswith("]"):
        if sky.file is None:
            raise InputError(f"{source} is an extension of a file, and the map is {sky.path}")
        name = split_part(sky.file)[0] + source
    other = as_sky_map(name)
    name = other.path
    if other.shape != (1, *sky.shape[1:]):
        raise InputError(
            f"{name}: it has shape {_short(other.shape)}, but the map {sky.path} has "
            f"{sky.shape[1:]}; masks and weights must have one value per pixel of the map"
        )
    return np.asarray(other.read()[0])


def _short(shape: tuple[int, int, int]) -> tuple[int, ...]:
    return shape[1:] if shape[0] == 1 else shape


@checks_types
def threshold_mask(
    image: npt.ArrayLike,
    n_sigma: float,
    *,
    noise: Noise | float | None = None,
    mask: npt.ArrayLike | None = None,
) -> BoolArray:
    """Mask of pixels that are not brighter than the sky by `n_sigma` times the noise.

    Parameters
    ----------
    image : array-like (h, w)
        Pixels that are not finite are ignored.
    n_sigma : float
        Threshold above the sky level, in standard deviations of the noise.
    noise : Noise or float, optional
        Noise in the unit of the image; a number is the standard deviation about 0. By default
        `robust_noise` of the image.
    mask : array-like (h, w), bool, optional
        `True` = ignore; such pixels do not enter the noise either.

    Returns
    -------
    ndarray (h, w), bool
        `True` = ignore.

    Raises
    ------
    InputError
        When `n_sigma` or `noise` is not finite, or a shape does not match.

    Examples
    --------
    >>> import numpy as np
    >>> from data_adapters.sky import threshold_mask
    >>> image = np.random.default_rng(0).normal(size=(64, 64))
    >>> image[16:32, 16:32] += 20.0
    >>> mask = threshold_mask(image, 5.0)
    >>> int((~mask).sum())
    256
    >>> bool(mask[16:32, 16:32].any())
    False
    """
    if not math.isfinite(n_sigma):
        raise InputError(f"n_sigma must be finite, got {n_sigma}")
    found = robust_noise(image, mask=mask)
    if noise is not None:
        found = noise if isinstance(noise, Noise) else Noise(0.0, float(noise))
        if not 0.0 <= found.sigma < math.inf:
            raise InputError(f"noise must be at least 0 and finite, got {found.sigma}")
    values = np.asarray(image)
    bright = (values > found.level + n_sigma * found.sigma) & np.isfinite(values)
    ignored = ~bright if mask is None else ~bright | np.asarray(mask, dtype=bool)
    return np.asarray(ignored)


def region_mask(sky: MapLike, path: PathLike) -> BoolArray:
    """Mask of pixels outside the regions of a DS9 file.

    A pixel is used if its centre lies in no excluding region (``-circle(...)``) and, where there
    are including regions, in one of them. Regions may be on the sky or in pixels (``image``);
    points, lines and text have no area and are passed over.

    Parameters
    ----------
    sky : SkyMap or another of `MapLike`
    path : str or Path
        Region file of DS9.

    Returns
    -------
    ndarray (h, w), bool
        `True` = ignore.

    Raises
    ------
    UnreadableFileError
        When the file cannot be read, or holds a region that is not understood.
    InputError
        When it holds no region with an area, or one on the sky while the map has no coordinates.

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from data_adapters.sky import region_mask
    >>> written = Path("core.reg").write_text("image; box(16.5, 16.5, 16, 8, 0)")
    >>> mask = region_mask(np.ones((32, 32), np.float32), "core.reg")
    >>> int((~mask).sum())
    128
    """
    sky = as_sky_map(sky)
    flat = _with_area(_regions(Path(path)), sky.wcs, path)
    if not flat:
        raise InputError(f"{path}: it holds no region with an area, such as a circle or polygon")
    including = [bool(region.meta.get("include", True)) for region in flat]
    for region in flat:
        # Some versions of regions would return the outside of excluding ones.
        region.meta["include"] = True
    inside = [region for region, includes in zip(flat, including, strict=True) if includes]
    outside = [region for region, includes in zip(flat, including, strict=True) if not includes]
    _, height, width = sky.shape
    step = max(1, PIXELS_AT_ONCE // width)
    mask = np.empty((height, width), dtype=bool)
    for first in range(0, height, step):
        rows = slice(first, min(first + step, height))
        y, x = np.mgrid[rows, :width].astype(np.float64)
        used = _contained(inside, x, y) if inside else np.ones(x.shape, dtype=bool)
        mask[rows] = ~used | _contained(outside, x, y)
    return mask


def _contained(regions: list[Any], x: npt.NDArray[Any], y: npt.NDArray[Any]) -> BoolArray:
    regions_package = _regions_package()
    found = np.zeros(x.shape, dtype=bool)
    for region in regions:
        found |= region.contains(regions_package.PixCoord(x, y))
    return found


def _regions_package() -> Any:
    return import_optional("regions", extra="maps", purpose="a mask of DS9 regions")


def _regions(path: Path) -> list[Any]:
    regions_package = _regions_package()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            regions = list(regions_package.Regions.read(path, format="ds9"))
    except OSError as error:
        raise UnreadableFileError(f"{path}: {error.strerror or error}") from error
    except Exception as error:
        text = " ".join(str(error).split())
        raise UnreadableFileError(f"{path}: it is no region file of DS9 ({text})") from error
    for warning in caught:
        text = " ".join(str(warning.message).split())
        # A mask without a region that was drawn would be wrong.
        if "skipping" in text and not any(f'"{shape}"' in text for shape in WITHOUT_AREA):
            raise UnreadableFileError(f"{path}: a region of it is not understood ({text})")
        logger.info("%s: %s", path, text)
    return regions


def _with_area(regions: list[Any], wcs: WCS | None, path: PathLike) -> list[Any]:
    """Regions in pixels of the map, without those that have no area."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            flat = [_in_pixels(region, wcs, path) for region in regions]
            areas = [float(region.area) for region in flat]
    except InputError:
        raise
    except Exception as error:
        text = " ".join(str(error).split())
        raise UnreadableFileError(f"{path}: a region of it cannot be used ({text})") from error
    # The area of a region beyond the sky of the map is NaN.
    return [region for region, area in zip(flat, areas, strict=True) if area > 0.0]


def _in_pixels(region: Any, wcs: WCS | None, path: PathLike) -> Any:
    if not hasattr(region, "to_pixel"):
        return region
    if wcs is None:
        raise InputError(
            f"{os.fspath(path)}: it has regions on the sky, but the map has no coordinates; "
            "save the regions in image coordinates"
        )
    return region.to_pixel(wcs)
