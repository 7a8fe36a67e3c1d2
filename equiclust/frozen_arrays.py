"""Arrays that nobody can write to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from equiclust.typing import Array

__all__ = ["frozen"]


def frozen(values: npt.ArrayLike, dtype: type[np.generic]) -> Array:
    """Array that cannot be written to, copied unless nobody can write to it already.

    Parameters
    ----------
    values : array-like
    dtype : type
        Number type of the array.

    Returns
    -------
    ndarray
    """
    if isinstance(values, np.ndarray) and values.dtype == dtype and _is_frozen(values):
        return values
    array = np.array(values, dtype=dtype, order="C")
    array.setflags(write=False)
    return array


def _is_frozen(array: Array) -> bool:
    """Whether neither the array nor one that it is a view of can be written to."""
    owner: object = array
    while isinstance(owner, np.ndarray):
        if owner.flags.writeable:
            return False
        owner = owner.base
    # Of other owners, such as a mapped file, it cannot be known.
    return owner is None or isinstance(owner, bytes)
