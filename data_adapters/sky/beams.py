"""Beams of the channels of a cube, and whether a beam can be that of its map."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_scales

from data_adapters.sky.stokes import StokesPlane
from data_adapters.units import parse_unit
from equiclust.images import Beam
from equiclust.typing import Float64Array

__all__ = ["channel_beams", "largest_beam", "plausible_beam"]

logger = logging.getLogger(__name__)

# Pixels: a cut-out below this size may well be smaller than its beam.
SMALL_CUT_OUT = 32


def channel_beams(
    hdus: fits.HDUList, n_channels: int, plane: StokesPlane, path: Path
) -> tuple[Beam, ...] | None:
    """Beams of the table that CASA writes, those of one Stokes plane.

    Parameters
    ----------
    hdus : astropy.io.fits.HDUList
        The open file.
    n_channels : int
        Channels of the cube.
    plane : StokesPlane
        The plane that is read.
    path : Path
        The file, named in the log.

    Returns
    -------
    tuple of Beam or None
        In degrees, NaN for channels without beam; None when there is no table that fits.
    """
    try:
        table = next((hdu for hdu in hdus if hdu.name == "BEAMS" and hasattr(hdu, "columns")), None)
        if table is None:
            return None
        rows = table.data
        if "POL" in table.columns.names:
            rows = rows[rows["POL"] == _polarization(rows["POL"], plane)]
        if "CHAN" in table.columns.names:
            rows = rows[np.argsort(rows["CHAN"], kind="stable")]
        columns = [_degrees(table, rows, name) for name in ("BMAJ", "BMIN", "BPA")]
        beams = tuple(_beam(*map(float, row)) for row in zip(*columns, strict=True))
    except Exception as error:
        logger.warning("%s: its table of beams is odd: %s", path, " ".join(str(error).split()))
        return None
    if len(beams) != n_channels:
        logger.warning("%s: it has %d beams for %d channels", path, len(beams), n_channels)
        return None
    return beams


def _polarization(found: Any, plane: StokesPlane) -> int:
    """Number of a Stokes plane in the table, counted from 0 or 1."""
    numbers = np.unique(found)
    if len(numbers) == 1:
        # CASA writes beams once that are those of all planes.
        return int(numbers[0])
    if len(numbers) != plane.length:
        raise ValueError(f"it is for {len(numbers)} Stokes planes, and the map has {plane.length}")
    return int(numbers[plane.place])


def _degrees(table: Any, rows: Any, name: str) -> Float64Array:
    unit = table.columns[name].unit or ("deg" if name == "BPA" else "arcsec")
    known = parse_unit(unit)
    if known is None or not known.is_equivalent(units.deg):
        raise ValueError(f"the unit of {name} is {unit!r}, which is none of an angle")
    return np.asarray(rows[name], dtype=np.float64) * float(known.to(units.deg))


def _beam(major: float, minor: float, angle: float) -> Beam:
    # CASA writes 0 for channels without data.
    return Beam(major, minor, angle) if major > 0 else Beam(math.nan, math.nan, math.nan)


def plausible_beam(
    beam: Beam | None, wcs: WCS | None, shape: tuple[int, int, int], path: Path
) -> Beam | None:
    """The beam, unless it is larger than the map or far below a pixel: its unit is then wrong.

    Parameters
    ----------
    beam : Beam or None
    wcs : astropy.wcs.WCS or None
        The two celestial axes.
    shape : (int, int, int)
        Channels, height and width in pixels.
    path : Path
        The file, named in the log.

    Returns
    -------
    Beam or None
        None when it is ignored, which is logged as a warning.
    """
    if beam is None or wcs is None:
        return beam
    pixel = math.sqrt(float(np.prod(np.abs(proj_plane_pixel_scales(wcs)))))
    widest = pixel * max(math.hypot(*shape[1:]), SMALL_CUT_OUT)
    if beam.major <= widest and beam.minor >= 0.1 * pixel:
        return beam
    logger.warning(
        "%s: its beam of %.4g x %.4g degrees fits neither its pixels of %.4g degrees nor its size; "
        "it is ignored",
        path,
        beam.major,
        beam.minor,
        pixel,
    )
    return None


def largest_beam(beams: tuple[Beam, ...] | None) -> Beam | None:
    """The beam of the largest area.

    Parameters
    ----------
    beams : tuple of Beam or None

    Returns
    -------
    Beam or None
        None when none has a size.
    """
    real = [beam for beam in beams or () if beam.major > 0]
    return max(real, key=lambda beam: beam.major * beam.minor, default=None)
