"""Samples on other axes, in a compiled loop that adds up each of them alone."""

from __future__ import annotations

from equiclust.compiled import compiled
from equiclust.typing import Array

__all__ = ["add_products"]


@compiled
def add_products(rows: Array, axes: Array, sums: Array) -> None:
    """Add the product of two matrices, whose terms are added in their order.

    Parameters
    ----------
    rows : ndarray (n, d), float64
    axes : ndarray (d, c), float64
    sums : ndarray (n, c), float64
        Zero; gets the products.
    """
    n_fours = rows.shape[1] // 4
    for i in range(rows.shape[0]):
        row, own = rows[i], sums[i]
        for k in range(0, 4 * n_fours, 4):
            a, b, c, d = axes[k], axes[k + 1], axes[k + 2], axes[k + 3]
            for j in range(own.size):
                partial = own[j] + row[k] * a[j]
                partial += row[k + 1] * b[j]
                partial += row[k + 2] * c[j]
                own[j] = partial + row[k + 3] * d[j]
        for k in range(4 * n_fours, row.size):
            a = axes[k]
            for j in range(own.size):
                own[j] += row[k] * a[j]
