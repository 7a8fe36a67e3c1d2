"""What the header of a stamp of `equiclust cutouts` says, read once for all stamps of an image."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from astropy.io import fits
from astropy.wcs import WCS

from data_adapters.fits_headers import beam_of, card, errors_named
from data_adapters.sky.beams import plausible_beam
from equiclust.images import Beam

__all__ = ["STAMPS", "StampFacts", "cards_of_bytes", "stamp_facts", "values_of_cards"]

STAMPS = "equiclust cutouts"
"""`ORIGIN` of the files that the command writes."""

# Cards that differ among stamps of one image.
_OWN = (b"CRPIX1", b"CRPIX2", b"OBJECT", b"SRCROW", b"RA_SRC", b"DEC_SRC", b"EXTVER")
_CARD = 80


class StampFacts(NamedTuple):
    """What is known of a stamp besides its pixels.

    Attributes
    ----------
    wcs : astropy.wcs.WCS or None
        Two celestial axes.
    unit : str
        In FITS notation; empty when unknown.
    beam : Beam or None
    """

    wcs: WCS | None
    unit: str
    beam: Beam | None


def stamp_facts(
    content: bytes, shape: tuple[int, int], crpix: tuple[float, float], path: Path
) -> StampFacts:
    """What a header says; those of stamps of one image are understood once.

    Parameters
    ----------
    content : bytes
        Cards of 80 bytes each: those of the two celestial axes, unit and beam.
    shape : (int, int)
        Height and width of the stamp in pixels.
    crpix : (float, float)
        `CRPIX1` and `CRPIX2` of the stamp.
    path : Path
        The file, named in messages.

    Returns
    -------
    StampFacts

    Raises
    ------
    UnreadableFileError
        When its coordinates cannot be understood.
    """
    shared = [one for one in cards_of_bytes(content) if one[:8].rstrip() not in _OWN]
    with errors_named(path):
        known = _understood(b"".join(shared), shape)
    if known.wcs is None:
        return known
    wcs = known.wcs.deepcopy()
    wcs.wcs.crpix = crpix
    if wcs.sip is not None:
        wcs.sip.crpix[:] = crpix
    return known._replace(wcs=wcs)


def cards_of_bytes(content: bytes) -> list[bytes]:
    """Cards of a header.

    Parameters
    ----------
    content : bytes

    Returns
    -------
    list of bytes
        Of 80 bytes each, until `END`.
    """
    cards = [content[at : at + _CARD] for at in range(0, len(content), _CARD)]
    end = next((k for k, one in enumerate(cards) if one.rstrip() == b"END"), len(cards))
    return cards[:end]


def values_of_cards(cards: list[bytes]) -> dict[str, str]:
    """Values of cards as they are written, without quotes and comments.

    Parameters
    ----------
    cards : list of bytes

    Returns
    -------
    dict of str to str
        By keyword.
    """
    found = {}
    for one in cards:
        text = one.decode("latin-1")
        value = text[10:]
        quoted = value.lstrip().startswith("'")
        value = value.split("'")[1] if quoted else value.partition("/")[0]
        found[text[:8].rstrip()] = value.strip()
    return found


@lru_cache(maxsize=256)
def _understood(cards: bytes, shape: tuple[int, int]) -> StampFacts:
    """What cards without a place of reference say."""
    header = fits.Header.fromstring(cards)
    for name in ("NAXIS3", "CTYPE3", "CD3_3"):
        header.remove(name, ignore_missing=True)
    header["NAXIS"] = header["WCSAXES"] = 2
    wcs = None
    if card(header, "CTYPE1"):
        # SIP needs a place of reference, whichever it is.
        header["CRPIX1"] = header["CRPIX2"] = 0.0
        wcs = WCS(header)
        wcs = wcs if wcs.has_celestial else None
    beam = plausible_beam(beam_of(header), wcs, (1, *shape), Path("a stamp"))
    return StampFacts(wcs, card(header, "BUNIT"), beam)
