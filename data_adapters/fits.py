"""FITS images: any extension, compressed or not, with mask, unit, beam and coordinates."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path

from data_adapters.adapter import ImagePart, PartAdapter, joined
from data_adapters.array_axes import axes_of
from data_adapters.extensions import parts_of
from data_adapters.fits_files import open_fits
from data_adapters.fits_headers import CHANNEL_AXIS, errors_named
from data_adapters.registry import known_suffix
from data_adapters.size_claims import check_claim
from data_adapters.sky.sky_map import SkyMap, open_sky_map
from data_adapters.stacks import images_of_stack, numbered_names
from data_adapters.stamp_files import kind_of_stamps, read_stamp, read_stamps
from equiclust.exceptions import UnreadableFileError
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
                yield ImagePart(1, 1, (read_stamp(path, _id(path, part)),))
            return
        skies = [(one, open_sky_map(path, part=one)) for one in _parts(path, part)]
        counts = [sky.shape[0] if _is_stack(sky, axes, path) else 1 for _, sky in skies]
        for (one, sky), n in zip(skies, counts, strict=True):
            if n > 1:
                check_claim(path, math.prod(sky.shape), whole=most_bytes is None)
                for images in _planes(sky, path, one, first, most_bytes):
                    yield ImagePart(len(images), sum(counts), images)
            elif first == 0:
                yield ImagePart(1, sum(counts), (_image(sky, path, one),))
            first = max(0, first - n)


def _image(sky: SkyMap, path: Path, part: str) -> Image:
    if sky.shape[0] > 1 and sky.channel_ctype != CHANNEL_AXIS:
        named = "" if sky.channel_ctype else ", or say axes='nhw' (--axes nhw) if each is an image"
        raise UnreadableFileError(
            f"{path}: it holds a cube of shape {sky.shape}; make an image of it first, one "
            f"plane or a moment map{named}"
        )
    check_claim(path, math.prod(sky.shape))
    return Image.from_values(
        sky.read(), _id(path, part), path=sky.path, wcs=sky.wcs, unit=sky.unit, beam=sky.beam
    )


def _is_stack(sky: SkyMap, axes: str, path: Path) -> bool:
    """Whether the planes are images of their own: asked for, and of no named quantity."""
    is_cube = sky.shape[0] > 1 and not sky.channel_ctype
    return is_cube and bool(axes) and axes_of(sky.shape, axes, path) == "nhw"


def _planes(
    sky: SkyMap, path: Path, part: str, first: int, most_bytes: int | None
) -> Iterator[tuple[Image, ...]]:
    n, height, width = sky.shape
    bytes_of_one = height * width * max(sky.dtype.itemsize, 4)
    step = n if most_bytes is None else max(1, most_bytes // bytes_of_one)
    with sky:
        for start in range(first, n, step):
            last = min(start + step, n)
            names = numbered_names(_id(path, part), n, start, last)
            yield images_of_stack(
                sky.read(channels=slice(start, last))[:, None],
                names,
                sky.path,
                wcs=sky.wcs,
                unit=sky.unit,
                beam=sky.beam,
            )


def _id(path: Path, part: str) -> str:
    stem = path.name.removesuffix(_suffix(path))
    return f"{stem}[{part}]" if part else stem


def _suffix(path: Path) -> str:
    """What the name ends in, of any case; a file need not be called FITS to be one."""
    known = known_suffix(path, FitsAdapter.suffixes)
    return path.name[-len(known) :] if known else path.suffix


def _parts(path: Path, part: str) -> list[str]:
    if "*" not in part:
        return [part]
    with errors_named(path), open_fits(path) as hdus:
        return parts_of(hdus, part, path)
