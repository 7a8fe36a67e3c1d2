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
from data_adapters.sky.cards import MATRIX_CARD, SPECTRAL_CARDS, cards_of, not_number
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
        Cards of this axis as the third, without increment, and those of its rest frame; empty for
        values that no header can hold, those of a table.

    Examples
    --------
    >>> from data_adapters.sky import open_sky_map
    >>> from equiclust.simulation import write_cloud_cube
    >>> truth = write_cloud_cube("cube.fits", (5, 32, 32), channel_width=0.5, random_state=0)
    >>> axis = open_sky_map("cube.fits").spectral
    >>> axis.kind, axis.unit, axis.values
    ('velocity', 'km/s', array([7. , 7.5, 8. , 8.5, 9. ]))
    >>> axis.widths
    array([0.5, 0.5, 0.5, 0.5, 0.5])
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
        if len(self.values) == 1:
            return np.abs([self.step if math.isfinite(self.step) else 1.0])
        steps = np.abs(np.diff(self.values))
        ends = [_end_width(steps), _end_width(steps[::-1])]
        return np.concatenate([ends[:1], (steps[:-1] + steps[1:]) / 2.0, ends[1:]])


def _end_width(steps: Float64Array) -> float:
    """Width of the first channel, to second order where the channels are even enough for it."""
    first, second = steps[0], steps[min(1, len(steps) - 1)]
    is_even = 0.5 * first < second < 2.0 * first
    return float(1.5 * first - 0.5 * second if is_even else first)


class _UnknownValuesError(ValueError):
    """Why the values of an axis cannot be known, in one phrase."""


def spectral_axis(
    header: fits.Header,
    axis: int,
    length: int,
    path: Path,
    hdus: fits.HDUList | None = None,
) -> SpectralAxis | None:
    """Values of a spectral axis.

    They come from the WCS or, where astropy cannot compute them (such as `VOPT` without rest
    wavelength), from reference value and increment. What cannot be known is left out and said: an
    axis with a text for a number, one that depends on the place on the sky, a table (`WAVE-TAB`)
    that is not there or in another unit, and values that do not rise or fall throughout.

    Parameters
    ----------
    header : astropy.io.fits.Header
    axis : int
        Number of the axis in FITS notation, counted from 1, fastest first.
    length : int
        Number of channels.
    path : Path
        The file, named in the log.
    hdus : astropy.io.fits.HDUList, optional
        The file, for an axis whose values stand in a table.

    Returns
    -------
    SpectralAxis or None
        None when the axis is not spectral, or its values cannot be known.
    """
    ctype, unit = card(header, f"CTYPE{axis}"), card(header, f"CUNIT{axis}")
    if ctype[:4].upper() not in SPECTRAL and (ctype or not _is_spectral(unit)):
        return None
    try:
        values, unit, exact = _known_values(header, axis, length, path, hdus)
    except _UnknownValuesError as error:
        logger.warning(
            "%s: the values of its spectral axis are left out and channels counted, since %s",
            path,
            error,
        )
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
    return SpectralAxis(values, unit, ctype, step, _kept(cards, unit, exact=exact))


def _known_values(
    header: fits.Header, axis: int, length: int, path: Path, hdus: fits.HDUList | None
) -> tuple[Float64Array, str, bool]:
    """Values, their unit, and whether they are what the header says and no assumption."""
    if odd := not_number(cards_of(header, (axis,), (axis,), frozenset())):
        raise _UnknownValuesError(f"{odd} is no number")
    if _is_turned(header, axis):
        raise _UnknownValuesError("they depend on the place on the sky")
    cards, unit = cards_of(header, (axis,), (1,), SPECTRAL_CARDS), card(header, f"CUNIT{axis}")
    if length > 1 and _step(cards, 1) == 0.0:
        raise _UnknownValuesError("their increment is 0")
    if _is_table(cards, 1):
        values, unit = _of_table(cards, unit, length, hdus)
        exact = True
    else:
        values, unit, exact = _values(cards, unit, length, path)
    if not np.all(np.isfinite(values)):
        raise _UnknownValuesError("some of them cannot be computed")
    steps = np.diff(values)
    if not (np.all(steps > 0.0) or np.all(steps < 0.0)):
        raise _UnknownValuesError("they do not rise or fall from channel to channel")
    return values, unit, exact


