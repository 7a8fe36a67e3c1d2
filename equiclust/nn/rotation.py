"""Images rotated about their centre by cubic splines, in a way that commutes with D4."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from scipy.linalg import solve_toeplitz
from torch import Tensor, nn

from equiclust.typing import Float64Array, IntArray

__all__ = ["SplineRotation", "SplineSamples", "spline_prefilter", "spline_samples"]

_TAPS = 4


class SplineSamples(NamedTuple):
    """Which 4 x 4 coefficients each pixel is made of, and what they count.

    Attributes
    ----------
    rows, columns : ndarray (size, size), int64
        First row and first column; what lies outside the image counts nothing.
    row_weights, column_weights : ndarray (size, size, 4), float64
        Their products are the weights.
    """

    rows: IntArray
    columns: IntArray
    row_weights: Float64Array
    column_weights: Float64Array


class SplineRotation(nn.Module):
    """Turn square images by one angle.

    Interpolation by cubic B-splines, exact on the grid (Unser, Aldroubi & Eden 1991). The product
    of one spline an axis looks the same from all eight sides of the grid, so turning first by 45
    degrees and then by 90, or the other way round, gives the same pixels up to rounding. Outside
    the image is zero.

    Parameters
    ----------
    size : int
        Side of the images in pixels.
    angle : float
        In degrees, counter-clockwise with the first row on top.

    Examples
    --------
    >>> import torch
    >>> from equiclust.nn import SplineRotation
    >>> images = torch.rand(2, 1, 32, 32)
    >>> eighth, quarter = SplineRotation(32, 45.0), SplineRotation(32, 90.0)
    >>> torch.allclose(quarter(images), images.rot90(1, (2, 3)), atol=1e-4)
    True
    >>> eighth(images).shape
    torch.Size([2, 1, 32, 32])
    """

    prefilter: Tensor
    indices: Tensor
    weights: Tensor

    def __init__(self, size: int, angle: float) -> None:
        super().__init__()
        self.size, self.angle = size, angle
        indices, weights = _tables(spline_samples(size, angle))
        tables = {"prefilter": spline_prefilter(size), "weights": weights}
        for name, table in tables.items():
            self.register_buffer(name, torch.tensor(table).float(), persistent=False)
        self.register_buffer("indices", torch.tensor(indices), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Rotate images.

        Parameters
        ----------
        images : Tensor (n, c, size, size)

        Returns
        -------
        Tensor (n, c, size, size)
        """
        coefficients = self.prefilter @ images @ self.prefilter.T
        flat = coefficients.flatten(2).index_select(2, self.indices)
        sampled = flat.view(*images.shape[:2], -1, _TAPS * _TAPS)
        return torch.einsum("ncpk,pk->ncp", sampled, self.weights).view_as(images)

    def extra_repr(self) -> str:
        """Side and angle."""
        return f"{self.size}, {self.angle:g} degrees"


def spline_prefilter(size: int) -> Float64Array:
    """Matrix from values on an axis to the coefficients of their spline.

    Parameters
    ----------
    size : int
        Number of values.

    Returns
    -------
    ndarray (size, size), float64
        Symmetric.
    """
    row = np.zeros(size)
    row[:2] = 4.0 / 6.0, 1.0 / 6.0
    return np.asarray(solve_toeplitz(row, np.eye(size)))


def spline_samples(size: int, angle: float) -> SplineSamples:
    """Where the pixels of a rotated image lie between those of the image.

    Parameters
    ----------
    size : int
        Side of the image in pixels.
    angle : float
        In degrees, counter-clockwise with the first row on top.

    Returns
    -------
    SplineSamples
    """
    offset = np.arange(size) - (size - 1) / 2
    y, x = np.meshgrid(-offset, offset, indexing="ij")
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    column = cosine * x + sine * y + (size - 1) / 2
    row = (size - 1) / 2 - (cosine * y - sine * x)
    rows, row_weights = _taps(row, size)
    columns, column_weights = _taps(column, size)
    return SplineSamples(rows, columns, row_weights, column_weights)


def _taps(position: Float64Array, size: int) -> tuple[IntArray, Float64Array]:
    """First of the four nearest coefficients on an axis, and the spline at their distances."""
    first = np.floor(position).astype(np.int64) - 1
    nearest = first[..., None] + np.arange(_TAPS)
    distance = np.abs(position[..., None] - nearest)
    near = 2.0 / 3.0 - distance**2 + distance**3 / 2.0
    far = np.maximum(2.0 - distance, 0.0) ** 3 / 6.0
    weights = np.where(distance < 1.0, near, far)
    inside = (nearest >= 0) & (nearest < size)
    return first, np.where(inside, weights, 0.0)


def _tables(samples: SplineSamples) -> tuple[IntArray, Float64Array]:
    """Coefficients of all pixels `(size^2 * 16,)` and their weights `(size^2, 16)`."""
    size = len(samples.rows)
    rows, columns = (
        np.clip(first[..., None] + np.arange(_TAPS), 0, size - 1)
        for first in (samples.rows, samples.columns)
    )
    indices = rows[..., :, None] * size + columns[..., None, :]
    weights = samples.row_weights[..., :, None] * samples.column_weights[..., None, :]
    return indices.ravel(), weights.reshape(size * size, -1)
