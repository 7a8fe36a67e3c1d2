"""How the first weights are drawn, so that a deep stack neither fades nor explodes."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from equiclust.nn.filters import polar_basis
from equiclust.nn.groups import Group

__all__ = ["noise_to_weights"]

FloatArray = npt.NDArray[np.float64]


@lru_cache(maxsize=64)
def noise_to_weights(kernel_size: int) -> FloatArray:
    """Matrix that turns white noise on a filter's pixels into weights of a filter of unit gain.

    He et al. (2015, arXiv:1502.01852) draw free filters as white noise, which passes smooth and
    rough images alike. Drawing independent weights of a band-limited basis instead would amplify
    smooth images, more in every layer. So the free filter is drawn and projected on the basis,
    `P = pinv(B) B`, and scaled to leave the second moment of a typical input as it is, of
    autocorrelation `R`: `trace(P R) = 1`. The typical input is a rectified Gaussian field that
    such a filter made out of noise; rectifying takes an autocorrelation `c` to
    `(sqrt(1 - c^2) + c (pi - arccos c)) / pi` (Cho and Saul 2009).

    Parameters
    ----------
    kernel_size : int
        Side of the filter in pixels.

    Returns
    -------
    ndarray (kernel_size^2, n_functions), float64
        Read-only.
    """
    basis = polar_basis(Group("trivial"), kernel_size)[0].reshape(-1, kernel_size**2)
    inverse = np.linalg.pinv(basis)
    projection = inverse @ basis
    lags = _lags(kernel_size)
    total = np.bincount(lags.ravel(), weights=projection.ravel())
    correlation = np.clip(total[lags] / np.trace(projection), -1.0, 1.0)
    angle = np.arccos(correlation)
    rectified = (np.sin(angle) + correlation * (np.pi - angle)) / np.pi
    matrix: FloatArray = inverse / np.sqrt((projection * rectified).sum())
    matrix.setflags(write=False)
    return matrix


def _lags(kernel_size: int) -> npt.NDArray[np.int64]:
    """Number of the displacement between every two pixels, `(kernel_size^2, kernel_size^2)`."""
    y, x = np.divmod(np.arange(kernel_size**2), kernel_size)
    width = 2 * kernel_size - 1
    down = y[None] - y[:, None] + kernel_size - 1
    right = x[None] - x[:, None] + kernel_size - 1
    lags: npt.NDArray[np.int64] = down * width + right
    return lags
