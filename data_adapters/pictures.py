"""Pictures: PNG, JPEG and TIFF, grey or colour, of 1 to 16 bits or floating point."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import PIL
import PIL.Image
import PIL.ImageOps
import tifffile

from data_adapters.adapter import reason_of
from equiclust.exceptions import UnreadableFileError
from equiclust.images import Image

__all__ = ["PictureAdapter"]

logger = logging.getLogger(__name__)

FORMATS = ("PNG", "JPEG", "TIFF")
TIFF_SUFFIXES = (".tif", ".tiff")
ALPHA = (tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA)

Array = npt.NDArray[Any]


class Page(NamedTuple):
    """Samples `(h, w, c)`, top row first, and what to ignore `(h, w)`."""

    samples: Array
    hidden: npt.NDArray[np.bool_]


class PictureAdapter:
    """Reads pictures, with the values as stored.

    Pictures are stored from the top row down and FITS images from the bottom up. Pictures are
    turned over when they are read, so that up is up in both and the first row of pixels is the
    lowest; how a camera was held (EXIF) is taken into account. Colours of three equal channels
    become one channel. Pixels of zero opacity are masked. Every page of a TIFF is an image.
    """

    suffixes = (".png", ".jpg", ".jpeg", *TIFF_SUFFIXES)

    def read(self, path: Path, part: str = "") -> tuple[Image, ...]:
        """All pages of a picture; see `data_adapters.adapter.Adapter.read`."""
        path = Path(path)
        if part:
            raise UnreadableFileError(f"{path}: a picture has no part {part!r}")
        is_tiff = path.suffix.lower() in TIFF_SUFFIXES
        try:
            with _quietly(path):
                pages = _tiff_pages(path) if is_tiff else [_with_pillow(path, 0)]
        except Exception as error:
            # A damaged file can make a library fail in any way.
            raise UnreadableFileError(f"{path}: {_reason(path, error)}") from error
        several = len(pages) > 1
        return tuple(
            _image_of(page, f"{path.stem}_{index:03d}" if several else path.stem, path)
            for index, page in enumerate(pages)
        )


@contextmanager
def _quietly(path: Path) -> Iterator[None]:
    """What the libraries say of odd files goes to the log of this module, as details."""

    def demote(record: logging.LogRecord) -> bool:
        logger.debug("%s: %s", path, record.getMessage())
        return False

    noisy = [logging.getLogger(name) for name in ("tifffile", "PIL.TiffImagePlugin")]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for library in noisy:
            library.addFilter(demote)
        try:
            yield
        finally:
            for library in noisy:
                library.removeFilter(demote)
            for warning in caught:
                logger.debug("%s: %s", path, warning.message)


def _reason(path: Path, error: BaseException) -> str:
    if isinstance(error, PIL.Image.DecompressionBombError):
        return str(error)
    foreign = isinstance(error, PIL.UnidentifiedImageError | tifffile.TiffFileError)
    if foreign and path.stat().st_size > 0:
        return "it is not a PNG, JPEG or TIFF picture"
    return reason_of(path, error)


def _image_of(page: Page, name: str, path: Path) -> Image:
    samples, hidden = page
    channels = np.moveaxis(samples[::-1], -1, 0)
    if (channels == channels[:1]).all():
        channels = channels[:1]
    with np.errstate(over="ignore", invalid="ignore"):
        return Image.from_values(channels, name, mask=hidden[::-1], path=str(path))


def _with_pillow(path: Path, page: int) -> Page:
    with PIL.Image.open(path, formats=FORMATS) as picture:
        picture.seek(page)
        return _samples(PIL.ImageOps.exif_transpose(picture))


def _samples(picture: PIL.Image.Image) -> Page:
    if picture.mode.startswith(("I", "F")):
        array = np.asarray(picture)[..., None]
        return Page(array, np.zeros(array.shape[:2], dtype=bool))
    grey = picture.mode in ("1", "L", "LA", "La")
    with_alpha = np.asarray(picture.convert("LA" if grey else "RGBA"))
    return Page(with_alpha[..., :-1], with_alpha[..., -1] == 0)


def _tiff_pages(path: Path) -> list[Page]:
    with tifffile.TiffFile(path) as tiff:
        series, first = tiff.series[0], tiff.pages.first
        try:
            # Pillow knows palettes and compressions, but cuts deep colours down to 8 bits.
            if first.bitspersample > 8:
                return _planes(series.asarray(), series.axes, alpha=_has_alpha(first))
        except ValueError as error:
            if "imagecodecs" not in str(error):
                raise
        return [_with_pillow(path, page.index) for page in series.pages]


def _has_alpha(page: tifffile.TiffPage) -> bool:
    return bool(page.extrasamples) and page.extrasamples[-1] in ALPHA


def _planes(data: Array, axes: str, *, alpha: bool) -> list[Page]:
    stacked = [axis for axis in axes if axis not in "YXSC"]
    samples = [axis for axis in axes if axis in "SC"]
    data = data.transpose([axes.index(axis) for axis in (*stacked, "Y", "X", *samples)])
    height, width = data.shape[len(stacked) : len(stacked) + 2]
    pages = data.reshape(-1, height, width, math.prod(data.shape[len(stacked) + 2 :]))
    if alpha:
        return [Page(page[..., :-1], page[..., -1] == 0) for page in pages]
    return [Page(page, np.zeros((height, width), dtype=bool)) for page in pages]
