"""TIFF pictures: every page in full depth, of 1 to 64 bits, whole numbers or floating point."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL
import tifffile

from data_adapters.pictures import Page, images_from_pages, picture_errors, read_with_pillow
from equiclust.exceptions import UnreadableFileError
from equiclust.images import Image
from equiclust.typing import Array

__all__ = ["TiffAdapter"]

logger = logging.getLogger(__name__)

ALPHA = (tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA)
PHOTOMETRIC = tifffile.PHOTOMETRIC
# Values of these are brightness; of others, such as CMYK, they are not.
UNDERSTOOD = (
    *(PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB),
    *(PHOTOMETRIC.CFA, PHOTOMETRIC.LINEAR_RAW),
)
# Series of tifffile in which pages are what they seem; others know more from metadata.
PLAIN_SERIES = ("generic", "uniform")
ORIENTATION = 274


class TiffAdapter:
    """Reads every page of a TIFF file, with the values as stored.

    Each page is an image, whatever its size, and so is a full image in a `SubIFD`; reduced images
    (thumbnails) and transparency masks, as the file itself calls them, are left out. Where
    metadata (OME, ImageJ and others) say which axes the pages span, channels become those of one
    image. Rows are flipped, transparent pixels masked and equal channels joined as by
    `data_adapters.pictures.PictureAdapter`. Unsigned values that mean white by 0 are inverted.
    """

    suffixes = (".tif", ".tiff")

    def read(self, path: Path, part: str = "") -> tuple[Image, ...]:
        """All images of a file.

        Parameters
        ----------
        path : Path
            The file.
        part : str, default ""
            Must be empty: pictures have no parts.

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
        with picture_errors(path, part), tifffile.TiffFile(path) as tiff:
            pages = _pages(tiff, path)
        return images_from_pages(pages, path)


def _pages(tiff: tifffile.TiffFile, path: Path) -> list[Page]:
    directories = _full_images(tiff, path)
    found: list[Page] = []
    covered: set[int] = set()
    for series in _known_series(tiff):
        found += _of_series(series, path)
        covered.update(page.offset for level in series.levels for page in level.pages)
    for directory in directories:
        if directory.offset not in covered:
            found += _of_directory(directory, path)
    return found


def _known_series(tiff: tifffile.TiffFile) -> list[tifffile.TiffPageSeries]:
    """Images of several pages that metadata describe."""
    try:
        return [series for series in tiff.series if series.kind.lower() not in PLAIN_SERIES]
    except RuntimeError:
        # tifffile takes pages for alike after a look at three of them.
        return []


def _full_images(tiff: tifffile.TiffFile, path: Path) -> list[tifffile.TiffPage]:
    """Pages with their subpages in order, without thumbnails and masks unless there is no other."""
    top = list(tiff.pages)
    _check_complete(tiff, len(top), path)
    pages = [page for page in _with_subpages(top) if page.shape]
    full = [page for page in pages if not page.is_reduced and not page.is_mask]
    if full and len(full) < len(pages):
        logger.info("%s: %d thumbnails are left out", path, len(pages) - len(full))
    return full or pages


def _with_subpages(pages: list[tifffile.TiffPage]) -> Iterator[tifffile.TiffPage]:
    for page in pages:
        yield page
        if page.subifds:
            yield from _with_subpages(list(page.pages))


def _check_complete(tiff: tifffile.TiffFile, n_pages: int, path: Path) -> None:
    """The last page must say that no other follows; tifffile leaves out what it cannot find."""
    if tiff.pages.next_page_offset is None:
        return
    tiff.filehandle.seek(tiff.pages.next_page_offset)
    following = tiff.filehandle.read(tiff.tiff.offsetsize)
    if len(following) != tiff.tiff.offsetsize or any(following):
        raise UnreadableFileError(
            f"{path}: it is damaged or truncated (what follows page {n_pages} cannot be found)"
        )


def _of_series(series: tifffile.TiffPageSeries, path: Path) -> list[Page]:
    pages = list(series.pages)
    if any(page is None for page in pages):
        raise UnreadableFileError(
            f"{path}: its metadata name pages that are not in it; save all pages in one file"
        )
    first = series.keyframe
    n_planes = math.prod(series.shape) // math.prod(first.shape)
    if _is_for_pillow(first) and len(pages) == n_planes:
        return [_shallow(page, path) for page in pages]
    _check_values(first, path)
    try:
        data = series.asarray()
    except ValueError as error:
        if "imagecodecs" not in str(error) or len(pages) != n_planes:
            raise
        return [_decoded_by_pillow(first, page.index, path) for page in pages]
    return _planes(data, series.axes, first)


