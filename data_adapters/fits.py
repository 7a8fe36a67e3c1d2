"""FITS images: any extension, compressed or not, with mask, unit, beam and coordinates."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from data_adapters.damage import reason_of
from data_adapters.registry import known_suffix
from equiclust.exceptions import UnreadableFileError
from equiclust.images import Beam, Image

__all__ = ["CHANNEL_AXIS", "FitsAdapter"]

logger = logging.getLogger(__name__)

# CTYPE3 of a cube whose planes are channels of one image; only `write_fits` uses it.
CHANNEL_AXIS = "COLOUR"


class FitsAdapter:
    """Reads one image from a FITS file.

    The first extension with an image of two axes longer than one pixel is taken, or that in
    brackets behind the name: ``file.fits[1]``, ``file.fits[SCI]``, ``file.fits[SCI,2]``. Axes of
    one pixel are dropped. NaN, infinities and `BLANK` are masked, `BSCALE` and `BZERO` applied.
    """

    suffixes = tuple(
        stem + packed for stem in (".fits", ".fit", ".fts") for packed in ("", ".gz", ".bz2", ".fz")
    )

    def read(self, path: Path, part: str = "") -> tuple[Image, ...]:
        """The image of a file; see `data_adapters.adapter.Adapter.read`."""
        path = Path(path)
        try:
            # astropy leaves a file open that it cannot make sense of, unless it is not its own.
            with _quietly(path), path.open("rb") as file, fits.open(file, memmap=False) as hdus:
                return (_image_of(_chosen(hdus, part, path), hdus, path, part),)
        except UnreadableFileError:
            raise
        except Exception as error:
            # A damaged file can make a library fail in any way.
            raise UnreadableFileError(f"{path}: {_reason(path, error)}") from error


@contextmanager
def _quietly(path: Path) -> Iterator[None]:
    """Odd headers are what files in the wild have: worth a line in the log, not a warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            for warning in caught:
                logger.debug("%s: %s", path, " ".join(str(warning.message).split()))


def _reason(path: Path, error: BaseException) -> str:
    # astropy says so of text and of empty files alike.
    if "SIMPLE" in str(error) and path.stat().st_size > 0:
        return "it is not a FITS file"
    return reason_of(path, error)


def _chosen(hdus: fits.HDUList, part: str, path: Path) -> Any:
    if part:
        return _named(hdus, part, path)
    for hdu in hdus:
        if hdu.is_image and len(_long_axes(hdu)) >= 2 and 0 not in hdu.shape:
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
    if not hdu.is_image or len(_long_axes(hdu)) < 2 or 0 in hdu.shape:
        raise UnreadableFileError(
            f"{path}: extension {part!r} is no image of two axes but {_described(hdu)}"
        )
    return hdu


def _long_axes(hdu: Any) -> tuple[int, ...]:
    return tuple(axis for axis, length in enumerate(hdu.shape) if length > 1)


def _described(hdu: Any) -> str:
    name = hdu.name or "an unnamed extension"
    if not hdu.is_image:
        return f"{name} (a table)" if hasattr(hdu, "columns") else f"{name} (no image)"
    return f"{name} (shape {hdu.shape})" if hdu.shape else f"{name} (empty)"


def _image_of(hdu: Any, hdus: fits.HDUList, path: Path, part: str) -> Image:
    axes = _long_axes(hdu)
    is_colour = len(axes) == 3 and _card(hdu.header, f"CTYPE{hdu.data.ndim}") == CHANNEL_AXIS
    if len(axes) > 2 and not is_colour:
        raise UnreadableFileError(
            f"{path}: it holds a cube of shape {hdu.shape}; make an image of it first, one plane "
            "or a moment map"
        )
    values = np.asarray(hdu.data).reshape([hdu.shape[axis] for axis in axes])
    stem = path.name[: -len(known_suffix(path, FitsAdapter.suffixes)) or None]
    # What float32 cannot hold becomes infinite, and what is infinite is masked.
    with np.errstate(over="ignore", invalid="ignore"):
        return Image.from_values(
            values,
            f"{stem}[{part}]" if part else stem,
            path=f"{path}[{part}]" if part else str(path),
            wcs=_celestial(hdu, hdus, axes[-2:], path),
            unit=_card(hdu.header, "BUNIT"),
            beam=_beam(hdu.header),
        )


def _celestial(hdu: Any, hdus: fits.HDUList, axes: tuple[int, ...], path: Path) -> WCS | None:
    # FITS counts axes from 1 and backwards.
    numbers = [len(hdu.shape) - axis for axis in reversed(axes)]
    # Headers are wrong in more ways than can be named, and none of them is worth an image.
    try:
        wcs = WCS(hdu.header, fobj=hdus).sub(numbers)
        return wcs if wcs.has_celestial else None
    except Exception as error:
        logger.info("%s: its coordinates cannot be used: %s", path, " ".join(str(error).split()))
        return None


def _card(header: fits.Header, name: str) -> str:
    try:
        return str(header.get(name, "")).strip()
    except (fits.VerifyError, ValueError):
        return ""


def _beam(header: fits.Header) -> Beam | None:
    major = _number(header, "BMAJ")
    if not major > 0:
        return None
    minor, angle = _number(header, "BMIN"), _number(header, "BPA")
    return Beam(major, minor if minor > 0 else major, angle if math.isfinite(angle) else 0.0)


def _number(header: fits.Header, name: str) -> float:
    try:
        return float(_card(header, name))
    except ValueError:
        return math.nan
