"""`Kind`: what an object of another package is, told by the names of its classes alone."""

from __future__ import annotations

import io
from collections.abc import Sequence
from enum import Enum

import numpy as np

from equiclust.images import Image

__all__ = ["ARRAYS", "LAZY", "MAPS", "Kind", "kind_of"]


class Kind(Enum):
    """What an object is."""

    IMAGE = "Image"
    NDDATA = "NDData"
    CUTOUT = "Cutout2D"
    HDU = "HDU"
    HDU_LIST = "HDUList"
    CUBE = "SpectralCube"
    PROJECTION = "Projection"
    PAIR = "array with coordinates"
    QUANTITY = "Quantity"
    MASKED = "masked array"
    DASK = "dask array"
    ZARR = "Zarr array"
    HDF5 = "HDF5 data set"
    ARRAY = "array"
    FILE = "open file"
    OTHER = ""


MAPS = frozenset(
    (Kind.NDDATA, Kind.CUTOUT, Kind.HDU, Kind.HDU_LIST, Kind.CUBE, Kind.PROJECTION, Kind.PAIR)
)
"""Kinds with a header or coordinates: one map, cube or image each."""

LAZY = frozenset((Kind.DASK, Kind.ZARR, Kind.HDF5))
"""Arrays that need not fit into memory."""

ARRAYS = LAZY | {Kind.QUANTITY, Kind.MASKED, Kind.ARRAY}
"""Kinds that are arrays and nothing else."""

# By package and class, the more special ones first: a projection is a quantity, which is an array.
_CLASSES = {
    ("astropy.nddata", "NDData"): Kind.NDDATA,
    ("astropy.nddata", "Cutout2D"): Kind.CUTOUT,
    ("astropy.io.fits", "HDUList"): Kind.HDU_LIST,
    ("astropy.io.fits", "_BaseHDU"): Kind.HDU,
    ("spectral_cube", "BaseSpectralCube"): Kind.CUBE,
    ("spectral_cube", "LowerDimensionalObject"): Kind.PROJECTION,
    ("astropy.utils.masked", "Masked"): Kind.MASKED,
    ("astropy.units", "Quantity"): Kind.QUANTITY,
    ("numpy.ma", "MaskedArray"): Kind.MASKED,
    ("dask.array", "Array"): Kind.DASK,
    ("zarr", "Array"): Kind.ZARR,
    ("h5py", "Dataset"): Kind.HDF5,
}
_COORDINATES = (("astropy.wcs", "WCS"), ("astropy.io.fits", "Header"))


def kind_of(value: object) -> Kind:
    """What an object is.

    Parameters
    ----------
    value : object

    Returns
    -------
    Kind
        `Kind.OTHER` for what is none of them.
    """
    if isinstance(value, Image):
        return Kind.IMAGE
    found = next((kind for (room, name), kind in _CLASSES.items() if _is(value, room, name)), None)
    if found is not None:
        return found
    if isinstance(value, np.ndarray):
        return Kind.ARRAY
    if isinstance(value, Sequence) and len(value) == 2 and _has_coordinates(value[1]):
        return Kind.PAIR
    if isinstance(value, io.IOBase) or _is(value, "tempfile", "_TemporaryFileWrapper"):
        return Kind.FILE
    return Kind.OTHER


def _has_coordinates(value: object) -> bool:
    return any(_is(value, room, name) for room, name in _COORDINATES)


def _is(value: object, room: str, name: str) -> bool:
    """Whether one of the classes of an object is called so, in a module of this package."""
    return any(
        kind.__name__ == name and f"{kind.__module__}.".startswith(f"{room}.")
        for kind in type(value).__mro__
    )
