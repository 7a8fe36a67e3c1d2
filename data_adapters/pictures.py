"""PNG, JPEG, GIF, WebP and BMP pictures, grey or colour, of 1 to 16 bits."""

from __future__ import annotations

import logging
import math
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import PIL
import PIL.Image
import PIL.ImageFile
import PIL.ImageOps

from data_adapters.adapter import reason_of
from data_adapters.size_claims import check_claim
from data_adapters.time_limit import check_time
from equiclust.exceptions import UnreadableFileError
from equiclust.images import Image
from equiclust.typing import Array, BoolArray

__all__ = ["Page", "PictureAdapter", "PillowPages", "images_from_pages", "picture_errors"]

logger = logging.getLogger(__name__)

FORMATS = ("PNG", "JPEG", "TIFF", "GIF", "WEBP", "BMP")
ANIMATED = ("PNG", "GIF", "WEBP")
GREY_MODES = ("1", "L", "LA", "La")
COLOUR_MODES = ("P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr")
# Pillow spreads the values of 2 and 4 bits over 8, but not the one that is transparent.
SPREAD = {"L;2": 85, "L;4": 17}


class Page(NamedTuple):
    """One image of a picture file.

    Parameters
    ----------
    samples : ndarray (h, w, c)
        Values as stored, top row first.
    hidden : ndarray (h, w), bool
        `True` = ignore.
    """

    samples: Array
    hidden: BoolArray


class PictureAdapter:
    """Reads PNG, JPEG, GIF, WebP and BMP pictures, with the values as stored.

    Pictures are stored from the top row down and FITS images from the bottom up. Pictures are
    flipped when they are read, so that up is up in both and the first row of pixels is the lowest;
    the orientation of the camera (EXIF) is taken into account. Three equal colour channels become
    one channel. Palettes are looked up, and CMYK becomes RGB by `r = (255 - c) (255 - k) / 255` and
    the like. Every frame of an animation is an image. Pixels of no opacity are masked; those of
    partial opacity keep their colour, which is divided by the opacity where it is stored multiplied
    by it.
    """

    suffixes = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp")

    def read(self, path: Path, part: str = "") -> tuple[Image, ...]:
        """All images of a picture.

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
        with picture_errors(path, part), PillowPages(path) as frames:
            if frames.format == "TIFF":
                raise UnreadableFileError(f"{path}: it is a TIFF picture; call it .tif")
            pages = [frames.page(index) for index in range(frames.n_images)]
        return images_from_pages(pages, path)


@contextmanager
def picture_errors(path: Path, part: str) -> Iterator[None]:
    """Turn every error of a picture into an `UnreadableFileError`, and warnings into log lines.

    Parameters
    ----------
    path : Path
        The picture, named in the message.
    part : str
        Refused unless empty.

    Yields
    ------
    None
        The block reads the picture.
    """
    if part:
        raise UnreadableFileError(f"{path}: a picture has no part {part!r}")
    try:
        with _quietly(path):
            yield
    except UnreadableFileError:
        raise
    except Exception as error:
        # A damaged file can make a library fail in any way.
        raise UnreadableFileError(f"{path}: {_reason(path, error)}") from error


@contextmanager
def _quietly(path: Path) -> Iterator[None]:
    """Log the messages and warnings of the libraries at level DEBUG."""

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
        return f"it claims too many pixels ({error}); cut it, or save it as FITS or TIFF"
    foreign = isinstance(error, PIL.UnidentifiedImageError) or "not a TIFF file" in str(error)
    if foreign and path.stat().st_size > 0:
        return "it is not a PNG, JPEG, TIFF, GIF, WebP or BMP picture"
    return reason_of(path, error)


def images_from_pages(pages: list[Page], path: Path) -> tuple[Image, ...]:
    """Images of a file, named after it and numbered where there are several.

    Parameters
    ----------
    pages : list of Page
    path : Path
        The file.

    Returns
    -------
    tuple of Image
        The first row of pixels is the lowest one.
    """
    if len(pages) == 1:
        return (_image_from_page(pages[0], path.stem, path),)
    return tuple(
        _image_from_page(page, f"{path.stem}_{index:03d}", path) for index, page in enumerate(pages)
    )


def _image_from_page(page: Page, name: str, path: Path) -> Image:
    samples, hidden = page
    channels = np.moveaxis(samples[::-1], -1, 0)
    if len(channels) > 1 and (channels == channels[:1]).all():
        channels = channels[:1]
    with np.errstate(over="ignore", invalid="ignore"):
        return Image.from_values(channels, name, mask=hidden[::-1], path=str(path))


class PillowPages:
    """Pages or frames of a picture, decoded by Pillow.

    The file is opened once, within a `with` block, so that the time is linear in the pages when
    these are asked for in their order.

    Parameters
    ----------
    path : Path
        The picture.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stack = ExitStack()
        self._picture: PIL.ImageFile.ImageFile | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self._picture = None

    @property
    def format(self) -> str:
        """What the file is by its content, such as ``PNG``."""
        return str(self._opened().format)

    @property
    def n_images(self) -> int:
        """Number of frames of an animation; 1 of others."""
        picture = self._opened()
        # Behind the first picture of a JPEG there are previews and maps of its brightness.
        n_images = int(picture.n_frames) if picture.format in ANIMATED else 1  # type: ignore[attr-defined]
        check_claim(self.path, n_images * math.prod(picture.size) * len(picture.getbands()))
        return n_images

    def page(self, index: int) -> Page:
        """One page, with the full depth of its values.

        Parameters
        ----------
        index : int
            Page or frame, counted from 0.

        Returns
        -------
        Page

        Raises
        ------
        UnreadableFileError
            When its colours are of a sort that is not understood.
        """
        check_time(self.path)
        picture = self._opened()
        picture.seek(index)
        raw_mode = _raw_mode(picture)
        mode, transparent = picture.mode, picture.info.get("transparency")
        if mode.startswith(("I", "F")):
            array = np.asarray(PIL.ImageOps.exif_transpose(picture))[..., None]
            return Page(array, _equal(array, transparent))
        if ";16" in raw_mode and not raw_mode.startswith("BGR"):
            return _deep_colours(self.path, index, raw_mode, transparent)
        if mode not in GREY_MODES + COLOUR_MODES:
            raise UnreadableFileError(
                f"{self.path}: its colours are {mode}, which is not understood; save it as RGB or "
                "grey"
            )
        shown = PIL.ImageOps.exif_transpose(picture)
        if raw_mode in SPREAD and isinstance(transparent, int):
            shown.info["transparency"] = transparent * SPREAD[raw_mode]
        return _eight_bits(shown)

    def indices(self, index: int) -> Array | None:
        """Entries of the palette that a page names.

        Parameters
        ----------
        index : int
            Page or frame, counted from 0.

        Returns
        -------
        ndarray (h, w), or None
            None where it has no palette.
        """
        picture = self._opened()
        picture.seek(index)
        return np.asarray(PIL.ImageOps.exif_transpose(picture)) if picture.mode == "P" else None

    def _opened(self) -> PIL.ImageFile.ImageFile:
        if self._picture is None:
            self._picture = self._stack.enter_context(_opened(self.path, 0))
        return self._picture