def _is_turned(header: fits.Header, axis: int) -> bool:
    """Whether a matrix lets the values change within an image by a hundredth of a channel."""
    own, others = 1.0, 0.0
    for name in header:
        found = MATRIX_CARD.fullmatch(name)
        row, column = (
            [int(text) for text in found.groups() if text and text.isdigit()] if found else (0, 0)
        )
        value = number(header, name)
        if row != axis or not math.isfinite(value):
            continue
        if column == axis:
            own = value
        else:
            others += abs(value) * max(number(header, f"NAXIS{column}"), 1.0)
    return others > 0.01 * abs(own)


def _is_table(cards: fits.Header, axis: int) -> bool:
    return card(cards, f"CTYPE{axis}").upper()[4:] == "-TAB"


def _kept(cards: fits.Header, unit: str, *, exact: bool) -> fits.Header:
    """The cards of the third axis that may stand in other files."""
    for name in ("WCSAXES", "CDELT3", "CD3_3", "PC3_3", "CROTA3"):
        cards.remove(name, ignore_missing=True)
    if _is_table(cards, 3):
        # The table stays in its file, and without it nobody can read the other axes either.
        return fits.Header()
    if not exact:
        # Without their type, wavelengths in air would be taken for those in vacuum.
        rest = "|RESTFRQ|RESTFREQ|RESTWAV" if card(cards, "CTYPE3").startswith("AWAV") else ""
        # A type that astropy cannot compute would cost the other axes too.
        for name in [name for name in cards if re.fullmatch(rf"CTYPE3|P[SV]3_\d+{rest}", name)]:
            del cards[name]
        if parse_unit(unit) is None:
            cards.remove("CUNIT3", ignore_missing=True)
    return cards


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


def _values(
    cards: fits.Header, unit: str, length: int, path: Path
) -> tuple[Float64Array, str, bool]:
    pixels = np.arange(length, dtype=np.float64)
    try:
        wcs = WCS(cards)
        si = units.Unit(wcs.wcs.cunit[0])
        wanted = parse_unit(unit) or si
        values = np.asarray(wcs.all_pix2world(pixels, 0)[0]) * si.to(wanted)
    except Exception as error:
        logger.warning(
            "%s: its spectral axis is odd and taken as linear: %s",
            path,
            " ".join(str(error).split()),
        )
        return _linear(cards, pixels), unit, False
    return values, unit or si.to_string("fits"), True


def _of_table(
    cards: fits.Header, unit: str, length: int, hdus: fits.HDUList | None
) -> tuple[Float64Array, str]:
    """Values of an axis such as `WAVE-TAB`, in the unit of their table."""
    if hdus is None:
        raise _UnknownValuesError("their table is in another file")
    try:
        wcs = WCS(cards, fobj=hdus)
        values = np.asarray(wcs.all_pix2world(np.arange(length, dtype=np.float64), 0)[0])
        version = number(cards, "PV1_1")
        table = hdus[card(cards, "PS1_0"), int(version) if math.isfinite(version) else 1]
        stated = str(table.columns[card(cards, "PS1_1")].unit or "").strip()
    except Exception as error:
        reason = " ".join(str(error).split())
        raise _UnknownValuesError(f"their table cannot be used ({reason})") from error
    if unit and stated and parse_unit(unit) != parse_unit(stated):
        raise _UnknownValuesError(f"they are in {unit} by the header and in {stated} by the table")
    return values, unit or stated


def _linear(cards: fits.Header, pixels: Float64Array) -> Float64Array:
    first, reference, step = number(cards, "CRVAL1"), number(cards, "CRPIX1"), _step(cards, 1)
    # Defaults of the FITS standard.
    first = first if math.isfinite(first) else 0.0
    reference = reference if math.isfinite(reference) else 0.0
    step = step if math.isfinite(step) else 1.0
    return first + (pixels + 1.0 - reference) * step
