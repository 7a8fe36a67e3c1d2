"""Aliases for annotations of arrays; a docstring gives the shape."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "Array",
    "BoolArray",
    "Float32Array",
    "Float64Array",
    "Int32Array",
    "IntArray",
    "PathLike",
]

Array = npt.NDArray[Any]
Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Int32Array = npt.NDArray[np.int32]
IntArray = npt.NDArray[np.int64]
PathLike = str | os.PathLike[str]
