"""FITS images: any extension, compressed or not, with mask, unit, beam and coordinates."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path

from data_adapters.adapter import ImagePart, PartAdapter, joined
from data_adapters.extensions import parts_of
from data_adapters.fits_files import open_fits
from data_adapters.fits_headers import errors_named
from data_adapters.map_images import check_is_image, images_of_map, is_stack_of_planes
from data_adapters.size_claims import check_claim
from data_adapters.sky.sky_map import open_sky_map
from data_adapters.stacks import file_id
from data_adapters.stamp_files import kind_of_stamps, read_stamp, read_stamps
from equiclust.images import Image

__all__ = ["FitsAdapter"]


class FitsAdapter(PartAdapter):
    """Reads one image from a FITS file, or one from each plane where `axes` says so.

    The first extension with an image of two axes longer than one pixel is taken that is not one of
    flags, weights, errors and the like, or that in brackets behind the name: ``file.fits[1]``,
    ``file.fits[SCI]``, ``file.fits[SCI,2]``; ``file.fits[SCI,*]`` are all of a name, and
    ``file.fits[*]`` all images but flags and so on. Of a file of stamps of `equiclust cutouts` all
    are read. Axes of one pixel are dropped. NaN, infinities and `BLANK` are masked, `BSCALE` and
    `BZERO` applied. A cube is one of images only if the axes are given as ``nhw`` and its header
    has no name (`CTYPE3`) for the third of them.
    """

    suffixes = tuple(
        stem + packed for stem in (".fits", ".fit", ".fts") for packed in ("", ".gz", ".bz2", ".fz")
    )

    takes_axes = True

    def read(self, path: Path, part: str = "", *, axes: str = "") -> tuple[Image, ...]:
        """The image of a file, the images of its extensions, or those of its planes.

        Parameters
        ----------
        path : Path
            The file.
        part : str, default ""
            Name or number of an extension, as in ``file.fits[SCI]``, or with ``*`` of several; by
            default the first image.
        axes : str, default ""
            ``nhw`` for a cube whose planes are images; anything else says nothing here.

        Returns
        -------
        tuple of Image
            The first row of pixels is the lowest one.

        Raises
        ------
        UnreadableFileError
            When the file cannot be read; the message is one sentence.
        """
        return joined(self._parts(Path(path), part, axes, 0, None), Path(path))

    def read_parts(
        self,
        path: Path,
        part: str = "",
        *,
        axes: str = "",
        first: int = 0,
        most_bytes: int = 1 << 26,
    ) -> Iterator[ImagePart]:
        """The images of a file in order, some at a time."""
        return self._parts(Path(path), part, axes, first, most_bytes)

    def _parts(
        self, path: Path, part: str, axes: str, first: int, most_bytes: int | None
    ) -> Iterator[ImagePart]:
        """Parts of all extensions asked for; `most_bytes` is None to read the file whole."""
        kind = kind_of_stamps(path) if part in ("", "*") else ""
        if kind == "many":
            yield from read_stamps(path, first=first, most_bytes=most_bytes or sys.maxsize)
            return
        if kind == "one":
            if first == 0:
                yield ImagePart(1, 1, (read_stamp(path, file_id(path, part, self.suffixes)),))
            return
        skies = [(one, open_sky_map(path, part=one)) for one in _parts(path, part)]
        counts = [sky.shape[0] if is_stack_of_planes(sky, axes) else 1 for _, sky in skies]
        for (one, sky), n in zip(skies, counts, strict=True):
            check_is_image(sky, axes)
            check_claim(path, math.prod(sky.shape), whole=n == 1 or most_bytes is None)
            id = file_id(path, one, self.suffixes)
            for images in images_of_map(sky, id, axes, first, most_bytes):
                yield ImagePart(len(images), sum(counts), images)
            first = max(0, first - n)


def _parts(path: Path, part: str) -> list[str]:
    if "*" not in part:
        return [part]
    with errors_named(path), open_fits(path) as hdus:
        return parts_of(hdus, part, path)
