"""Arrays saved by NumPy: many images in one file."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from data_adapters.adapter import reason_of
from equiclust.exceptions import InputError, UnreadableFileError
from equiclust.images import Image, ImageSet
from equiclust.typing import Array

__all__ = ["ArrayAdapter"]

logger = logging.getLogger(__name__)

IMAGE_NAMES = ("images", "pixels")


class ArrayAdapter:
    """Reads images from ``.npy`` and ``.npz`` files.

    An array has the shape `(n, h, w)`, `(n, c, h, w)` or, for one image, `(h, w)`. A last axis of
    1, 3 or 4 behind two of at least 5, as in `(n, h, w, 3)`, holds channels. In an archive it
    is called ``images`` or ``pixels``, is named in brackets behind the file (``file.npz[name]``),
    or is the only one of such a shape. The arrays ``mask``, `(n, h, w)`, `True` = ignore, and
    ``ids``, `(n,)`, of the archive are used too; all others, such as labels, are not read.
    """

    suffixes = (".npy", ".npz")

    def read(self, path: Path, part: str = "") -> tuple[Image, ...]:
        """All images of a file.

        Parameters
        ----------
        path : Path
            The file.
        part : str, default ""
            Name of an array in an archive, as in ``file.npz[name]``.

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
            arrays = _load(path, part)
            return _images_of(arrays, path, part)
        except UnreadableFileError:
            raise
        except InputError as error:
            raise UnreadableFileError(f"{path}: {error}") from error
        except Exception as error:
            # A damaged file can make a library fail in any way. Nothing is unpickled.
            raise UnreadableFileError(f"{path}: {_reason(path, error)}") from error


def _reason(path: Path, error: BaseException) -> str:
    if "pickle" in str(error):
        return "it holds Python objects or is no NumPy file, and neither is opened"
    return reason_of(path, error)


def _load(path: Path, part: str) -> dict[str, Array]:
    """The images under the name ``images``, with their mask and ids."""
    # NumPy leaves the file open when it is damaged, unless it is not its own.
    with path.open("rb") as file:
        content = np.load(file, allow_pickle=False)
        if not isinstance(content, np.ndarray):
            return _from_archive(content, path, part)
        if part:
            raise UnreadableFileError(f"{path}: a .npy file has no part {part!r}")
        return {"images": content}


def _from_archive(content: Mapping[str, Array], path: Path, part: str) -> dict[str, Array]:
    name = part or _image_name(content, path)
    if name not in content:
        listed = ", ".join(content) or "nothing"
        raise UnreadableFileError(f"{path}: it holds no array {name!r}, only {listed}")
    beside = {key: content[key] for key in ("mask", "ids") if key in content and key != name}
    return {"images": content[name], **beside}


def _image_name(content: Mapping[str, Array], path: Path) -> str:
    for name in IMAGE_NAMES:
        if name in content:
            return name
    candidates = [name for name in content if name != "mask" and _may_be_images(content, name)]
    if len(candidates) != 1:
        listed = ", ".join(content) or "nothing"
        raise UnreadableFileError(
            f"{path}: it must hold one array called images or pixels, it holds {listed}; "
            f"name one as in {path.name}[NAME]"
        )
    return candidates[0]


def _may_be_images(content: Mapping[str, Array], name: str) -> bool:
    try:
        array = content[name]
    except ValueError:
        # An array of objects, which is not opened.
        return False
    return array.dtype.kind in "biuf" and 2 <= array.ndim <= 4


def _images_of(arrays: Mapping[str, Array], path: Path, part: str) -> tuple[Image, ...]:
    pixels, mask, ids = arrays["images"], arrays.get("mask"), arrays.get("ids")
    name = f"{path.stem}[{part}]" if part else path.stem
    if pixels.size == 0:
        raise UnreadableFileError(f"{path}: its array of shape {pixels.shape} is empty")
    if _has_channels_last(pixels.shape):
        logger.warning(
            "%s: of its shape %s the last axis is taken for channels", path, pixels.shape
        )
        pixels = np.moveaxis(pixels, -1, -3)
        if pixels.ndim == 3:
            pixels, mask = pixels[None], mask if mask is None else mask[None]
            return _named_images(pixels, mask, ids, [name], path, part)
    names: Sequence[str] = [name]
    if pixels.ndim == 2:
        pixels, mask = pixels[None], mask if mask is None else mask[None]
    else:
        digits = len(str(len(pixels) - 1))
        names = [f"{name}_{index:0{digits}d}" for index in range(len(pixels))]
    return _named_images(pixels, mask, ids, names, path, part)


def _has_channels_last(shape: tuple[int, ...]) -> bool:
    """Whether the last axis is one of 1, 3 or 4 channels and no other can be: `(n, h, w, c)`.

    An array `(h, w, c)` is one image. Axes of fewer than 5 pixels are taken for channels.
    """
    smallest = min(shape[-3:-1], default=0) if len(shape) == 4 else min(shape[:-1], default=0)
    return len(shape) in (3, 4) and shape[-1] in (1, 3, 4) and smallest >= 5


def _named_images(
    pixels: Array,
    mask: Array | None,
    ids: Array | None,
    names: Sequence[str],
    path: Path,
    part: str,
) -> tuple[Image, ...]:
    if ids is not None:
        names = [str(id) for id in ids.ravel()]
    with np.errstate(over="ignore", invalid="ignore"):
        images = ImageSet.from_array(pixels, mask=mask, ids=names)
    source = f"{path}[{part}]" if part else str(path)
    return tuple(replace(image, path=source) for image in images)
