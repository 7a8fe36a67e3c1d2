"""TIFF pictures: every page in full depth, of 1 to 64 bits, whole numbers or floating point."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL
import tifffile

from data_adapters.pictures import Page, PillowPages, images_from_pages, picture_errors
from data_adapters.tiff_axes import rearranged
from data_adapters.tiff_claims import check_directories, check_pages, check_segments
from data_adapters.tiff_nodata import no_data_pixels, no_data_value
from data_adapters.time_limit import check_time
from equiclust.exceptions import UnreadableFileError
from equiclust.images import Image
from equiclust.typing import Array, BoolArray

__all__ = ["TiffAdapter"]

logger = logging.getLogger(__name__)

ALPHA = (tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA)
PHOTOMETRIC = tifffile.PHOTOMETRIC
# Values of these are brightness; of others, such as CMYK, they are not.
UNDERSTOOD = (
    *(PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB),
    *(PHOTOMETRIC.CFA, PHOTOMETRIC.LINEAR_RAW),
)
# Of 8 bits, tifffile reads these as they are stored, signs and further channels included.
PLAIN = (PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB)
# Series of tifffile in which pages are what they seem; others know more from metadata.
PLAIN_SERIES = ("generic", "uniform")
ORIENTATION = 274


class TiffAdapter:
    """Reads every page of a TIFF file, with the values as stored.

    Each page is an image, whatever its size, and so is a full image in a `SubIFD`; reduced images
    (thumbnails) and transparency masks, as the file itself calls them, are left out. Where
    metadata (OME, ImageJ and others) say which axes the pages span, channels become those of one
    image; where the user says so by `axes`, or the shape of an array that tifffile wrote as in
    `data_adapters.array_axes`, pages are slices of one array. Rows are flipped, transparent pixels
    masked, palettes looked up and equal channels joined as by
    `data_adapters.pictures.PictureAdapter`. Unsigned values that mean white by 0 are inverted.
    Pixels of the value that GDAL calls "no data" are masked.
    """

    suffixes = (".tif", ".tiff")
    takes_axes = True

    def read(self, path: Path, part: str = "", *, axes: str = "") -> tuple[Image, ...]:
        """All images of a file.

        Parameters
        ----------
        path : Path
            The file.
        part : str, default ""
            Must be empty: pictures have no parts.
        axes : str, default ""
            Letters for the axes of the array that all pages make up: `n` images, `c` channels, `h`
            rows and `w` columns, such as ``hwc``. By default metadata, or the shape, decide.

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
        with picture_errors(path, part):
            check_directories(path)
            with tifffile.TiffFile(path) as tiff, PillowPages(path) as pillow:
                return images_from_pages(_Reader(tiff, path, pillow, axes).pages(), path)


@dataclass
class _Reader:
    """Pages of one file that is open."""

    tiff: tifffile.TiffFile
    path: Path
    pillow: PillowPages
    axes: str

    def pages(self) -> list[Page]:
        """Images in the order of the file."""
        directories = _full_images(self.tiff, self.path)
        series = _known_series(self.tiff)
        check_pages(directories, sum(math.prod(one.shape) for one in series), self.path)
        found: list[Page] = []
        covered: set[int] = set()
        for one in series:
            found += self._of_series(one)
            covered.update(page.offset for level in one.levels for page in level.pages)
        for directory in directories:
            if directory.offset not in covered:
                check_time(self.path)
                found += self._of_directory(directory)
        stacked = _stacked_axes(series, len(found))
        if self.axes or (stacked and _are_slices(series)):
            return rearranged(found, stacked or (len(found),), self.axes, self.path)
        return found

    def _of_series(self, series: tifffile.TiffPageSeries) -> list[Page]:
        pages = list(series.pages)
        if any(page is None for page in pages):
            raise UnreadableFileError(
                f"{self.path}: its metadata name pages that are not in it; save all pages in one "
                "file"
            )
        first = series.keyframe
        n_planes = math.prod(series.shape) // math.prod(first.shape)
        if _is_for_pillow(first) and len(pages) == n_planes:
            return [self._shallow(page) for page in pages]
        _check_values(first, self.path)
        for page in pages:
            check_segments(page, self.path)
        try:
            data = series.asarray()
        except ValueError as error:
            if "imagecodecs" not in str(error) or len(pages) != n_planes:
                raise
            return [self._decoded_by_pillow(first, page.index) for page in pages]
        return self._planes(data, series.axes, first)

    def _of_directory(self, page: tifffile.TiffPage) -> list[Page]:
        if _is_for_pillow(page):
            return [self._shallow(page)]
        _check_values(page, self.path)
        check_segments(page, self.path)
        try:
            data = page.asarray()
        except ValueError as error:
            if "imagecodecs" not in str(error):
                raise
            return [self._decoded_by_pillow(page, page.index)]
        return self._planes(data, page.axes, page)

    def _shallow(self, page: tifffile.TiffPage) -> Page:
        try:
            samples, hidden = self.pillow.page(page.index)
        except PIL.UnidentifiedImageError:
            raise _not_understood(page, self.path) from None
        if no_data_value(page, self.path) is None:
            return Page(samples, hidden)
        return Page(samples, hidden | self._no_data_before_look_up(page))

    def _no_data_before_look_up(self, page: tifffile.TiffPage) -> BoolArray:
        """Pixels of no data where the values as stored are not those of the image."""
        try:
            stored = self.pillow.indices(page.index)
            if stored is None:
                stored = _upright(page.asarray(), page)
        except ValueError as error:
            raise UnreadableFileError(
                f"{self.path}: telling its pixels of no data takes the package imagecodecs; "
                "install it, or save the file without compression"
            ) from error
        stored = stored.reshape(*stored.shape[:2], -1)
        return no_data_pixels(stored, no_data_value(page, self.path), are_colours=True)

    def _decoded_by_pillow(self, page: tifffile.TiffPage, index: int) -> Page:
        """Pixels in a compression unknown to tifffile, if Pillow decodes it rightly."""
        try:
            if page.is_subifd or not _pillow_is_right(page):
                raise UnreadableFileError("")
            samples, hidden = self.pillow.page(index)
        except (OSError, UnreadableFileError) as error:
            compression = getattr(page.compression, "name", page.compression)
            raise UnreadableFileError(
                f"{self.path}: reading {page.dtype} values compressed by {compression} takes the "
                "package imagecodecs; install it, or save the file without compression"
            ) from error
        # Pillow holds unsigned values of 32 bits as signed ones, and leaves deep white low.
        is_deep = page.bitspersample > 8
        stored = samples.astype(page.dtype) if is_deep else _with_white_high(samples, page)
        hidden = hidden | self._no_data(stored, page)
        return Page(_with_white_high(stored, page), hidden)

    def _no_data(self, stored: Array, page: tifffile.TiffPage) -> BoolArray:
        are_colours = page.photometric == PHOTOMETRIC.RGB and page.dtype.kind == "u"
        value = no_data_value(page, self.path)
        return no_data_pixels(stored, value, are_colours=are_colours)

    def _planes(self, data: Array, axes: str, page: tifffile.TiffPage) -> list[Page]:
        """Images of an array with these axes, of which S and C are the channels of one image."""
        # Where a user names the axes, channels are found by these letters.
        merged = "S" if self.axes else "SC"
        at = range(len(axes))
        # Axes without a name are all called Q.
        stacked = [index for index in at if axes[index] not in f"YX{merged}"]
        channels = [index for index in at if axes[index] in merged]
        data = data.transpose([*stacked, axes.index("Y"), axes.index("X"), *channels])
        height, width = data.shape[len(stacked) : len(stacked) + 2]
        planes = data.reshape(-1, height, width, math.prod(data.shape[len(stacked) + 2 :]))
        return [self._page_of(_upright(plane, page), page) for plane in planes]

    def _page_of(self, samples: Array, page: tifffile.TiffPage) -> Page:
        if not page.extrasamples or page.extrasamples[-1] not in ALPHA:
            return Page(_with_white_high(samples, page), self._no_data(samples, page))
        colours, opacity = samples[..., :-1], samples[..., -1:]
        hidden = (opacity[..., 0] == 0) | self._no_data(colours, page)
        if page.extrasamples[-1] == tifffile.EXTRASAMPLE.ASSOCALPHA:
            colours = _straightened(colours, opacity, page)
        return Page(_with_white_high(colours, page), hidden)


