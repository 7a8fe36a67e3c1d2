"""`Pixels`: values and mask of an array in memory or elsewhere, of which boxes are read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from equiclust.exceptions import InputError
from equiclust.typing import Array

__all__ = ["Pixels"]


@dataclass(frozen=True, eq=False)
class Pixels:
    """An array and what of it is to be ignored; nothing is read until a box is.

    Parameters
    ----------
    values : object
        With `shape`, `dtype` and slices: an array of NumPy, dask, Zarr or h5py, or the section of
        an HDU.
    name : str
        Of the object, named in messages.
    mask : object, optional
        Of the same shape, bool, `True` = ignore; as the values.
    """

    values: Any
    name: str
    mask: Any = None

    def __post_init__(self) -> None:
        # Units, and the classes that keep them, would be lost on the way one by one.
        if self.stored.kind not in "biuf":
            raise InputError(
                f"{self.name}: its values are {self.stored}, and only real numbers are read"
            )
        if not math.prod(self.shape):
            raise InputError(f"{self.name}: its array of shape {self.shape} is empty")
        if self.mask is not None and tuple(self.mask.shape) != self.shape:
            raise InputError(
                f"{self.name}: its mask must have shape {self.shape}, got {tuple(self.mask.shape)}"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes, slowest first."""
        return tuple(int(n) for n in self.values.shape)

    @property
    def stored(self) -> np.dtype[Any]:
        """Type of the values as they are held."""
        stored: np.dtype[Any] = np.dtype(self.values.dtype)
        return stored

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type that `read` gives: numbers, and such that are NaN where there is a mask."""
        kind, size = self.stored.kind, self.stored.itemsize
        if kind == "b":
            return np.dtype(np.float32 if self.mask is not None else np.uint8)
        if kind != "f" and self.mask is not None:
            return np.dtype(np.float32 if size < 4 else np.float64)
        return self.stored.newbyteorder("=")

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Shape of what is read or computed at once; None where any pixel can be read alone."""
        chunks = getattr(self.values, "chunks", None)
        if not isinstance(chunks, Sequence):
            return None
        return tuple(int(max(one) if isinstance(one, Sequence) else one) for one in chunks)

    def read(self, box: tuple[int | slice, ...]) -> Array:
        """Values of a box.

        Parameters
        ----------
        box : tuple of int and slice
            One for every axis, slices of step 1.

        Returns
        -------
        ndarray
            Of `dtype`; NaN where the mask is True.
        """
        found = np.asarray(self.values[box])
        if self.mask is None:
            return found.view(np.uint8) if found.dtype.kind == "b" else found
        values = found.astype(self.dtype)
        values[np.asarray(self.mask[box], dtype=bool)] = np.nan
        return values