def _of_directory(page: tifffile.TiffPage, path: Path) -> list[Page]:
    if _is_for_pillow(page):
        return [_shallow(page, path)]
    _check_values(page, path)
    try:
        data = page.asarray()
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        return [_decoded_by_pillow(page, page.index, path)]
    return _planes(data, page.axes, page)


def _is_for_pillow(page: tifffile.TiffPage) -> bool:
    """Up to 8 bits: Pillow knows palettes and all compressions, but finds only top-level pages."""
    is_big = page.parent.is_bigtiff and page.parent.byteorder == ">"
    return page.bitspersample <= 8 and not page.is_subifd and not is_big


def _shallow(page: tifffile.TiffPage, path: Path) -> Page:
    try:
        return read_with_pillow(path, page.index)
    except PIL.UnidentifiedImageError:
        raise _not_understood(page, path) from None


def _not_understood(page: tifffile.TiffPage, path: Path) -> UnreadableFileError:
    name = getattr(page.photometric, "name", page.photometric)
    return UnreadableFileError(
        f"{path}: its colours are {name} of {page.bitspersample} bits and {page.samplesperpixel} "
        "channels, which is not understood; save it as RGB or grey"
    )


def _check_values(page: tifffile.TiffPage, path: Path) -> None:
    if page.photometric not in UNDERSTOOD:
        raise _not_understood(page, path)
    if page.dtype is None or page.dtype.kind not in "buif":
        kind = page.dtype or "of an unknown type"
        raise UnreadableFileError(f"{path}: its values are {kind}; save them as real numbers")


def _decoded_by_pillow(page: tifffile.TiffPage, index: int, path: Path) -> Page:
    """Pixels in a compression unknown to tifffile, if Pillow decodes it rightly."""
    try:
        if page.is_subifd or not _pillow_is_right(page):
            raise UnreadableFileError("")
        samples, hidden = read_with_pillow(path, index)
    except (OSError, UnreadableFileError) as error:
        compression = getattr(page.compression, "name", page.compression)
        raise UnreadableFileError(
            f"{path}: reading {page.dtype} values compressed by {compression} takes the package "
            "imagecodecs; install it, or save the file without compression"
        ) from error
    # Pillow holds unsigned values of 32 bits as signed ones.
    return Page(_with_white_high(samples.astype(page.dtype), page), hidden)


def _pillow_is_right(page: tifffile.TiffPage) -> bool:
    """Pillow swaps the bytes of signed and floating values of big-endian files once too often."""
    if page.samplesperpixel > 1:
        return bool(page.dtype == np.uint16 and page.photometric == PHOTOMETRIC.RGB)
    return bool(page.dtype == np.uint16 or page.parent.byteorder == "<")


def _planes(data: Array, axes: str, page: tifffile.TiffPage) -> list[Page]:
    """Images of an array with these axes, of which S and C are the channels of one image."""
    stacked = [axis for axis in axes if axis not in "YXSC"]
    channels = [axis for axis in axes if axis in "SC"]
    data = data.transpose([axes.index(axis) for axis in (*stacked, "Y", "X", *channels)])
    height, width = data.shape[len(stacked) : len(stacked) + 2]
    planes = data.reshape(-1, height, width, math.prod(data.shape[len(stacked) + 2 :]))
    return [_page_of(_upright(plane, page), page) for plane in planes]


def _page_of(samples: Array, page: tifffile.TiffPage) -> Page:
    if page.extrasamples and page.extrasamples[-1] in ALPHA:
        return Page(_with_white_high(samples[..., :-1], page), samples[..., -1] == 0)
    return Page(_with_white_high(samples, page), np.zeros(samples.shape[:2], dtype=bool))


def _with_white_high(samples: Array, page: tifffile.TiffPage) -> Array:
    if page.photometric == PHOTOMETRIC.MINISWHITE and samples.dtype.kind == "u":
        return np.asarray((2**page.bitspersample - 1) - samples)
    return samples


def _upright(samples: Array, page: tifffile.TiffPage) -> Array:
    """Rotated and mirrored as the orientation of the page requires; samples are `(h, w, c)`."""
    tag = page.tags.get(ORIENTATION)
    orientation = int(tag.value) if tag is not None else 1
    if orientation in (5, 6, 7, 8):
        samples = samples.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    return samples