def _known_series(tiff: tifffile.TiffFile) -> list[tifffile.TiffPageSeries]:
    """Images of several pages that metadata describe."""
    try:
        return [series for series in tiff.series if series.kind.lower() not in PLAIN_SERIES]
    except RuntimeError:
        # tifffile takes pages for alike after a look at three of them.
        return []


def _full_images(tiff: tifffile.TiffFile, path: Path) -> list[tifffile.TiffPage]:
    """Pages with their subpages in order, without thumbnails and masks unless there is no other."""
    top: list[tifffile.TiffPage] = []
    for page in tiff.pages:
        check_time(path)
        top.append(page)
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


def _stacked_axes(series: list[tifffile.TiffPageSeries], n_pages: int) -> tuple[int, ...]:
    """Axes along which the pages of one array lie; none where the file holds several."""
    if len(series) != 1 or n_pages < 2:
        return ()
    [one] = series
    stacked = tuple(
        length for length, axis in zip(one.shape, one.axes, strict=True) if axis not in "YXS"
    )
    return stacked if math.prod(stacked) == n_pages else ()


def _are_slices(series: list[tifffile.TiffPageSeries]) -> bool:
    """Whether tifffile wrote an array of which it was not told what its axes hold."""
    return all(one.kind.lower() == "shaped" and set(one.axes) <= set("QIYXS") for one in series)


def _is_for_pillow(page: tifffile.TiffPage) -> bool:
    """Palettes and the like of up to 8 bits; but Pillow finds only top-level pages."""
    is_big = page.parent.is_bigtiff and page.parent.byteorder == ">"
    is_plain = page.bitspersample == 8 and page.photometric in PLAIN
    return page.bitspersample <= 8 and not is_plain and not page.is_subifd and not is_big


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


def _pillow_is_right(page: tifffile.TiffPage) -> bool:
    """Pillow swaps the bytes of signed and floating values of big-endian files once too often.

    It takes signed values of 8 bits for unsigned ones, and leaves further channels out.
    """
    if page.bitspersample == 8:
        most = 4 if page.photometric == PHOTOMETRIC.RGB else 2
        return bool(page.dtype == np.uint8 and page.samplesperpixel <= most)
    if page.samplesperpixel > 1:
        return bool(page.dtype == np.uint16 and page.photometric == PHOTOMETRIC.RGB)
    return bool(page.dtype == np.uint16 or page.parent.byteorder == "<")


def _straightened(colours: Array, opacity: Array, page: tifffile.TiffPage) -> Array:
    """Colours that are stored multiplied by the opacity, divided by it."""
    if colours.dtype.kind == "f":
        return np.asarray(colours / np.where(opacity == 0, 1, opacity))
    if colours.dtype.kind != "u":
        return colours
    most = 2**page.bitspersample - 1
    straight = colours.astype(np.float64) * most // np.maximum(opacity, 1)
    return np.asarray(np.minimum(straight, most).astype(colours.dtype))


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
