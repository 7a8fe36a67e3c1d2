"""Pixels of a TIFF that stand for "no data", by the tag that GDAL writes."""

from __future__ import annotations

import logging
import math
from pathlib import Path

import numpy as np
import tifffile

from equiclust.typing import Array, BoolArray

__all__ = ["no_data_pixels", "no_data_value"]

logger = logging.getLogger(__name__)

_GDAL_NODATA = 42113
# Smaller numbers are written with all their digits; of the limits of a type some are left out.
_HUGE, _DIGITS = 1e30, 1e-5


def no_data_value(page: tifffile.TiffPage, path: Path) -> float | None:
    """Value that stands for "no data" on a page: its own, or else that of the first page.

    Parameters
    ----------
    page : tifffile.TiffPage
    path : Path
        The file, named in messages.

    Returns
    -------
    int or float, or None
        None where the file names none, or one that is no number, which is logged.
    """
    tag = page.tags.get(_GDAL_NODATA) or page.parent.pages.first.tags.get(_GDAL_NODATA)
    if tag is None:
        return None
    value = tag.value.decode("latin-1") if isinstance(tag.value, bytes) else str(tag.value)
    text = value.strip(" \t\r\n\0").replace(",", ".")
    try:
        return int(text) if text.lstrip("+-").isdecimal() else float(text)
    except ValueError:
        logger.warning("%s: its value of no data is %r, which is ignored", path, text)
        return None


def no_data_pixels(samples: Array, value: float | None, *, are_colours: bool) -> BoolArray:
    """Pixels that hold the value of no data, as it is rounded to the type of the pixels.

    Parameters
    ----------
    samples : ndarray (h, w, c)
        Values as stored.
    value : int or float, or None
        None for no such pixel.
    are_colours : bool
        Whether all the channels must hold it, as 0 is a value of a colour; otherwise one is enough.

    Returns
    -------
    ndarray (h, w), bool
        `True` = ignore.
    """
    if value is None or not math.isfinite(value):
        # What is no finite number is masked anyway.
        return np.zeros(samples.shape[:2], dtype=bool)
    with np.errstate(over="ignore"):
        equal = np.asarray(samples == value)
        if abs(value) > _HUGE:
            equal |= np.isclose(samples, value, rtol=_DIGITS, atol=0)
    return np.asarray(equal.all(axis=-1) if are_colours else equal.any(axis=-1))
