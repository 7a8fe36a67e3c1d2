"""Parts of every reader of FITS files: errors, extensions, header cards and the beam."""

from __future__ import annotations

import logging
import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from astropy.io import fits

from data_adapters.adapter import reason_of
from equiclust.exceptions import UnreadableFileError
from equiclust.images import Beam

__all__ = [
    "CHANNEL_AXIS",
    "beam_of",
    "card",
    "chosen_hdu",
    "long_axes",
    "number",
    "quietly",
    "reason",
]

logger = logging.getLogger(__name__)

CHANNEL_AXIS = "COLOUR"
"""`CTYPE3` of a cube whose planes are channels of one image; only `write_fits` uses it."""


_NUMBER = r"\s*=?\s*([-+.\dED]+)"
_AIPS_BEAM = re.compile(rf"BMAJ{_NUMBER}\s+BMIN{_NUMBER}\s+BPA{_NUMBER}")


@contextmanager
def quietly(path: Path) -> Iterator[None]:
    """Log the warnings of a block at level DEBUG, as odd headers are common.

    Parameters
    ----------
    path : Path
        The file, named in the log.

    Yields
    ------
    None
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            for warning in caught:
                logger.debug("%s: %s", path, " ".join(str(warning.message).split()))


def reason(path: Path, error: BaseException) -> str:
    """Why a FITS file cannot be read, in one phrase for the user.

    Parameters
    ----------
    path : Path
        The file.
    error : BaseException
        What astropy raised while it read the file.

    Returns
    -------
    str
        Without the path, such as ``it is not a FITS file``.
    """
    # astropy says so of text and of empty files alike.
    if "SIMPLE" in str(error) and path.stat().st_size > 0:
        return "it is not a FITS file"
    return reason_of(path, error)


def chosen_hdu(hdus: fits.HDUList, part: str, path: Path) -> Any:
    """Extension that `part` names, or the first with an image of two axes.

    Parameters
    ----------
    hdus : astropy.io.fits.HDUList
    part : str
        Number or name of an extension, or name and version as in ``SCI,2``; empty for the first.
    path : Path
        The file, named in messages.

    Returns
    -------
    astropy HDU
        Of an image with at least two axes longer than one pixel.

    Raises
    ------
    UnreadableFileError
        When there is no such extension, or it is no such image.
    """
    if part:
        return _named(hdus, part, path)
    for hdu in hdus:
        if hdu.is_image and len(long_axes(hdu)) >= 2 and 0 not in hdu.shape:
            return hdu
    listed = ", ".join(_described(hdu) for hdu in hdus)
    raise UnreadableFileError(f"{path}: it holds no image of two axes, only {listed}")


def _named(hdus: fits.HDUList, part: str, path: Path) -> Any:
    name, _, version = part.partition(",")
    key: Any = int(name) if name.strip().isdigit() else name.strip()
    if version.strip().isdigit():
        key = (key, int(version))
    try:
        hdu = hdus[key]
    except (KeyError, IndexError) as error:
        listed = ", ".join(_described(hdu) for hdu in hdus)
        raise UnreadableFileError(f"{path}: it has no extension {part!r}, only {listed}") from error
    if not hdu.is_image or len(long_axes(hdu)) < 2 or 0 in hdu.shape:
        raise UnreadableFileError(
            f"{path}: extension {part!r} is no image of two axes but {_described(hdu)}"
        )
    return hdu


def long_axes(hdu: Any) -> tuple[int, ...]:
    """Axes of the array that are longer than one pixel.

    Parameters
    ----------
    hdu : astropy HDU

    Returns
    -------
    tuple of int
        Counted from 0, slowest first, as in `hdu.shape`.
    """
    return tuple(axis for axis, length in enumerate(hdu.shape) if length > 1)


def _described(hdu: Any) -> str:
    name = hdu.name or "an unnamed extension"
    if not hdu.is_image:
        return f"{name} (a table)" if hasattr(hdu, "columns") else f"{name} (no image)"
    return f"{name} (shape {hdu.shape})" if hdu.shape else f"{name} (empty)"


def card(header: fits.Header, name: str) -> str:
    """Text of a header card.

    Parameters
    ----------
    header : astropy.io.fits.Header
    name : str
        Keyword.

    Returns
    -------
    str
        Without surrounding blanks; empty when the card is missing or cannot be parsed.
    """
    try:
        return str(header.get(name, "")).strip()
    except (fits.VerifyError, ValueError):
        return ""


def beam_of(header: fits.Header) -> Beam | None:
    """Beam of the cards `BMAJ`, `BMIN` and `BPA`, or of the last `HISTORY` by CLEAN of AIPS.

    Parameters
    ----------
    header : astropy.io.fits.Header

    Returns
    -------
    Beam or None
        In degrees; None without a positive `BMAJ`. `BMIN` is `BMAJ`, and `BPA` 0, when missing.
    """
    numbers = [number(header, name) for name in ("BMAJ", "BMIN", "BPA")]
    if not math.isfinite(numbers[0]):
        numbers = _beam_of_aips(header) or numbers
    major, minor, angle = numbers
    if not 0.0 < major < math.inf:
        return None
    return Beam(major, minor if minor > 0 else major, angle if math.isfinite(angle) else 0.0)


def _beam_of_aips(header: fits.Header) -> list[float] | None:
    try:
        lines = [str(line) for line in header.get("HISTORY", [])]
    except (fits.VerifyError, ValueError):
        return None
    found = [match for line in lines if (match := _AIPS_BEAM.search(line))]
    try:
        return [float(text.replace("D", "E")) for text in found[-1].groups()] if found else None
    except ValueError:
        return None


def number(header: fits.Header, name: str) -> float:
    """Number on a header card.

    Parameters
    ----------
    header : astropy.io.fits.Header
    name : str
        Keyword.

    Returns
    -------
    float
        NaN when the card is missing or holds no number.
    """
    try:
        return float(card(header, name))
    except ValueError:
        return math.nan
