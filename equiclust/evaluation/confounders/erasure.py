"""Erasure of a linear concept from vectors, in closed form."""

from __future__ import annotations

import numpy as np

from equiclust.typing import Float64Array

__all__ = ["fit_erasure"]

# Axes of less variance, relative to the largest, hold rounding only.
_RANK_TOLERANCE = 1e-10


def fit_erasure(terms: Float64Array, targets: Float64Array) -> Float64Array:
    r"""Matrix of the least change after which no linear function of the vectors predicts the terms.

    With :math:`W = (\Sigma_{XX}^{1/2})^+` and the orthogonal projection :math:`P` on the columns of
    :math:`W \Sigma_{XT}`,

    .. math:: x \mapsto x - W^+ P W (x - \bar x)

    is LEACE (Belrose et al. 2023, Advances in Neural Information Processing Systems 36). It needs
    no measures of a new image, and takes out as many axes as there are terms, however weakly these
    are related to the vectors.

    Parameters
    ----------
    terms : ndarray (n, p)
        Columns of mean 0.
    targets : ndarray (n, d)
        Columns of mean 0.

    Returns
    -------
    ndarray (d, d)
        :math:`(W^+ P W)^\top`, by which centred rows are multiplied.
    """
    n = len(terms)
    variances, axes = np.linalg.eigh(targets.T @ targets / n)
    kept = variances > _RANK_TOLERANCE * max(float(variances.max()), 0.0)
    roots, axes = np.sqrt(variances[kept]), axes[:, kept]
    crossed = (axes / roots).T @ (targets.T @ terms / n)
    directions, strengths, _ = np.linalg.svd(crossed, full_matrices=False)
    directions = directions[:, strengths > _RANK_TOLERANCE]
    return np.asarray((axes / roots) @ directions @ (directions.T * roots) @ axes.T)
