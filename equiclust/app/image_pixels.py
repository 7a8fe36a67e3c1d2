"""Pixels of one image for the page: of its file, as the networks see it, and reconstructed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from equiclust.app.run_view import RunView
from equiclust.exceptions import InputError
from equiclust.images import Image
from equiclust.typing import Float32Array
from equiclust.validation import shown

__all__ = ["ImagePixels", "contour_lines", "image_pixels", "sky_position"]

# Larger images are averaged down: no screen shows more.
_MOST_PIXELS = 1024
_MOST_LEVELS = 12
_PERCENTILES = (0.0, 0.5, 1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0, 99.5, 99.9, 100.0)

What = Literal["original", "preprocessed", "reconstruction"]


@dataclass(frozen=True, eq=False)
class ImagePixels:
    """Pixels to be shown.

    Parameters
    ----------
    pixels : ndarray (c, h, w), float32
        The first row at the bottom; NaN where masked.
    header : dict
        "unit", "step" (pixels of the image to one of these), "shape" (height and width of the
        image), "percentiles" (share and value), "has_sky".
    """

    pixels: Float32Array
    header: dict[str, Any]


def image_pixels(view: RunView, row: int, what: str) -> ImagePixels:
    """Pixels of one image.

    Parameters
    ----------
    view : RunView
    row : int
    what : {"original", "preprocessed", "reconstruction"}

    Returns
    -------
    ImagePixels
        At most 1,024 pixels high and wide.

    Raises
    ------
    InputError
        When the row is not there, or the image cannot be had.
    """
    view.check_rows([row])
    if what == "original":
        image = view.pictures.original(row)
        values = np.where(image.mask, np.nan, image.values).astype(np.float32)
        return _shown(values, image.unit, has_sky=image.wcs is not None)
    if what == "preprocessed":
        return _shown(view.pictures.preprocessed(row), "", has_sky=False)
    if what == "reconstruction":
        return _shown(view.pictures.reconstruction(row), "", has_sky=False)
    raise InputError(f"what must be original, preprocessed or reconstruction, got {shown(what)}")


def _shown(values: Float32Array, unit: str, *, has_sky: bool) -> ImagePixels:
    height, width = values.shape[1:]
    step = -(-max(height, width) // _MOST_PIXELS)
    pixels = _averaged(values, step)
    known = pixels[np.isfinite(pixels)]
    limits = np.percentile(known, _PERCENTILES).tolist() if len(known) else [0.0, 1.0]
    header = {
        "unit": unit,
        "step": step,
        "shape": [height, width],
        "percentiles": list(zip(_PERCENTILES, limits, strict=False)),
        "has_sky": has_sky,
    }
    return ImagePixels(pixels, header)


def _averaged(values: Float32Array, step: int) -> Float32Array:
    """Means over squares of pixels, of those that are known; at the end they may be narrower."""
    if step == 1:
        return values
    channels, height, width = values.shape
    h, w = -(-height // step), -(-width // step)
    missing = ((0, 0), (0, h * step - height), (0, w * step - width))
    filled = np.pad(values, missing, constant_values=np.nan)
    blocks = filled.reshape(channels, h, step, w, step)
    known = np.isfinite(blocks)
    counts = known.sum(axis=(2, 4))
    sums = np.where(known, blocks, 0.0).sum(axis=(2, 4), dtype=np.float64)
    with np.errstate(invalid="ignore"):
        return np.where(counts > 0, sums / counts, np.nan).astype(np.float32)


def sky_position(image: Image, x: float, y: float) -> dict[str, Any] | None:
    """Celestial coordinates of a pixel.

    Parameters
    ----------
    image : Image
    x, y : float
        Column and row from 0, at the centre of a pixel.

    Returns
    -------
    dict or None
        "ra" and "dec" in degrees, ICRS, and "text" in hours and degrees; None where the image has
        no coordinates, or none there.
    """
    if image.wcs is None:
        return None
    place = image.wcs.pixel_to_world(x, y)
    if not hasattr(place, "icrs"):
        return None
    icrs = place.icrs
    ra, dec = float(icrs.ra.deg), float(icrs.dec.deg)
    if not (np.isfinite(ra) and np.isfinite(dec)):
        return None
    text = icrs.to_string("hmsdms", sep=":", precision=2)
    return {"ra": ra, "dec": dec, "text": str(text)}


def _rounded(line: Any) -> list[list[float]]:
    found: list[list[float]] = np.round(line, 2).tolist()
    return found


def contour_lines(shown: ImagePixels, n_levels: int) -> list[dict[str, Any]]:
    """Contours of the mean over the channels.

    Parameters
    ----------
    shown : ImagePixels
    n_levels : int
        1 to 12, at equal steps between the median and the 99.9th percentile.

    Returns
    -------
    list of dict
        "level" and "lines", each a list of column and row of `shown`, from 0.

    Raises
    ------
    InputError
        When `n_levels` is out of range.
    """
    from contourpy import contour_generator

    if not 1 <= n_levels <= _MOST_LEVELS:
        raise InputError(f"levels must be 1 to {_MOST_LEVELS}, got {n_levels}")
    plane = np.ma.masked_invalid(shown.pixels.mean(axis=0).astype(np.float64))
    known = plane.compressed()
    if len(known) == 0 or min(plane.shape) < 2:
        return []
    low, high = np.percentile(known, (50.0, 99.9))
    if not high > low:
        return []
    generator = contour_generator(z=plane, line_type="Separate")
    return [
        {"level": level, "lines": [_rounded(line) for line in generator.lines(level)]}
        for level in np.linspace(low, high, n_levels + 2)[1:-1].tolist()
    ]
