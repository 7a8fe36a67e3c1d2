"""Header cards of some axes alone, under other numbers and otherwise as they were written."""

from __future__ import annotations

import contextlib
import math
import re

from astropy import units
from astropy.io import fits

from data_adapters.fits_headers import card, number
from data_adapters.units import parse_unit

__all__ = ["MATRIX_CARD", "SKY_CARDS", "SPECTRAL_CARDS", "cards_of", "not_number"]

AXIS_CARD = re.compile(r"(CTYPE|CRVAL|CRPIX|CDELT|CUNIT|CROTA|CNAME|CRDER|CSYER)(\d)()")
PARAMETER_CARD = re.compile(r"(PV|PS)(\d)(_\d+)")
MATRIX_CARD = re.compile(r"(PC|CD)(\d)_(\d)|(PC)00(\d)00(\d)")
_NUMERIC_CARD = re.compile(
    r"(CRVAL|CRPIX|CDELT|CROTA)\d|PV\d_\d+|LONPOLE|LATPOLE|" + MATRIX_CARD.pattern
)
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


def not_number(header: fits.Header) -> str:
    """A card of reference, increment, matrix or projection that holds no finite number.

    Parameters
    ----------
    header : astropy.io.fits.Header

    Returns
    -------
    str
        Its name and value, such as ``CRVAL1 = 'abc'``; empty when there is none.
    """
    for name in header:
        known = math.isfinite(number(header, name)) and not isinstance(header[name], str)
        if _NUMERIC_CARD.fullmatch(name) and not known:
            return f"{name} = {card(header, name)!r}"
    return ""


def cards_of(
    header: fits.Header,
    numbers: tuple[int, ...],
    new: tuple[int, ...],
    shared: frozenset[str],
    *,
    distortion: bool = False,
) -> fits.Header:
    """Cards of some axes under new numbers, and others, each as it was written.

    Parameters
    ----------
    header : astropy.io.fits.Header
    numbers : tuple of int
        Axes in FITS notation, counted from 1, fastest first.
    new : tuple of int
        Their new numbers.
    shared : frozenset of str
        Names of cards that belong to no axis and are kept.
    distortion : bool, default False
        Keep the polynomials of SIP and of the Digitized Sky Survey; they are for the first two axes
        and left out of others.

    Returns
    -------
    astropy.io.fits.Header
        With `WCSAXES`; units are spelled as the standard does.
    """
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
        if isinstance(value, float) and copied.value != value:
            # In memory it may have more digits than a card has room for.
            copied = fits.Card(name, value)
        return copied if copied.keyword == name and copied.value == value else None
    except (fits.VerifyError, ValueError):
        return None
