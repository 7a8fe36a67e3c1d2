"""Bare arrays of several packages as `Pixels`, with their units."""

from __future__ import annotations

from typing import Any

import numpy as np

from data_adapters.objects.kinds import ARRAYS, Kind, kind_of
from data_adapters.objects.pixels import Pixels

__all__ = ["pixels_of_array", "unit_card"]


def pixels_of_array(array: Any, name: str) -> tuple[Pixels, Any]:
    """Pixels and unit of an array without coordinates.

    Parameters
    ----------
    array : array-like
        Of NumPy, with a mask or not, astropy, dask, Zarr or h5py.
    name : str
        Of the object, named in messages.

    Returns
    -------
    pixels : Pixels
    unit : astropy unit or None

    Raises
    ------
    InputError
        When it holds anything but real numbers, or nothing.
    """
    kind = kind_of(array)
    if kind in (Kind.QUANTITY, Kind.PROJECTION):
        return Pixels(array.value, name), array.unit
    if kind == Kind.MASKED:
        bare = array.unmasked if hasattr(array, "unmasked") else array.data
        unit = getattr(bare, "unit", None)
        return Pixels(np.asarray(bare), name, np.broadcast_to(array.mask, bare.shape)), unit
    if kind not in ARRAYS:
        array = np.asarray(array)
    return Pixels(array, name), None


def unit_card(unit: Any) -> str:
    """Unit as a header spells it.

    Parameters
    ----------
    unit : astropy unit or None

    Returns
    -------
    str
        Empty where there is none.
    """
    if unit is None:
        return ""
    try:
        return str(unit.to_string("fits"))
    except ValueError:
        # Electrons and others are none of the standard's.
        return str(unit.to_string())
