"""Checks of latents, with error messages that say what to change."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import validate_data

from equiclust.exceptions import InputError, InputTypeError
from equiclust.typing import Float64Array, IntArray

__all__ = [
    "check_enough_samples",
    "check_labels",
    "check_latents",
    "distinct_rows",
    "lexicographic_order",
]


def check_latents(estimator: Any, latents: npt.ArrayLike, *, reset: bool = False) -> Float64Array:
    """Latents as a finite float64 array.

    Parameters
    ----------
    estimator : estimator
        Whose `n_features_in_` the latents must have.
    latents : array-like (n, d)
        Samples.
    reset : bool, default False
        Set `n_features_in_` to `d` instead, as in `fit`.

    Returns
    -------
    ndarray (n, d), float64

    Raises
    ------
    InputError
        When they have another shape or are not finite.
    """
    try:
        # It adds up all latents to see whether they are finite; the sum may not be.
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(validate_data(estimator, latents, dtype=np.float64, reset=reset))
    except TypeError as error:
        raise InputTypeError(" ".join(str(error).split())) from error
    except ValueError as error:
        raise InputError(" ".join(str(error).split())) from error


def check_labels(
    labels: npt.ArrayLike, n_samples: int, n_clusters: int, *, lowest: int = 0
) -> IntArray:
    """Labels of samples, checked.

    Parameters
    ----------
    labels : array-like (n,), int
    n_samples, n_clusters : int
    lowest : int, default 0
        -1 where a label may be "don't know".

    Returns
    -------
    ndarray (n,), int64

    Raises
    ------
    InputError
        When they are not whole numbers from `lowest` to `n_clusters - 1`, one a sample.
    """
    array = np.asarray(labels)
    if array.shape != (n_samples,) or array.dtype.kind not in "iu":
        raise InputError(
            f"y must be {n_samples} whole numbers, got shape {array.shape} and dtype {array.dtype}"
        )
    if n_samples and not lowest <= array.min() <= array.max() < n_clusters:
        raise InputError(
            f"y must be between {lowest} and n_clusters - 1 = {n_clusters - 1}, got labels from "
            f"{array.min()} to {array.max()}"
        )
    return array.astype(np.int64)


def distinct_rows(points: Float64Array) -> tuple[Float64Array, IntArray, IntArray]:
    """Distinct rows of an array.

    Parameters
    ----------
    points : ndarray (n, d)
        Samples.

    Returns
    -------
    rows : ndarray (m, d)
        In lexicographic order.
    index : ndarray (n,), int
        ``rows[index]`` are the samples.
    counts : ndarray (m,), int
        How often each row occurs.
    """
    rows, index, counts = np.unique(points, axis=0, return_inverse=True, return_counts=True)
    return rows, index.ravel(), counts


def lexicographic_order(points: Float64Array) -> IntArray:
    """Order of the rows of an array, in which equal ones follow each other.

    Parameters
    ----------
    points : ndarray (n, d)
        Samples.

    Returns
    -------
    ndarray (n,), int
        ``points[order]`` are sorted by the first column, where that is equal by the second, and so
        on; equal rows stay in their order.
    """
    order = np.argsort(points[:, 0], kind="stable")
    equal = np.diff(points[order, 0]) == 0
    # Few latents have an equal first number, and only these need a look at the others.
    tied = np.flatnonzero(np.r_[equal, False] | np.r_[False, equal])
    order[tied] = order[tied][np.lexsort(points[order[tied]].T[::-1])]
    return order


def check_enough_samples(n_clusters: int, n_distinct: int, n_samples: int) -> None:
    """Raise an error for more clusters than distinct samples.

    Parameters
    ----------
    n_clusters, n_distinct, n_samples : int
        Numbers of clusters, of distinct samples and of all samples.

    Raises
    ------
    InputError
        When there are too few distinct samples.
    """
    if n_clusters > n_distinct:
        raise InputError(
            f"n_clusters must be at most the number of distinct samples, got n_clusters="
            f"{n_clusters} for n_samples={n_samples}, {n_distinct} of them distinct; "
            "ask for fewer clusters or give more samples"
        )
