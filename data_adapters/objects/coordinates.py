"""Coordinates of objects in memory, as cards of a FITS header."""

from __future__ import annotations

import logging
from typing import Any

from astropy.io import fits
from astropy.wcs import WCS

from data_adapters.fits_headers import CHANNEL_AXIS
from equiclust.exceptions import InputError

__all__ = ["header_of_coordinates", "plain_wcs"]

logger = logging.getLogger(__name__)


def header_of_coordinates(
    coordinates: Any, shape: tuple[int, ...], name: str
) -> tuple[fits.Header, fits.HDUList]:
    """Cards of coordinates, number by number as they are held.

    Parameters
    ----------
    coordinates : astropy.wcs.WCS, astropy.io.fits.Header or None
    shape : tuple of int
        Of the array, slowest first.
    name : str
        Of the object, named in messages.

    Returns
    -------
    header : astropy.io.fits.Header
    hdus : astropy.io.fits.HDUList
        With the tables that the coordinates refer to.

    Raises
    ------
    InputError
        When they have another number of axes than the array.
    """
    if coordinates is None:
        return fits.Header(), fits.HDUList([fits.PrimaryHDU()])
    if isinstance(coordinates, fits.Header):
        return coordinates.copy(), fits.HDUList([fits.PrimaryHDU()])
    wcs = _fitting(coordinates, len(shape), name)
    hdus = wcs.to_fits(relax=True)
    header = hdus[0].header
    # wcslib writes twelve digits.
    matrix, steps = wcs.wcs.get_pc(), wcs.wcs.get_cdelt()
    for i in range(wcs.naxis):
        header[f"CRPIX{i + 1}"] = float(wcs.wcs.crpix[i])
        header[f"CRVAL{i + 1}"] = float(wcs.wcs.crval[i])
        header[f"CDELT{i + 1}"] = float(steps[i])
        for j in range(wcs.naxis):
            header[f"PC{i + 1}_{j + 1}"] = float(matrix[i, j])
    if wcs.naxis == 2 and len(shape) == 3:
        header["WCSAXES"] = 3
        header["CTYPE3"] = CHANNEL_AXIS
    return header, hdus


def _fitting(wcs: WCS, n_axes: int, name: str) -> WCS:
    """Coordinates of as many axes as an array has, or of rows and columns alone."""
    if wcs.naxis == n_axes or (wcs.naxis, n_axes) == (2, 3):
        return wcs
    if n_axes == 2 and wcs.has_celestial:
        return wcs.celestial
    raise InputError(
        f"{name}: its array has {n_axes} axes and its WCS {wcs.naxis}; give a WCS of as many, or "
        "its celestial part for one image"
    )


def plain_wcs(wcs: Any, name: str) -> WCS | None:
    """The FITS coordinates within the wrappers that astropy puts around them.

    Parameters
    ----------
    wcs : object
        `NDData.wcs`.
    name : str
        Of the object, named in the log.

    Returns
    -------
    astropy.wcs.WCS or None
        None where there are none, or others than those of FITS, which the log tells.
    """
    low = getattr(wcs, "low_level_wcs", wcs)
    if low is None or isinstance(low, WCS):
        return low
    inner, slices = getattr(low, "_wcs", None), getattr(low, "_slices_array", ())
    if (
        isinstance(inner, WCS)
        and slices
        and all(not isinstance(one, slice) or one.step in (None, 1) for one in slices)
    ):
        return _cut(inner, slices)
    logger.warning("%s: its coordinates are none of FITS, and are left out", name)
    return None


def _cut(wcs: WCS, slices: tuple[int | slice, ...]) -> WCS:
    """Coordinates of a part of an array, some of whose axes may be a single plane."""
    planes = [slice(one, one + 1) if not isinstance(one, slice) else one for one in slices]
    kept = [axis for axis, one in enumerate(reversed(slices), start=1) if isinstance(one, slice)]
    return wcs.slice(planes).sub(kept)
