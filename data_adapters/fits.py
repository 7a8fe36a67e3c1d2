"""FITS images: any extension, compressed or not, with mask, unit, beam and coordinates."""

from __future__ import annotations

import math
from pathlib import Path

from data_adapters.extensions import parts_of
from data_adapters.fits_files import open_fits
from data_adapters.fits_headers import CHANNEL_AXIS, errors_named
from data_adapters.registry import known_suffix
from data_adapters.size_claims import check_claim
from data_adapters.sky.sky_map import open_sky_map
from equiclust.exceptions import UnreadableFileError
from equiclust.images import Image

__all__ = ["FitsAdapter"]


class FitsAdapter:
    """Reads one image from a FITS file.

    The first extension with an image of two axes longer than one pixel is taken that is not one of
    flags, weights, errors and the like, or that in brackets behind the name: ``file.fits[1]``,
    ``file.fits[SCI]``, ``file.fits[SCI,2]``; ``file.fits[SCI,*]`` are all of a name, and
    ``file.fits[*]`` all images but flags and so on. Axes of one pixel are dropped. NaN, infinities
    and `BLANK` are masked, `BSCALE` and `BZERO` applied.
    """

    suffixes = tuple(
        stem + packed for stem in (".fits", ".fit", ".fts") for packed in ("", ".gz", ".bz2", ".fz")
    )

    def read(self, path: Path, part: str = "") -> tuple[Image, ...]:
        """The image of a file, or the images of its extensions.

        Parameters
        ----------
        path : Path
            The file.
        part : str, default ""
            Name or number of an extension, as in ``file.fits[SCI]``, or with ``*`` of several; by
            default the first image.

        Returns
        -------
        tuple of Image
            The first row of pixels is the lowest one.

        Raises
        ------
        UnreadableFileError
            When the file cannot be read; the message is one sentence.
        """
        return tuple(self._image(path, one) for one in _parts(Path(path), part))

    def _image(self, path: Path, part: str) -> Image:
        sky = open_sky_map(path, part=part)
        if sky.shape[0] > 1 and sky.channel_ctype != CHANNEL_AXIS:
            raise UnreadableFileError(
                f"{path}: it holds a cube of shape {sky.shape}; make an image of it first, one "
                "plane or a moment map"
            )
        path = Path(path)
        check_claim(path, math.prod(sky.shape))
        stem = path.name.removesuffix(_suffix(path))
        return Image.from_values(
            sky.read(),
            f"{stem}[{part}]" if part else stem,
            path=sky.path,
            wcs=sky.wcs,
            unit=sky.unit,
            beam=sky.beam,
        )


def _suffix(path: Path) -> str:
    """What the name ends in, of any case; a file need not be called FITS to be one."""
    known = known_suffix(path, FitsAdapter.suffixes)
    return path.name[-len(known) :] if known else path.suffix


def _parts(path: Path, part: str) -> list[str]:
    if "*" not in part:
        return [part]
    with errors_named(path), open_fits(path) as hdus:
        return parts_of(hdus, part, path)