@contextmanager
def _opened(path: Path, index: int) -> Iterator[PIL.ImageFile.ImageFile]:
    # Given the path, Pillow maps the pixels of a TIFF, and scrambles those that lie on their side.
    with path.open("rb") as file, PIL.Image.open(file, formats=FORMATS) as picture:
        picture.seek(index)
        yield picture


def _raw_mode(picture: PIL.ImageFile.ImageFile) -> str:
    """How the decoder is to unpack the values, such as ``RGB;16B``."""
    args = picture.tile[0].args if picture.tile else ""
    return str(args[0] if isinstance(args, tuple) and args else args)


def _eight_bits(picture: PIL.Image.Image) -> Page:
    grey = picture.mode in GREY_MODES
    if picture.mode == "YCbCr":
        picture = picture.convert("RGB")
    with_alpha = np.asarray(picture.convert("LA" if grey else "RGBA"))
    return Page(with_alpha[..., :-1], with_alpha[..., -1] == 0)


def _deep_colours(path: Path, index: int, raw_mode: str, transparent: object) -> Page:
    """Two bytes a channel, of which Pillow keeps one: the high and the low bytes are read in turn.

    `RGB;16B` unpacks the first of every two bytes, `RGB;16L` the second.
    """
    mode, _, order = raw_mode.partition(";")
    if mode == "LA" and order == "16B":
        # Two channels of two bytes are four of one byte.
        pairs = _unpacked(path, index, "RGBA").astype(np.uint16)
        samples = pairs[..., ::2] << 8 | pairs[..., 1::2]
    elif mode in ("RGB", "RGBA") and order in ("16B", "16L", "16N"):
        is_big = order == "16B" or (order == "16N" and sys.byteorder == "big")
        high, low = (
            _unpacked(path, index, f"{mode};{order}").astype(np.uint16)
            for order in (("16B", "16L") if is_big else ("16L", "16B"))
        )
        samples = high << 8 | low
    else:
        raise UnreadableFileError(
            f"{path}: its colours are {mode} of 16 bits, which is not understood; save it as RGB"
        )
    if mode.endswith("A"):
        return Page(samples[..., :-1], samples[..., -1] == 0)
    return Page(samples, _equal(samples, transparent))


def _unpacked(path: Path, index: int, raw_mode: str) -> Array:
    with _opened(path, index) as picture:
        tiles = []
        for tile in picture.tile:
            args = (raw_mode, *tile.args[1:]) if isinstance(tile.args, tuple) else raw_mode
            tiles.append(tile._replace(args=args))
        picture.tile = tiles
        return np.asarray(PIL.ImageOps.exif_transpose(picture))


def _equal(samples: Array, transparent: object) -> BoolArray:
    """Pixels of the one value or colour that the file calls transparent."""
    if transparent is None:
        return np.zeros(samples.shape[:2], dtype=bool)
    return np.asarray(np.all(samples == np.asarray(transparent), axis=-1))
