"""Parts of every reader of FITS files: errors, header cards and the beam."""

from __future__ import annotations

import logging
import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from astropy.io import fits
from astropy.io.fits.card import Undefined

from data_adapters.adapter import reason_of
from equiclust.exceptions import MissingPackageError, UnreadableFileError
from equiclust.images import Beam

__all__ = [
    "CHANNEL_AXIS",
    "beam_of",
    "card",
    "errors_named",
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
    """Log warnings, and what astropy logs by itself, at level DEBUG, as odd headers are common.

    Parameters
    ----------
    path : Path
        The file, named in the log.

    Yields
    ------
    None
    """

    def passed_on(record: logging.LogRecord) -> bool:
        logger.debug("%s: %s", path, " ".join(record.getMessage().split()))
        return False

    # astropy's logger has a handler of its own, which writes to standard error.
    of_astropy = logging.getLogger("astropy")
    of_astropy.addFilter(passed_on)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            of_astropy.removeFilter(passed_on)
            for warning in caught:
                logger.debug("%s: %s", path, " ".join(str(warning.message).split()))


@contextmanager
def errors_named(path: Path) -> Iterator[None]:
    """Turn whatever fails in a block into an error of one sentence, and log warnings at DEBUG.

    Parameters
    ----------
    path : Path
        The file that is read.

    Yields
    ------
    None

    Raises
    ------
    UnreadableFileError
        When the block fails in any way, as a damaged file can make a library do.
    """
    try:
        with quietly(path):
            yield
    except (UnreadableFileError, MissingPackageError):
        raise
    except Exception as error:
        raise UnreadableFileError(f"{path}: {reason(path, error)}") from error


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
    if "SIMPLE" in str(error) and path.exists() and path.stat().st_size > 0:
        return "it is not a FITS file"
    return reason_of(path, error)


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
        Without surrounding blanks; empty when the card is missing, has no value or cannot be
        parsed.
    """
    try:
        value = header.get(name)
    except (fits.VerifyError, ValueError):
        return ""
    return "" if value is None or isinstance(value, Undefined) else str(value).strip()


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
