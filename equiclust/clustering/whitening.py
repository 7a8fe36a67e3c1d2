"""Latents on principal axes of similar variance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from sklearn.decomposition import PCA

from equiclust.binary_scale import in_unit, range_exponent
from equiclust.exceptions import InputError
from equiclust.typing import Float64Array
from equiclust.validation import shown

__all__ = ["Whitening", "check_whitening"]

_WHOLE = (int, np.integer)
_REAL = (int, float, np.integer, np.floating)

# A column that varies less than float32 resolves at its size holds rounding errors only.
_FLOAT32_ROUNDING = 4 * float(np.finfo(np.float32).eps)

# Products from which a compiled loop adds them up, which takes a fifth of the time.
_MUCH_WORK = 2**27


def check_whitening(whiten: object, n_components: object) -> None:
    """Raise an error for invalid values of `whiten` or `n_components`.

    Parameters
    ----------
    whiten, n_components : object
        As in `LatentClusterer`.

    Raises
    ------
    InputError
        When one is out of range.
    """
    if not isinstance(whiten, _REAL) or not 0 <= whiten <= 1:
        raise InputError(f"whiten must be True, False or between 0 and 1, got {shown(whiten)}")
    whole = isinstance(n_components, _WHOLE) and not isinstance(n_components, bool)
    if n_components is None or (whole and isinstance(n_components, _WHOLE) and n_components >= 1):
        return
    if whole or not isinstance(n_components, _REAL) or not 0 < n_components < 1:
        raise InputError(
            "n_components must be a whole number of at least 1, a share of the variance between "
            f"0 and 1, or None, got {shown(n_components)}"
        )


@dataclass(frozen=True, eq=False)
class Whitening:
    r"""The map :math:`x \mapsto ((x - \mu) / \sigma)\,A` learned from samples.

    Parameters
    ----------
    mean : ndarray (d,)
        :math:`\mu`, the mean of each column.
    scale : ndarray (d,)
        :math:`\sigma`, the standard deviation of each column, or one power of two for all.
    axes : ndarray (d, c)
        :math:`A`: principal axes, each divided by its standard deviation to the power `whiten`,
        then all of them by one number, so that their mean variance is one.
    """

    mean: Float64Array
    scale: Float64Array
    axes: Float64Array

    @classmethod
    def fit(
        cls,
        points: Float64Array,
        *,
        standardise: bool,
        whiten: float,
        n_components: float | int | None,
    ) -> Self:
        """Learn the map.

        Parameters
        ----------
        points : ndarray (n, d)
            Samples.
        standardise : bool
            Scale every column to unit variance before finding principal axes.
        whiten : float
            1 scales all axes to the same variance, 0 keeps their variances, and a value between
            divides each by its standard deviation to that power.
        n_components : int, float or None
            Number of axes, at most `n - 1`; or the share of the variance that they explain, which
            leaves out the directions of small variance that whitening would amplify; or all.

        Returns
        -------
        Whitening
            The map.
        """
        # Every column in a unit of its own, since squares of large and small numbers are none.
        largest = np.abs(points).max(axis=0)
        units = np.frexp(largest)[1]
        columns = in_unit(points, units)
        mean, deviation = (np.ldexp(f(columns, axis=0), units) for f in (np.mean, np.std))
        alive = deviation > _FLOAT32_ROUNDING * largest
        if not alive.any() or len(points) < 2:
            return cls(mean, np.ones_like(mean), np.zeros((points.shape[1], 1)))
        common = np.ldexp(np.ones_like(deviation), range_exponent(points[:, alive]))
        scale = np.where(alive, deviation if standardise else common, 1.0)
        pca = PCA(_whole_or_share(n_components, points.shape), svd_solver="full")
        pca.fit(np.where(alive, _standard(points, mean, scale), 0.0))
        kept = pca.explained_variance_ > pca.explained_variance_[0] * _FLOAT32_ROUNDING**2
        spread = np.sqrt(pca.explained_variance_[kept])
        axes = (pca.components_[kept] / spread[:, None] ** float(whiten)).T
        axes /= np.sqrt(np.mean(spread ** (2 - 2 * float(whiten))))
        return cls(mean, scale, np.ascontiguousarray(np.where(alive[:, None], axes, 0.0)))

    def apply(self, points: Float64Array) -> Float64Array:
        """Samples on the new axes.

        Parameters
        ----------
        points : ndarray (n, d)
            Samples.

        Returns
        -------
        ndarray (n, c)
        """
        # Not a matrix product: BLAS rounds a row differently in batches of different size.
        standard = _standard(points, self.mean, self.scale)
        if len(standard) * self.axes.size < _MUCH_WORK or self.axes.shape[1] == 1:
            return np.asarray(np.einsum("nd,dc->nc", standard, self.axes))
        # Numba takes half a second to import.
        from equiclust.clustering.rotation_kernel import add_products

        rotated = np.zeros((len(standard), self.axes.shape[1]))
        add_products(standard, self.axes, rotated)
        return rotated


def _standard(points: Float64Array, mean: Float64Array, scale: Float64Array) -> Float64Array:
    units = np.frexp(scale)[1]
    return np.asarray(
        (in_unit(points, units) - in_unit(mean, units)) / np.ldexp(scale, -units), dtype=np.float64
    )


def _whole_or_share(n_components: float | int | None, shape: tuple[int, ...]) -> float | int:
    most = min(shape[0] - 1, shape[1])
    if n_components is None:
        return most
    if isinstance(n_components, _WHOLE):
        return min(int(n_components), most)
    return float(n_components)
