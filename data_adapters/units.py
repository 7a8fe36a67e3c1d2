"""Units as headers spell them, in the standard's way and in others."""

from __future__ import annotations

import re
import warnings

from astropy import units

__all__ = ["is_logarithmic", "parse_unit", "unit_product"]

# Spellings of programs that write capitals only, or other names than the FITS standard's.
_WORDS = {
    **{name.lower(): name for name in ("Jy", "mJy", "uJy", "Hz", "kHz", "MHz", "GHz", "THz")},
    **{name.lower(): name for name in ("K", "mK", "km", "m", "cm", "s", "sr", "W", "erg", "deg")},
    **{name.lower(): name for name in ("arcsec", "arcmin", "rad", "beam", "pix", "eV", "keV")},
    **{name.lower(): name for name in ("ct", "adu", "electron", "Angstrom", "um", "nm", "mag")},
    "kelvin": "K",
    "kelvins": "K",
    "sec": "s",
    "second": "s",
    "seconds": "s",
    "hertz": "Hz",
    "degree": "deg",
    "degrees": "deg",
    **dict.fromkeys(("arcseconds", "arcsecond", "arcsecs", "asec"), "arcsec"),
    **dict.fromkeys(("arcminutes", "arcminute", "arcmins", "amin"), "arcmin"),
    "radians": "rad",
    "radian": "rad",
    "mas": "mas",
    "counts": "ct",
    "count": "ct",
    "cts": "ct",
    "electrons": "electron",
    "e-": "electron",
    "dn": "adu",
    "pixel": "pix",
    "pixels": "pix",
    "angstroms": "Angstrom",
    "ang": "Angstrom",
    "micron": "um",
    "microns": "um",
    "bm": "beam",
    "msun": "solMass",
    "meter": "m",
    "meters": "m",
    "jansky": "Jy",
    "mags": "mag",
    "magnitude": "mag",
    "magnitudes": "mag",
    "parsec": "pc",
    "pc": "pc",
}
_WORD = re.compile(r"[A-Za-z]+")
# From left to right, where a slash divides by the next factor alone.
_FACTOR = re.compile(
    r"\s*([/.*\s]?)\s*([A-Za-z]+(?:(?:\*\*|\^)?\(?[+-]?\d+\)?)?"
    r"|\d+(?:[.]\d+)?(?:[eE][+-]?\d+|(?:\*\*|\^)\(?[+-]?\d+\)?)?)"
)

_PRODUCT = re.compile(r"[^\s/.*][\s.*]+[^\s/.*]")
# Brightness per beam times a width; nobody divides by beam and width at once. Nor does anybody who
# writes powers below 0 behind a slash mean that it divides by them.
_PER_BEAM_TIMES = re.compile(r"/\s*(beam|bm)[\s.*]", re.IGNORECASE)
_POWER_BELOW_0 = re.compile(r"[A-Za-z](\*\*|\^)?\(?-\d")
_LOGARITHM = re.compile(
    r"(?<![a-z])((milli|m)?mag(s|nitudes?)?|(ab|st|vega)[ _]?mags?|mag[ _]?(ab|st|vega)"
    r"|dex|dbm?|decibels?|log(10|e)?|ln)(?![a-z])",
    re.IGNORECASE,
)


def parse_unit(text: str) -> units.UnitBase | None:
    """Unit that a header means.

    `Jy/beam.km/s`, as CASA writes it, is read from left to right: a unit with several slashes and a
    product behind the first, or one slash before the beam or a power below 0, is none of the
    standard's, which would divide by all that follows.
    Capitals, as in ``KM/S`` and ``MJY/SR``, and common names outside of the standard are understood
    where the text is no unit as it stands.

    Parameters
    ----------
    text : str
        Value of `BUNIT` or `CUNIT`.

    Returns
    -------
    astropy unit or None
        None for an empty text, and for one that nobody knows.
    """
    plain = text.strip()
    for spelling in (plain, _respelled(plain)):
        found = _from_left(spelling) or _parsed(spelling)
        if found is not None:
            return found
    return None


def _parsed(text: str) -> units.UnitBase | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return units.Unit(text) if text else None
    except (ValueError, TypeError):
        return None


def _from_left(text: str) -> units.UnitBase | None:
    """The unit of a text with several slashes and a product; None for every other text."""
    behind = text[text.find("/") :] if "/" in text else ""
    several = text.count("/") > 1 or _PER_BEAM_TIMES.match(behind) or _POWER_BELOW_0.search(behind)
    if not several or "(" in text or not _PRODUCT.search(behind):
        return None
    unit, place = units.dimensionless_unscaled, 0
    while place < len(text):
        found = _FACTOR.match(text, place)
        factor = None if found is None else _parsed(found[2])
        if found is None or factor is None:
            return None
        unit = unit / factor if found[1] == "/" else unit * factor
        place = found.end()
    return unit


def _respelled(text: str) -> str:
    # An M before another letter may be mega or milli: it is mega before a flux over an angle.
    if re.fullmatch(r"MJY\s*/\s*SR", text, re.IGNORECASE) and text.isupper():
        return "MJy/sr"
    if "MJY" in text:
        return text
    return _WORD.sub(_respelled_word, text)


def _respelled_word(found: re.Match[str]) -> str:
    word = found[0]
    # Capitals mean something where there are small letters too: MJy is no mJy.
    if not word.isupper() and not word.islower() and _parsed(word) is not None:
        return word
    known = _WORDS.get(word.lower(), word)
    if known in ("mJy", "mK") and word[0] == "M" and not word.isupper():
        return f"M{known[1:]}"
    return known


def is_logarithmic(text: str) -> bool:
    """Whether data in a unit are logarithms, which are not summed.

    Parameters
    ----------
    text : str
        Value of `BUNIT`.

    Returns
    -------
    bool
        True for magnitudes, dex, decibels and what is written as a logarithm.
    """
    # Units such as mag(AB) have no bases.
    bases = getattr(parse_unit(text), "bases", [])
    return _LOGARITHM.search(text) is not None or any(
        base in (units.mag, units.dex, units.dB) for base in bases
    )


def unit_product(first: str, second: str) -> str:
    """Both units side by side, or as FITS writes them where that would be read as a quotient.

    Parameters
    ----------
    first, second : str
        As in a header. Units that nobody knows are kept as text.

    Returns
    -------
    str
    """
    both = f"{first.strip()} {second.strip()}".strip()
    known = [parse_unit(text) if text.strip() else units.dimensionless_unscaled
             for text in (first, second)]  # fmt: skip
    if known[0] is None or known[1] is None:
        return both
    product = known[0] * known[1]
    # A second slash is read in two ways, which the standard therefore discourages.
    clear = both.count("/") < 2 and _parsed(both) == product
    if clear:
        return both
    try:
        return str(product.to_string("fits"))
    except ValueError:
        # Electrons and others are none of the standard's.
        return str(product.to_string())
