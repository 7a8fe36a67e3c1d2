"""Headers of maps and cubes: the celestial axes with their cards, and the spectral axis."""

from __future__ import annotations

import contextlib
import logging
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy import units
from astropy.io import fits
from astropy.wcs import WCS

from data_adapters.fits_headers import card, number
from data_adapters.sky.axes import SPECTRAL, MapAxes
from data_adapters.sky.frames import with_known_frame
from data_adapters.units import parse_unit
from equiclust.typing import Float64Array

__all__ = ["SpectralAxis", "sky_header", "spectral_axis"]

logger = logging.getLogger(__name__)

AXIS_CARD = re.compile(r"(CTYPE|CRVAL|CRPIX|CDELT|CUNIT|CROTA|CNAME|CRDER|CSYER)(\d)()")
PARAMETER_CARD = re.compile(r"(PV|PS)(\d)(_\d+)")
LOOKUP_CARDS = ("CPDIS", "CQDIS", "D2IMDIS")
MATRIX_CARD = re.compile(r"(PC|CD)(\d)_(\d)|(PC)00(\d)00(\d)")
# Polynomials of SIP, and of the plates of the Digitized Sky Survey, which outdo its other cards.
DISTORTION_CARD = re.compile(
    r"(A|B|AP|BP)_(ORDER|DMAX|\d_\d)|AMD[XY]\d+|PPO\d|CNPIX[12]|[XY]PIXELSZ|PLTRA[HMS]|"
    r"PLTDEC(SN|[DMS])|PLTSCALE|PLATEID"
)
DATES = ("DATE-OBS", "MJD-OBS")
SKY_CARDS = frozenset(
    ("WCSNAME", "RADESYS", "RADECSYS", "EQUINOX", "EPOCH", "LONPOLE", "LATPOLE", *DATES)
)
SPECTRAL_CARDS = frozenset(
    ("RESTFRQ", "RESTFREQ", "RESTWAV", "SPECSYS", "SSYSOBS", "SSYSSRC", "VELOSYS", "VELREF", *DATES)
)
_KINDS = {
    "speed": "velocity",
    "frequency": "frequency",
    "length": "wavelength",
    "energy": "energy",
}
# Degrees by which two descriptions of one sky may differ.
TOLERANCE = 1e-10


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
    corners = _corners(hdu.shape[axes.row], hdu.shape[axes.column])
    given = with_known_frame(hdu.header, path)
    header = _cards_of(given, numbers, (1, 2), SKY_CARDS, distortion=True)
    if odd := _not_numbers(header):
        logger.warning("%s: its coordinates are left out, since %s is no number", path, odd)
        return fits.Header(), None
    own = _celestial(header, path)
    try:
        # TPV and others cannot be taken apart by wcslib, and another axis can be odd.
        wcs = WCS(given, fobj=hdus).sub(list(numbers))
        # What is taken apart may fail only where it is used.
        wcs.all_pix2world(corners, 0)
    except Exception as error:
        usable = own is not None and not _is_coupled(hdu.header, numbers)
        if not usable or any(name.startswith(LOOKUP_CARDS) for name in hdu.header):
            logger.warning("%s: its coordinates are odd: %s", path, " ".join(str(error).split()))
        return (header, own) if usable else (fits.Header(), None)
    if not wcs.has_celestial:
        return fits.Header(), None
    if own is not None and _same(own, wcs, corners):
        return header, own
    return _rewritten(wcs, corners, path), wcs


def _not_numbers(header: fits.Header) -> str:
    """A card of reference, increment or matrix that holds no finite number, if there is one."""
    for name in header:
        numeric = name[:5] in ("CRVAL", "CRPIX", "CDELT") or MATRIX_CARD.fullmatch(name)
        if numeric and not (
            math.isfinite(number(header, name)) and not isinstance(header[name], str)
        ):
            return f"{name} = {card(header, name)!r}"
    return ""


def _is_coupled(header: fits.Header, numbers: tuple[int, ...]) -> bool:
    """Whether a matrix mixes these axes with others."""
    for name in header:
        if found := MATRIX_CARD.fullmatch(name):
            i, j = (int(text) in numbers for text in found.groups() if text and text.isdigit())
            if i != j and number(header, name) != 0.0:
                return True
    return False


def _corners(height: int, width: int) -> Float64Array:
    x, y = np.meshgrid([0, width // 2, width - 1], [0, height // 2, height - 1])
    return np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float64)


def _celestial(header: fits.Header, path: Path) -> WCS | None:
    try:
        wcs = WCS(header)
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
    again = _celestial(header, path)
    if again is None or not _same(again, wcs, corners):
        lost = math.inf if again is None else 3600.0 * _apart(again, wcs, corners)
        logger.warning(
            "%s: the output cannot keep all of its coordinates, such as lookup tables; positions "
            "there are off by up to %.2g arcsec",
            path,
            lost,
        )
    return header


def _cards_of(
    header: fits.Header,
    numbers: tuple[int, ...],
    new: tuple[int, ...],
    shared: frozenset[str],
    *,
    distortion: bool = False,
) -> fits.Header:
    """Cards of some axes under new numbers, and those in `shared`, each as it was written."""
    renumbered = dict(zip(map(str, numbers), map(str, new), strict=True))
    cards = fits.Header([("WCSAXES", len(numbers))])
    for old in header.cards:
        name = _new_name(old.keyword, renumbered, shared)
        # These have no numbers of axes: they are for the first two of the file.
        if not name and distortion and numbers == (1, 2):
            name = old.keyword if DISTORTION_CARD.fullmatch(old.keyword) else ""
        copied = _copied(old, name) if name else None
        if copied is not None:
            cards.append(copied, end=True)
    for axis in new:
        _spell_unit(cards, f"CUNIT{axis}")
    return cards


def _spell_unit(cards: fits.Header, name: str) -> None:
    """Spell a unit as the standard does, where it is none as it stands: KM/S, 1/m."""
    said = card(cards, name)
    known = parse_unit(said)
    if known is None:
        return
    try:
        units.Unit(said, format="fits")
    except ValueError:
        with contextlib.suppress(ValueError):
            cards[name] = known.to_string("fits")


def _new_name(name: str, renumbered: dict[str, str], shared: frozenset[str]) -> str:
    if name in shared:
        return name
    if found := AXIS_CARD.fullmatch(name) or PARAMETER_CARD.fullmatch(name):
        stem, axis, rest = found.groups()
        return f"{stem}{renumbered[axis]}{rest}" if axis in renumbered else ""
    if found := MATRIX_CARD.fullmatch(name):
        stem, i, j = (text for text in found.groups() if text)
        if i in renumbered and j in renumbered:
            return f"{stem}{renumbered[i]}_{renumbered[j]}"
    return ""


def _copied(old: fits.Card, name: str) -> fits.Card | None:
    """The text of a card under another name: no digit of a number is lost."""
    try:
        value = old.value
        copied = fits.Card.fromstring(f"{name:8}{old.image[8:80]}")
        try:
            copied.verify("exception")
        except fits.VerifyError:
            copied = fits.Card(name, value)
        return copied if copied.keyword == name and copied.value == value else None
    except (fits.VerifyError, ValueError):
        return None


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
    cards = _cards_of(header, (axis,), (3,), SPECTRAL_CARDS)
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
    values, unit = _values(_cards_of(header, (axis,), (1,), SPECTRAL_CARDS), unit, length, path)
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
