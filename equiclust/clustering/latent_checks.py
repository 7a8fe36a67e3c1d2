"""Checks of what a clusterer is given, with sentences that say what to change."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import validate_data

from equiclust.exceptions import InputError

__all__ = [
    "check_enough_samples",
    "check_latents",
    "distinct_rows",
]

Array = npt.NDArray[np.float64]


def check_latents(estimator: Any, latents: npt.ArrayLike, *, reset: bool = False) -> Array:
    """The latents as finite float64 `(n, d)`, with the `d` the estimator was fitted on.

    Raises
    ------
    InputError
        When they are not such an array.
    """
    try:
        return np.asarray(validate_data(estimator, latents, dtype=np.float64, reset=reset))
    except ValueError as error:
        raise InputError(str(error)) from error


def distinct_rows(points: Array) -> tuple[Array, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The distinct rows in lexicographic order, where each row went, and how often each occurs."""
    rows, where, counts = np.unique(points, axis=0, return_inverse=True, return_counts=True)
    return rows, where.ravel(), counts


def check_enough_samples(n_clusters: int, n_distinct: int, n_samples: int) -> None:
    """Refuse more clusters than distinct samples."""
    if n_clusters > n_distinct:
        raise InputError(
            f"n_clusters must be at most the number of distinct samples, got n_clusters="
            f"{n_clusters} for n_samples={n_samples}, {n_distinct} of them distinct; "
            "ask for fewer clusters or give more samples"
        )
