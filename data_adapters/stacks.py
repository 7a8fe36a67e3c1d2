"""Many images of one shape in one array, made into images together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data_adapters.registry import known_suffix
from equiclust.images import Beam, Image, ImageSet
from equiclust.typing import Array

if TYPE_CHECKING:
    from astropy.wcs import WCS

__all__ = ["file_id", "images_of_stack", "numbered_names"]


def images_of_stack(
    pixels: Array,
    names: Sequence[str],
    path: str | None,
    *,
    mask: Array | None = None,
    wcs: WCS | None = None,
    unit: str = "",
    beam: Beam | None = None,
) -> tuple[Image, ...]:
    """Images of an array, as `ImageSet.from_array` makes them, with their file.

    Parameters
    ----------
    pixels : ndarray (n, c, h, w)
        Real numbers. What is not finite is masked.
    names : sequence of str
        Ids of the `n` images.
    path : str or None
        The file that they came from; None of an object in memory.
    mask : ndarray (n, h, w), optional
        `True` = ignore.
    wcs : astropy.wcs.WCS, optional
        Celestial coordinates of all of them.
    unit : str, default ""
        Unit of their values.
    beam : Beam, optional
        Resolution of the instrument.

    Returns
    -------
    tuple of Image
        Of `n` images.
    """
    # float32 holds these numbers exactly, so that no image needs a look of its own.
    if mask is None and np.can_cast(pixels.dtype, np.float32):
        block = np.array(pixels, dtype=np.float32, order="C")
        if pixels.dtype.kind != "f" or np.isfinite(block).all():
            nothing = np.zeros(block.shape[2:], dtype=bool)
            block.setflags(write=False)
            nothing.setflags(write=False)
            made = (
                Image(one, nothing, name, path, wcs, unit, beam)
                for one, name in zip(block, names, strict=True)
            )
            return ImageSet(tuple(made)).images
    with np.errstate(over="ignore", invalid="ignore"):
        images = ImageSet.from_array(pixels, mask=mask, ids=names)
    return tuple(replace(one, path=path, wcs=wcs, unit=unit, beam=beam) for one in images)


def file_id(path: Path, part: str, suffixes: Iterable[str]) -> str:
    """Id of the image of a file: its name without suffix, and its part in brackets.

    Parameters
    ----------
    path : Path
    part : str
        Empty where the file is read without one.
    suffixes : iterable of str
        Of the adapter, lower case; a file of another name may be of the format all the same.

    Returns
    -------
    str
    """
    known = known_suffix(path, suffixes)
    stem = path.name[: -len(known)] if known else path.stem
    return f"{stem}[{part}]" if part else stem


def numbered_names(stem: str, n: int, first: int, last: int) -> list[str]:
    """Ids of some images of a stack: its name and their numbers.

    Parameters
    ----------
    stem : str
    n : int
        Images of the whole stack, which say how many digits a number has.
    first, last : int
        Numbers of the first, and of the one behind the last.

    Returns
    -------
    list of str
    """
    digits = len(str(n - 1))
    return [f"{stem}_{index:0{digits}d}" for index in range(first, last)]
