"""Latents brought to axes of like weight, so that no direction counts by its units alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA

from equiclust.exceptions import InputError

__all__ = ["Whitening", "check_whitening"]

Array = npt.NDArray[np.float64]

_WHOLE = (int, np.integer)
_REAL = (int, float, np.integer, np.floating)

# A column that varies less than float32 can tell at its size holds rounding, not information.
_FLOAT32_ROUNDING = 4 * float(np.finfo(np.float32).eps)


def check_whitening(whiten: object, n_components: object) -> None:
    """Refuse values of `whiten` and `n_components` that mean nothing."""
    if not isinstance(whiten, _REAL) or not 0 <= whiten <= 1:
        raise InputError(f"whiten must be True, False or between 0 and 1, got {whiten!r}")
    whole = isinstance(n_components, _WHOLE) and not isinstance(n_components, bool)
    if n_components is None or (whole and isinstance(n_components, _WHOLE) and n_components >= 1):
        return
    if whole or not isinstance(n_components, _REAL) or not 0 < n_components < 1:
        raise InputError(
            "n_components must be a whole number of at least 1, a share of the variance between "
            f"0 and 1, or None, got {n_components!r}"
        )


@dataclass(frozen=True, eq=False)
class Whitening:
    r"""The map :math:`x \mapsto ((x - \mu) / \sigma)\,A` learned from samples.

    Parameters
    ----------
    mean : ndarray (d,)
        :math:`\mu`.
    scale : ndarray (d,)
        :math:`\sigma`.
    axes : ndarray (d, c)
        :math:`A`: principal axes, each divided by its standard deviation to the power `whiten`,
        then all of them by one number that makes their mean variance one.
    """

    mean: Array
    scale: Array
    axes: Array

    @classmethod
    def fit(
        cls,
        points: Array,
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
            Bring every column to unit variance before looking for principal axes.
        whiten : float
            1 brings every axis to the same variance, 0 keeps their ratios, and what lies between
            goes part of the way.
        n_components : int, float or None
            How many axes, at most `n - 1`; or the share of the variance they shall explain, which
            leaves out the directions of little variance that whitening would raise to the weight
            of the others; or all.
        """
        mean, deviation = points.mean(axis=0), points.std(axis=0)
        alive = deviation > _FLOAT32_ROUNDING * np.abs(points).max(axis=0)
        if not alive.any() or len(points) < 2:
            return cls(mean, np.ones_like(mean), np.zeros((points.shape[1], 1)))
        scale = deviation if standardise else np.ones_like(deviation)
        scale = np.where(alive, scale, 1.0)
        pca = PCA(_whole_or_share(n_components, points.shape), svd_solver="full")
        pca.fit(np.where(alive, (points - mean) / scale, 0.0))
        kept = pca.explained_variance_ > pca.explained_variance_[0] * _FLOAT32_ROUNDING**2
        spread = np.sqrt(pca.explained_variance_[kept])
        axes = (pca.components_[kept] / spread[:, None] ** float(whiten)).T
        axes /= np.sqrt(np.mean(spread ** (2 - 2 * float(whiten))))
        return cls(mean, scale, np.ascontiguousarray(np.where(alive[:, None], axes, 0.0)))

    def apply(self, points: Array) -> Array:
        """Samples `(n, d)` on the new axes, `(n, c)`."""
        # Not a matrix product: BLAS rounds a row differently in batches of different size.
        standard = (points - self.mean) / self.scale
        return np.asarray(np.einsum("nd,dc->nc", standard, self.axes))


def _whole_or_share(n_components: float | int | None, shape: tuple[int, ...]) -> float | int:
    most = min(shape[0] - 1, shape[1])
    if n_components is None:
        return most
    if isinstance(n_components, _WHOLE):
        return min(int(n_components), most)
    return float(n_components)
