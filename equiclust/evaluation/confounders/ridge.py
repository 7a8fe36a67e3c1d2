"""Ridge regression whose penalty is chosen by generalised cross-validation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from equiclust.typing import Float64Array

__all__ = ["Ridge", "fit_ridge"]

# Penalties for each sample.
_PENALTIES = 10.0 ** np.arange(-4.0, 2.5, 0.5)


class Ridge(NamedTuple):
    """A fitted regression.

    Attributes
    ----------
    coefficients : ndarray (p, d)
        0 where prediction is no better than the mean.
    explained : float
        Share of the variance that is predicted of samples left out, 0 to 1.
    """

    coefficients: Float64Array
    explained: float


def fit_ridge(terms: Float64Array, targets: Float64Array) -> Ridge:
    r"""Predict centred targets from centred terms.

    .. math::

        B_\lambda = (T^\top T + n \lambda I)^{-1} T^\top X, \qquad
        H_\lambda = \tfrac1n 1 1^\top + T (T^\top T + n \lambda I)^{-1} T^\top, \qquad
        \mathrm{GCV}(\lambda) = \frac{n \lVert X - H_\lambda X \rVert^2}
                                     {(n - \operatorname{tr} H_\lambda)^2}

    The penalty has the smallest GCV of all targets together, where infinity is allowed too, so that
    nothing is predicted from chance (Golub, Heath & Wahba 1979, Technometrics 21, 215). The share
    that is explained is that of samples left out one at a time, whose residuals are
    :math:`(x - \hat x) / (1 - H_{ii})` (Allen 1974, Technometrics 16, 125).

    Parameters
    ----------
    terms : ndarray (n, p)
        Columns of mean 0.
    targets : ndarray (n, d)
        Columns of mean 0.

    Returns
    -------
    Ridge
    """
    n = len(terms)
    nothing = Ridge(np.zeros((terms.shape[1], targets.shape[1])), 0.0)
    total = float(np.square(targets).sum())
    if not terms.shape[1] or not total > 0:
        return nothing
    left, sizes, right = np.linalg.svd(terms, full_matrices=False)
    projected = left.T @ targets
    strengths = np.square(projected).sum(axis=1)
    shrinks = np.square(sizes) / (np.square(sizes) + n * _PENALTIES[:, None])
    residual = total - ((2 * shrinks - np.square(shrinks)) * strengths).sum(axis=1)
    scores = residual / np.square(n - 1 - shrinks.sum(axis=1))
    best = int(np.argmin(scores))
    if scores[best] >= total / (n - 1) ** 2:
        return nothing
    predicted = left @ (shrinks[best][:, None] * projected)
    leverage = 1 / n + np.square(left) @ shrinks[best]
    errors = (targets - predicted) / (1 - leverage)[:, None]
    explained = 1 - float(np.square(errors).sum()) / (total * (n / (n - 1)) ** 2)
    if explained <= 0:
        return nothing
    factors = np.divide(shrinks[best], sizes, out=np.zeros_like(sizes), where=sizes > 0)
    return Ridge(right.T @ (factors[:, None] * projected), explained)
