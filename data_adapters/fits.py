"""FITS images: any extension, compressed or not, with mask, unit, beam and coordinates."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from data_adapters.fits_headers import beam_of, card, chosen_hdu, long_axes, quietly, reason
from data_adapters.registry import known_suffix
from equiclust.exceptions import UnreadableFileError
from equiclust.images import Image

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
        """The image of a file.

        Parameters
        ----------
        path : Path
            The file.
        part : str, default ""
            Name or number of an extension, as in ``file.fits[SCI]``; by default the first image.

        Returns
        -------
        tuple of Image
            The first row of pixels is the lowest one.

        Raises
        ------
        UnreadableFileError
            When the file cannot be read; the message is one sentence.
        """
        path = Path(path)
        try:
            # astropy leaves a file open that it cannot make sense of, unless it is not its own.
            with quietly(path), path.open("rb") as file, fits.open(file, memmap=False) as hdus:
                return (_image_of(chosen_hdu(hdus, part, path), hdus, path, part),)
        except UnreadableFileError:
            raise
        except Exception as error:
            # A damaged file can make a library fail in any way.
            raise UnreadableFileError(f"{path}: {reason(path, error)}") from error


def _image_of(hdu: Any, hdus: fits.HDUList, path: Path, part: str) -> Image:
    axes = long_axes(hdu)
    is_colour = len(axes) == 3 and card(hdu.header, f"CTYPE{hdu.data.ndim}") == CHANNEL_AXIS
    if len(axes) > 2 and not is_colour:
        raise UnreadableFileError(
            f"{path}: it holds a cube of shape {hdu.shape}; make an image of it first, one plane "
            "or a moment map"
        )
    values = np.asarray(hdu.data).reshape([hdu.shape[axis] for axis in axes])
    stem = path.name[: -len(known_suffix(path, FitsAdapter.suffixes)) or None]
    # Values beyond the range of float32 become infinite, and infinite values are masked.
    with np.errstate(over="ignore", invalid="ignore"):
        return Image.from_values(
            values,
            f"{stem}[{part}]" if part else stem,
            path=f"{path}[{part}]" if part else str(path),
            wcs=_celestial(hdu, hdus, axes[-2:], path),
            unit=card(hdu.header, "BUNIT"),
            beam=beam_of(hdu.header),
        )


def _celestial(hdu: Any, hdus: fits.HDUList, axes: tuple[int, ...], path: Path) -> WCS | None:
    # FITS counts axes from 1 and backwards.
    numbers = [len(hdu.shape) - axis for axis in reversed(axes)]
    # Headers can be wrong in any way, and the pixels are good without coordinates.
    try:
        wcs = WCS(hdu.header, fobj=hdus).sub(numbers)
        return wcs if wcs.has_celestial else None
    except Exception as error:
        logger.info("%s: its coordinates cannot be used: %s", path, " ".join(str(error).split()))
        return None
