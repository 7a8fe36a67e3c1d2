"""`ImagesLike`: everything that a public function takes for images, made into an `ImageSet`."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

import numpy as np

from equiclust.images import ImageSet

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ImagesLike", "as_image_set", "known_images"]

ImagesLike = Any
"""Images as users hold them; a type checker knows none of the packages that they may come from.

- `ImageSet`, `Image`, and arrays `(n, h, w)` or `(n, c, h, w)`;
- of astropy `NDData`, `CCDData`, `Cutout2D`, `Quantity`, `HDUList` and a single HDU;
- `(array, WCS)` and `(array, Header)`, one image `(h, w)` or `(c, h, w)`;
- arrays of dask, Zarr and h5py, and NumPy's with a mask;
- of spectral-cube a `Projection` or `Slice`;
- paths, as for `data_adapters.read`, and files that are open for reading bytes;
- lists of these, one image each.

Masks, units and coordinates are kept; uncertainties are not read.
"""

# What knows foreign objects and files lies above this module, so that it is found by its name, as
# adapters of files are.
CONVERTER = EntryPoint("objects", "data_adapters.reading:image_set_of", "equiclust.converters")


def as_image_set(images: ImagesLike) -> ImageSet:
    """Image set of what a public function may be given.

    Parameters
    ----------
    images : ImageSet, array-like (n, h, w) or (n, c, h, w), or another of `ImagesLike`
        An image set is returned as it is.

    Returns
    -------
    ImageSet

    Raises
    ------
    InputError
        When it holds no images, or one of them cannot be read; see `ImageSet.from_array`.
    """
    found = known_images(images)
    return ImageSet.from_array(images) if found is None else found


def known_images(images: ImagesLike) -> ImageSet | None:
    """Image set of anything but a plain array, whose shape the caller judges.

    Parameters
    ----------
    images : ImageSet or another of `ImagesLike`

    Returns
    -------
    ImageSet or None
        None for what NumPy makes a plain array of, if anything.

    Raises
    ------
    InputError
        When one of the images cannot be read.
    """
    if isinstance(images, ImageSet):
        return images
    if type(images) in (np.ndarray, np.memmap):
        return None
    return _converter()(images)


@cache
def _converter() -> Callable[[object], ImageSet | None]:
    converter: Callable[[object], ImageSet | None] = CONVERTER.load()
    return converter
