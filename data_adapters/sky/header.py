"""Headers of maps and cubes: the celestial axes with their cards."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from data_adapters.fits_headers import card, number
from data_adapters.sky.axes import MapAxes
from data_adapters.sky.cards import MATRIX_CARD, SKY_CARDS, cards_of, not_number
from data_adapters.sky.celestial_types import (
    celestial_pair,
    is_celestial,
    standard_type,
    with_standard_types,
)
from data_adapters.sky.distortions import distortion_not_applied, with_sip_named
from data_adapters.sky.frames import with_known_frame
from equiclust.typing import Float64Array

__all__ = ["sky_header"]

logger = logging.getLogger(__name__)

# Degrees by which two descriptions of one sky may differ.
TOLERANCE = 1e-10


def sky_header(
    hdu: Any, hdus: fits.HDUList, axes: MapAxes, path: Path
) -> tuple[fits.Header, WCS | None]:
    """Cards of the celestial axes alone, letter by letter as they were, and their WCS.

    Where these cards alone do not mean the same as the whole header, they are written anew.

    Parameters
    ----------
    hdu : astropy HDU
    hdus : astropy.io.fits.HDUList
        The file, which may hold tables that the coordinates refer to.
    axes : MapAxes
    path : Path
        The file, named in the log.

    Returns
    -------
    header : astropy.io.fits.Header
        Empty when there are no coordinates.
    wcs : astropy.wcs.WCS or None
        Two celestial axes.
    """
    count = len(hdu.shape)
    numbers = (count - axes.column, count - axes.row)
    ctypes = [standard_type(card(hdu.header, f"CTYPE{axis}")) for axis in numbers]
    if any(map(is_celestial, ctypes)) and not celestial_pair(ctypes):
        named = " and ".join(ctype or "an unnamed axis" for ctype in ctypes)
        logger.warning("%s: it is a map along %s, without celestial coordinates", path, named)
        return fits.Header(), None
    corners = _corners(hdu.shape[axes.row], hdu.shape[axes.column])
    given = with_sip_named(with_known_frame(with_standard_types(hdu.header, path), path))
    header = cards_of(given, numbers, (1, 2), SKY_CARDS, distortion=True)
    if odd := not_number(header):
        logger.warning("%s: its coordinates are left out, since %s is no number", path, odd)
        return fits.Header(), None
    own = _celestial(header, corners, path)
    try:
        # TPV and others cannot be taken apart by wcslib, and another axis can be odd.
        wcs = WCS(given, fobj=hdus).sub(list(numbers))
        # What is taken apart may fail only where it is used.
        _check_places(wcs, corners)
    except Exception as error:
        reason = " ".join(str(error).split())
        if own is None or _is_coupled(hdu.header, numbers):
            logger.warning("%s: its coordinates are odd and left out: %s", path, reason)
            return fits.Header(), None
        _say_not_applied(given, numbers, own, path)
        logger.info("%s: its celestial axes are read without the others: %s", path, reason)
        return header, own
    if not wcs.has_celestial:
        if celestial_pair(ctypes):
            named = " and ".join(ctypes)
            logger.warning("%s: its coordinates are left out, as %s are not known", path, named)
        return fits.Header(), None
    _say_not_applied(given, numbers, wcs, path)
    if own is not None and _same(own, wcs, corners):
        return header, own
    return _rewritten(wcs, corners, path), wcs


def _say_not_applied(header: fits.Header, numbers: tuple[int, int], wcs: WCS, path: Path) -> None:
    if lost := distortion_not_applied(header, numbers, wcs):
        logger.warning(
            "%s: a distortion of its header cannot be applied (%s); positions are off by what it "
            "moves them",
            path,
            lost,
        )


def _is_coupled(header: fits.Header, numbers: tuple[int, ...]) -> bool:
    """Whether a matrix lets other axes change these."""
    for name in header:
        if found := MATRIX_CARD.fullmatch(name):
            row, column = (
                int(text) in numbers for text in found.groups() if text and text.isdigit()
            )
            if row and not column and number(header, name) != 0.0:
                return True
    return False


def _corners(height: int, width: int) -> Float64Array:
    x, y = np.meshgrid([0, width // 2, width - 1], [0, height // 2, height - 1])
    return np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float64)


def _check_places(wcs: WCS, corners: Float64Array) -> None:
    """Fail where astropy cannot tell the places of pixels, or tells one place for all of them."""
    places = wcs.all_pix2world(corners, 0)
    if np.ptp(corners) > 0.0 and np.all(np.ptp(places, axis=0) == 0.0):
        raise ValueError("all pixels lie at one place")


def _celestial(header: fits.Header, corners: Float64Array, path: Path) -> WCS | None:
    try:
        wcs = WCS(header)
        _check_places(wcs, corners)
        return wcs if wcs.has_celestial else None
    except Exception as error:
        logger.debug("%s: %s", path, " ".join(str(error).split()))
        return None


def _same(one: WCS, other: WCS, pixels: Float64Array) -> bool:
    return list(one.wcs.ctype) == list(other.wcs.ctype) and _apart(one, other, pixels) <= TOLERANCE


def _apart(one: WCS, other: WCS, pixels: Float64Array) -> float:
    """Largest difference of a coordinate in degrees, infinity when it cannot be computed."""
    try:
        apart = one.all_pix2world(pixels, 0) - other.all_pix2world(pixels, 0)
    except Exception:
        return math.inf
    # Longitudes 0 and 360 are one; NaN, beyond the edge of the sky, is NaN in both.
    return float(np.nanmax(np.abs((apart + 180.0) % 360.0 - 180.0), initial=0.0))


def _rewritten(wcs: WCS, corners: Float64Array, path: Path) -> fits.Header:
    header = wcs.to_header(relax=True)
    header["WCSAXES"] = 2
    matrix = wcs.wcs.get_pc()
    for i in range(2):
        header[f"CRVAL{i + 1}"] = float(wcs.wcs.crval[i])
        header[f"CRPIX{i + 1}"] = float(wcs.wcs.crpix[i])
        header[f"CDELT{i + 1}"] = float(wcs.wcs.get_cdelt()[i])
        for j in range(2):
            header[f"PC{i + 1}_{j + 1}"] = float(matrix[i, j])
    again = _celestial(header, corners, path)
    if again is None or not _same(again, wcs, corners):
        lost = math.inf if again is None else 3600.0 * _apart(again, wcs, corners)
        logger.warning(
            "%s: the output cannot keep all of its coordinates, such as lookup tables; positions "
            "there are off by up to %.2g arcsec",
            path,
            lost,
        )
    return header
