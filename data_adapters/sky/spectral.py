"""The spectral axis of a cube: values of its channels, with their unit and their cards."""

from __future__ import annotations

import logging
import math
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from astropy import units
from astropy.io import fits
from astropy.wcs import WCS

from data_adapters.fits_headers import card, number
from data_adapters.sky.axes import SPECTRAL
from data_adapters.sky.cards import SPECTRAL_CARDS, cards_of
from data_adapters.units import parse_unit
from equiclust.typing import Float64Array

__all__ = ["SpectralAxis", "spectral_axis"]

logger = logging.getLogger(__name__)

_KINDS = {
    "speed": "velocity",
    "frequency": "frequency",
    "length": "wavelength",
    "energy": "energy",
}


@dataclass(frozen=True, eq=False)
class SpectralAxis:
    """Velocities, frequencies or the like of the channels of a cube.

    Parameters
    ----------
    values : ndarray (n_channels,), float64
        Centre of every channel.
    unit : str
        Unit of the values, as the header writes it; empty when it has none.
    ctype : str
        `CTYPE` of the axis.
    step : float
        Increment from channel to channel at the reference channel, in `unit`; nan when the header
        has none.
    cards : astropy.io.fits.Header
        Cards of this axis as the third, without increment, and those of its rest frame.
    """

    values: Float64Array
    unit: str
    ctype: str
    step: float
    cards: fits.Header = field(repr=False)

    @property
    def kind(self) -> str:
        """What the values are: velocity, frequency, wavelength, energy, or else spectral."""
        known = parse_unit(self.unit)
        kinds = (kind for name, kind in _KINDS.items() if known and known.physical_type == name)
        return next(kinds, "spectral")

    def velocities(self, values: npt.ArrayLike) -> Float64Array | None:
        """Values of this axis as velocities.

        Frequencies are taken in the radio convention and wavelengths in the optical one, about the
        rest frequency or wavelength of the header.

        Parameters
        ----------
        values : array-like
            In `unit`.

        Returns
        -------
        ndarray or None
            In km/s, of the same shape; None when the header does not tell.
        """
        known, given = parse_unit(self.unit), np.asarray(values, dtype=np.float64)
        if known is None or self.ctype[:4].upper() == "AWAV":
            return None
        rest = _rest(self.cards)
        convention = {"frequency": units.doppler_radio, "wavelength": units.doppler_optical}
        chosen = convention.get(self.kind)
        if self.kind != "velocity" and (rest is None or chosen is None):
            return None
        equivalencies = [] if chosen is None else chosen(rest)
        found = (given * known).to_value(units.km / units.s, equivalencies)
        return np.asarray(found, dtype=np.float64)

    @property
    def widths(self) -> Float64Array:
        """Width of every channel in the unit of the axis, above 0; `(n_channels,)` float64."""
        if len(self.values) > 1:
            exact = len(self.values) > 2
            steps = np.gradient(self.values, edge_order=2) if exact else np.diff(self.values)
            return np.asarray(np.abs(np.broadcast_to(steps, self.values.shape)))
        return np.abs([self.step if math.isfinite(self.step) else 1.0])


def spectral_axis(header: fits.Header, axis: int, length: int, path: Path) -> SpectralAxis | None:
    """Values of a spectral axis.

    They come from the WCS or, where astropy cannot compute them (such as `VOPT` without rest
    wavelength), from reference value and increment.

    Parameters
    ----------
    header : astropy.io.fits.Header
    axis : int
        Number of the axis in FITS notation, counted from 1, fastest first.
    length : int
        Number of channels.
    path : Path
        The file, named in the log.

    Returns
    -------
    SpectralAxis or None
        None when the axis is not spectral.
    """
    ctype, unit = card(header, f"CTYPE{axis}"), card(header, f"CUNIT{axis}")
    if ctype[:4].upper() not in SPECTRAL and (ctype or not _is_spectral(unit)):
        return None
    cards = cards_of(header, (axis,), (3,), SPECTRAL_CARDS)
    step = _step(cards)
    matrix = any(re.match(r"CD\d_\d", name) for name in header)
    if matrix and f"CD{axis}_{axis}" not in header and f"CDELT{axis}" in header:
        logger.warning(
            "%s: its CD matrix leaves out the spectral axis; the increment is CDELT%d, %g",
            path,
            axis,
            step,
        )
    for name in ("WCSAXES", "CDELT3", "CD3_3", "PC3_3", "CROTA3"):
        cards.remove(name, ignore_missing=True)
    values, unit = _values(cards_of(header, (axis,), (1,), SPECTRAL_CARDS), unit, length, path)
    return SpectralAxis(values, unit, ctype, step, cards)


def _is_spectral(unit: str) -> bool:
    known = parse_unit(unit)
    return known is not None and known.physical_type in ("speed", "frequency", "length", "energy")


def _rest(cards: fits.Header) -> units.Quantity | None:
    for names, unit in ((("RESTFRQ", "RESTFREQ"), units.Hz), (("RESTWAV",), units.m)):
        for name in names:
            value = number(cards, name)
            if math.isfinite(value) and value > 0.0:
                return value * unit
    return None


def _step(cards: fits.Header, axis: int = 3) -> float:
    step = number(cards, f"CD{axis}_{axis}")
    if math.isfinite(step):
        return step
    scale = number(cards, f"PC{axis}_{axis}")
    step = number(cards, f"CDELT{axis}")
    return step * scale if math.isfinite(scale) else step


def _values(cards: fits.Header, unit: str, length: int, path: Path) -> tuple[Float64Array, str]:
    pixels = np.arange(length, dtype=np.float64)
    try:
        wcs = WCS(cards)
        si = units.Unit(wcs.wcs.cunit[0])
        wanted = parse_unit(unit) or si
        values = np.asarray(wcs.all_pix2world(pixels, 0)[0]) * si.to(wanted)
        if np.all(np.isfinite(values)):
            return values, unit or si.to_string("fits")
    except Exception as error:
        logger.warning(
            "%s: its spectral axis is odd and taken as linear: %s",
            path,
            " ".join(str(error).split()),
        )
    return _linear(cards, pixels), unit


def _linear(cards: fits.Header, pixels: Float64Array) -> Float64Array:
    first, reference, step = number(cards, "CRVAL1"), number(cards, "CRPIX1"), _step(cards, 1)
    # Defaults of the FITS standard.
    first = first if math.isfinite(first) else 0.0
    reference = reference if math.isfinite(reference) else 0.0
    step = step if math.isfinite(step) else 1.0
    return first + (pixels + 1.0 - reference) * step
