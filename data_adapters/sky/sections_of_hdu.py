"""Which sections the pixels of an image of a FITS file are."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from data_adapters.objects.held_maps import HeldMap
from data_adapters.sky.array_sections import ArraySections, CompressedSections
from data_adapters.sky.axes import MapAxes
from data_adapters.sky.sections import PlainSections, Sections, WholeSections
from equiclust.exceptions import UnreadableFileError

__all__ = ["sections_of_hdu", "stored_bytes"]

# By `BITPIX`.
_TYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}


def stored_bytes(hdu: Any) -> int:
    """Size of the pixels of an image, unpacked.

    Parameters
    ----------
    hdu : astropy.io.fits image

    Returns
    -------
    int
        In bytes.
    """
    return int(math.prod(hdu.shape)) * abs(int(hdu.header["BITPIX"])) // 8


def sections_of_hdu(
    hdu: Any,
    hdus: fits.HDUList,
    path: Path,
    axes: MapAxes,
    order: tuple[int, int, int],
    shape: tuple[int, int, int],
    whole_limit: int | None,
) -> Sections:
    """Pixels of an image, read in the way that suits how they are stored.

    Parameters
    ----------
    hdu : astropy.io.fits image or HeldMap
        One of `hdus`, or an object in memory.
    hdus : astropy.io.fits.HDUList
        The open file.
    path : Path
        The file.
    axes : MapAxes
        Which axis of the image is which.
    order : (int, int, int)
        Ranks of channel, row and column in the file, 0 for the slowest.
    shape : (int, int, int)
        `(n_channels, h, w)` in pixels.
    whole_limit : int or None
        Largest size in bytes of the pixels of a packed file; None for a file that is not packed.

    Returns
    -------
    Sections

    Raises
    ------
    UnreadableFileError
        When the file is too short, or packed and too large.
    """
    slow, middle, fast = np.argsort(order)
    stored = shape[slow], shape[middle], shape[fast]
    channel = axes.channel if shape[0] > 1 else None
    as_shape = (channel, axes.row, axes.column)
    kept: Any = (as_shape[slow], as_shape[middle], as_shape[fast])
    if isinstance(hdu, HeldMap) and hdu.pixels is not None:
        return ArraySections(path, stored, pixels=hdu.pixels, kept=kept, planes=axes.planes)
    extension = next(index for index, other in enumerate(hdus) if other is hdu)
    if whole_limit is not None:
        n_bytes = stored_bytes(hdu)
        if n_bytes > whole_limit:
            raise UnreadableFileError(
                f"{path}: it is packed, so that it cannot be read by section, and takes {n_bytes} "
                f"bytes unpacked, more than the {whole_limit} allowed; unpack the file first"
            )
        return WholeSections(path, stored, extension=extension, planes=axes.planes)
    if isinstance(hdu, fits.CompImageHDU):
        return CompressedSections(path, stored, extension=extension, kept=kept, planes=axes.planes)
    return _plain_sections(hdu, path, axes, order, shape)


def _plain_sections(
    hdu: Any,
    path: Path,
    axes: MapAxes,
    order: tuple[int, int, int],
    shape: tuple[int, int, int],
) -> PlainSections:
    slow, middle, fast = np.argsort(order)
    start = int(hdu.fileinfo()["datLoc"])
    missing = start + stored_bytes(hdu) - path.stat().st_size
    if missing > 0:
        raise UnreadableFileError(
            f"{path}: it is damaged or truncated ({missing} bytes of its pixels are missing)"
        )
    dtype = np.dtype(_TYPES[int(hdu.header["BITPIX"])])
    steps = [math.prod(hdu.shape[axis + 1 :]) for axis in range(len(hdu.shape))]
    first = sum(steps[axis] * index for axis, index in axes.planes.items())
    along = [
        math.prod(hdu.shape) if axis is None else steps[axis]
        for axis in (axes.channel if shape[0] > 1 else None, axes.row, axes.column)
    ]
    return PlainSections(
        path,
        (shape[slow], shape[middle], shape[fast]),
        offset=start + first * dtype.itemsize,
        dtype=dtype,
        strides=(along[slow], along[middle], along[fast]),
    )
