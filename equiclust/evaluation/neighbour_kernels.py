"""The smallest of many products, and the distances of their references, in one compiled loop."""

from __future__ import annotations

from typing import Any

import numpy as np

from equiclust.compiled import compiled, inlined
from equiclust.typing import Array

__all__ = ["GROUP", "rank_rows"]

GROUP = 16
"""Members of a group of references, of which the nearest stands for all."""


@inlined
def _insert(values: Array, places: Array, n_held: int, value: Any, place: int) -> int:
    """Put a value among `n_held` increasing ones, of equal ones the lower place first.

    The last one is dropped where there is no space for another. The number held is returned.
    """
    at = min(n_held, values.size - 1)
    while at > 0 and (
        values[at - 1] > value or (values[at - 1] == value and places[at - 1] > place)
    ):
        values[at], places[at] = values[at - 1], places[at - 1]
        at -= 1
    values[at], places[at] = value, place
    return min(n_held + 1, values.size)


@inlined
def _squared_distance(point: Array, reference: Array) -> float:
    """Added up in the order of `scipy.spatial.KDTree`."""
    n_fours = point.size // 4
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    for k in range(0, 4 * n_fours, 4):
        a += (reference[k] - point[k]) ** 2
        b += (reference[k + 1] - point[k + 1]) ** 2
        c += (reference[k + 2] - point[k + 2]) ** 2
        d += (reference[k + 3] - point[k + 3]) ** 2
    total = a + b + c + d
    for k in range(4 * n_fours, point.size):
        total += (reference[k] - point[k]) ** 2
    return total


@inlined
def _smallest_columns(row: Array, least: Array, values: Array, columns: Array) -> int:
    """Find the columns of the smallest values of a row, and return how many were found.

    Columns are grouped, and only those groups are looked at whose smallest value is one of the
    smallest: no other can hold any of those. What is not finite is never found.
    """
    n_groups, number = least.size, values.size
    least[:] = row[:n_groups]
    for member in range(1, GROUP):
        part = row[member * n_groups : (member + 1) * n_groups]
        for group in range(n_groups):
            least[group] = part[group] if part[group] < least[group] else least[group]
    n_held = 0
    for group in range(n_groups):
        if least[group] < np.inf and (n_held < number or least[group] < values[number - 1]):
            n_held = _insert(values, columns, n_held, least[group], group)
    highest = values[n_held - 1] if n_held else -np.inf
    n_held = 0
    for group in range(n_groups):
        if least[group] <= highest:
            for column in range(group, row.size, n_groups):
                value = row[column]
                if -np.inf < value <= highest and (n_held < number or value < values[number - 1]):
                    n_held = _insert(values, columns, n_held, value, column)
    return n_held


@compiled
def rank_rows(
    products: Array,
    points: Array,
    references: Array,
    squares: Array,
    indices: Array,
    largest: Array,
) -> None:
    """Candidates for the nearest references of each sample, by the smallest of its products.

    Parameters
    ----------
    products : ndarray (n, p), float32
        Squared distances to the references but for a number of each sample, rounded; `p` is a
        multiple of 16, and what is beyond the `m` references is infinite.
    points : ndarray (n, d), float64
        Samples.
    references : ndarray (m, d)
    squares : ndarray (n, k), float64
        Gets the squared distances of the candidates, increasing.
    indices : ndarray (n, k), int64
        Gets the candidates; of equal squared distances, the lower index first.
    largest : ndarray (n,), float64
        Gets the largest product of a candidate, -infinity where fewer than `k` are finite.
    """
    n_points, number = squares.shape
    least = np.empty(products.shape[1] // GROUP, products.dtype)
    values = np.empty(number, products.dtype)
    columns = np.empty(number, np.int64)
    for i in range(n_points):
        n_found = _smallest_columns(products[i], least, values, columns)
        largest[i] = values[number - 1] if n_found == number else -np.inf
        n_held = 0
        for column in columns[:n_found]:
            square = _squared_distance(points[i], references[column])
            n_held = _insert(squares[i], indices[i], n_held, square, column)
        squares[i, n_held:] = np.inf
        indices[i, n_held:] = 0
