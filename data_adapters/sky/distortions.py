"""Distortions that a header describes, and which of them astropy cannot apply."""

from __future__ import annotations

import re
from collections.abc import Iterator

from astropy.io import fits
from astropy.wcs import WCS

from data_adapters.fits_headers import card, number

__all__ = ["distortion_not_applied", "with_sip_named"]

_TERM = re.compile(r"([AB])_(\d)_(\d)")
_KIND = re.compile(r"(C[PQ]DIS|D2IMDIS)(\d+)")
# Terms and tables, such as `DP1.EXTVER`, and the older `D2IMARR`.
_TERMS = re.compile(r"(D[PQ]\d+|D2IM\d+)([.].*)?|AXISCORR|D2IMEXT|D2IMARR")
_IRAF = ("TNX", "ZPX")
_IRAF_TERMS = re.compile(r"WAT\d_\d+")


def with_sip_named(header: fits.Header) -> fits.Header:
    """The header with ``-SIP`` behind both projections, where it has polynomials of SIP.

    astropy applies them in any case, and says at length, whenever it reads or writes such a header,
    that the suffix is missing.

    Parameters
    ----------
    header : astropy.io.fits.Header

    Returns
    -------
    astropy.io.fits.Header
        The same, or a copy.
    """
    plain = [
        name for name in ("CTYPE1", "CTYPE2") if re.fullmatch(r"[^-]+-+...", card(header, name))
    ]
    if len(plain) < 2 or not {"A_ORDER", "B_ORDER"} <= set(header):
        return header
    if min(number(header, "A_ORDER"), number(header, "B_ORDER")) < 2.0:
        return header
    header = header.copy()
    for name in plain:
        header[name] = f"{card(header, name)}-SIP"
    return header


def distortion_not_applied(header: fits.Header, numbers: tuple[int, int], wcs: WCS) -> str:
    """Distortions of a header that its coordinates lack.

    Parameters
    ----------
    header : astropy.io.fits.Header
        The whole header.
    numbers : (int, int)
        Its celestial axes in FITS notation, counted from 1.
    wcs : astropy.wcs.WCS
        What was made of it.

    Returns
    -------
    str
        Such as ``TNX, CPDIS1``; empty when all are applied.
    """
    by_wcslib = _by_wcslib(wcs)
    lost = [
        *_codes(header, numbers, wcs, iraf="CQDIS" in {name[:5] for name in by_wcslib}),
        *_sip(header, wcs),
        *_tables(header, wcs, by_wcslib),
    ]
    return ", ".join(dict.fromkeys(lost))


def _by_wcslib(wcs: WCS) -> set[str]:
    """Cards such as `CQDIS1` that wcslib writes of what it applies."""
    try:
        written = wcs.to_header(relax=True)
    # What cannot be written may be of any kind, and is none of these.
    except Exception:
        return set()
    return {name for name in written if _KIND.fullmatch(name)}


def _codes(header: fits.Header, numbers: tuple[int, int], wcs: WCS, *, iraf: bool) -> Iterator[str]:
    """Codes in `CTYPE`, such as TNX of RA---TNX and SIP of RA---TAN-SIP."""
    for axis in numbers:
        ctype = card(header, f"CTYPE{axis}").upper()
        known = {"": True, "-SIP": wcs.sip is not None}
        if ctype[5:8] in _IRAF and not iraf:
            yield ctype[5:8]
        if not known.get(ctype[8:], iraf):
            yield ctype[9:]
    terms = " ".join(card(header, name) for name in header if _IRAF_TERMS.fullmatch(name))
    if re.search(r"(lng|lat)cor", terms) and not iraf:
        yield "WAT1_001"


def _sip(header: fits.Header, wcs: WCS) -> Iterator[str]:
    """Polynomials of SIP without terms, without order, or with terms beyond it."""
    for letter in "AB":
        terms = [
            found for name in header if (found := _TERM.fullmatch(name)) and found[1] == letter
        ]
        used = [term for term in terms if number(header, term[0]) != 0.0]
        degree = max((int(term[2]) + int(term[3]) for term in used), default=-1)
        order = number(header, f"{letter}_ORDER")
        if degree >= 0 and (wcs.sip is None or degree > order):
            yield f"terms {letter}_i_j of SIP"
        elif order > 0.0 and not terms:
            yield f"{letter}_ORDER of SIP without terms"


def _tables(header: fits.Header, wcs: WCS, by_wcslib: set[str]) -> Iterator[str]:
    """Distortions by lookup tables or functions of Paper IV of the WCS series."""
    tables = {
        "CPDIS": (wcs.cpdis1, wcs.cpdis2),
        "D2IMDIS": (wcs.det2im1, wcs.det2im2),
        "CQDIS": (None, None),
    }
    named = False
    for name in header:
        if found := _KIND.fullmatch(name):
            named = True
            applied = dict(enumerate(tables[found[1]], start=1)).get(int(found[2]))
            if applied is None and name not in by_wcslib:
                yield f"{name} = {card(header, name)!r}"
    applied_any = any(table is not None for pair in tables.values() for table in pair)
    if not named and not applied_any:
        yield from (name.partition(".")[0] for name in header if _TERMS.fullmatch(name))
