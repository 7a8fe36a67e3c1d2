"""Retrieval: how well the nearest neighbours of an image show the same object."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from equiclust.argument_types import checks_types
from equiclust.binary_scale import in_unit, range_exponent
from equiclust.exceptions import InputError
from equiclust.typing import BoolArray, Float64Array, IntArray
from equiclust.validation import check_samples, check_whole

__all__ = ["mean_average_precision", "recall_at_k"]


_QUERIES_AT_A_TIME = 256


@checks_types
def recall_at_k(latents: npt.ArrayLike, objects: npt.ArrayLike, k: int = 1) -> float:
    """Share of images with another image of their object among the `k` nearest ones.

    In a tie, images of other objects count as nearer.

    Parameters
    ----------
    latents : array-like (n, d)
        Compared by Euclidean distance.
    objects : array-like (n,)
        Object that each image shows. Images whose object is shown by no other image are neighbours,
        but no queries.
    k : int, default 1
        Number of neighbours.

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    InputError
        When latents and objects differ in number, a latent is not finite, `k` is below 1, or no
        object is shown twice.

    Examples
    --------
    >>> from equiclust.evaluation.metrics import recall_at_k
    >>> latents, objects = [[0.0], [1.0], [1.5], [6.5]], ["a", "a", "b", "b"]
    >>> recall_at_k(latents, objects), recall_at_k(latents, objects, k=3)
    (0.5, 1.0)
    """
    check_whole("k", k)
    points, names = _checked(latents, objects)
    return float(np.mean([same[:k].any() for same in _ranked(points, names)]))


@checks_types
def mean_average_precision(latents: npt.ArrayLike, objects: npt.ArrayLike) -> float:
    """Mean over the images of the average precision of retrieving their object.

    The average precision of one image is the mean, over the other images of its object, of the
    share of its object among all images up to that one, nearest first. In a tie, images of other
    objects count as nearer.

    Parameters
    ----------
    latents : array-like (n, d)
        Compared by Euclidean distance.
    objects : array-like (n,)
        Object that each image shows. Images whose object is shown by no other image are neighbours,
        but no queries.

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    InputError
        When latents and objects differ in number, a latent is not finite, or no object is shown
        twice.

    Examples
    --------
    >>> from equiclust.evaluation.metrics import mean_average_precision
    >>> mean_average_precision([[0.0], [1.0], [5.0], [6.5]], ["a", "a", "b", "b"])
    1.0
    >>> round(mean_average_precision([[0.0], [1.0], [1.5], [6.5]], ["a", "a", "b", "b"]), 3)
    0.708
    """
    points, names = _checked(latents, objects)
    return float(np.mean([_average_precision(same) for same in _ranked(points, names)]))


def _average_precision(same: BoolArray) -> float:
    ranks = np.flatnonzero(same) + 1
    return float(np.mean(np.arange(1, len(ranks) + 1) / ranks))


def _ranked(points: Float64Array, names: IntArray) -> Iterator[BoolArray]:
    """For every query, which of the other images `(n - 1,)` show its object, nearest first."""
    queries = np.flatnonzero(np.bincount(names)[names] > 1)
    for start in range(0, len(queries), _QUERIES_AT_A_TIME):
        chosen = queries[start : start + _QUERIES_AT_A_TIME]
        far = cdist(points[chosen], points)
        # Last of all, and cut off.
        far[np.arange(len(chosen)), chosen] = np.inf
        same = names == names[chosen, None]
        # Of those that are equally far, the others come first: a tie finds nothing.
        order = np.lexsort((same, far))[:, :-1]
        yield from np.take_along_axis(same, order, axis=1)


def _checked(latents: npt.ArrayLike, objects: npt.ArrayLike) -> tuple[Float64Array, IntArray]:
    points, names = check_samples("latents", latents), np.asarray(objects)
    if names.shape != (len(points),):
        raise InputError(
            f"latents must have shape (n, d) and objects (n,), got {points.shape} and {names.shape}"
        )
    _, numbers = np.unique(names, return_inverse=True)
    if not len(names) or np.bincount(numbers).max() < 2:
        raise InputError("objects must name at least one object twice, got all different ones")
    return in_unit(points, range_exponent(points)), numbers.astype(np.int64)
