r"""Whether samples could be one heap without a valley: the dip test, made fit for many dimensions.

Hartigan & Hartigan's dip [1]_ is the largest distance between the distribution function of samples
on a line and that of the unimodal distribution nearest to it. Here the samples are halved. One half
looks for the direction along which it falls apart most, the other is laid out along it. It had
no say in the direction, so that a single heap shows no more of a dip than chance allows: any
projection of uniform noise in a convex region, of a Gaussian or of another log-concave density is
unimodal (Prékopa's theorem), and of those a uniform one has the largest dips. Its dips, drawn at
random, are what the measured ones are compared with.

References
----------
.. [1] Hartigan, J. A. & Hartigan, P. M. 1985, "The dip test of unimodality", Ann. Statist. 13, 70.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from equiclust.clustering.labels import kmeans_centres

__all__ = ["FEWEST_FOR_VALLEY", "dip", "unimodality_p_value"]

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

_N_SPLITS = 4
_N_STARTS = 3

FEWEST_FOR_VALLEY = 100
"""Of fewer samples half cannot show a valley that a hundred would."""

# Mean depths that 160 sets of uniform noise (100 to 300 samples in 2 and 5 dimensions) exceeded
# with these frequencies. Gaussians and more dimensions give smaller ones.
_MEAN_DEPTHS = (0.28, 0.303, 0.341, 0.374, 0.387, 0.41, 0.43, 0.45, 0.48)
_P_VALUES = (0.99, 0.9, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005)

# Numbers of clusters whose centres are joined by the directions tried.
_DIVISIONS = (2, 4, 8)

# How much of the covariance within clusters is taken for round when directions are sought.
_SHRINKAGE = 0.3


def dip(sample: npt.ArrayLike) -> float:
    r"""Distance of samples on a line from the nearest unimodal distribution.

    :math:`\min_U \max_x |F(x) - U(x)|` over the distribution functions `U` that are convex up to a
    mode and concave from there, `F` being that of the samples.

    Parameters
    ----------
    sample : array-like (n,)
        Distinct values. Of a value that is repeated the dip tells how far it is from a density.

    Returns
    -------
    float
        From `1 / 2n` to 1/4.
    """
    values, counts = np.unique(np.asarray(sample, dtype=np.float64), return_counts=True)
    above = np.cumsum(counts).astype(np.float64)
    return float(_dip(values, above - counts, above) / (2 * above[-1]))


def _dip(values: Array, below: Array, above: Array) -> float:
    """Twice the dip, in samples.

    Between the greatest convex function below and the least concave one above, the interval that
    must hold the mode is narrowed while their gap inside it is wider than what was left outside.
    """
    widest, low, high = 1.0, 0, len(values) - 1
    while True:
        here = slice(low, high + 1)
        feet = low + _lower_hull(values[here], below[here])
        tops = low + _lower_hull(values[here], -above[here])
        convex = np.interp(values, values[feet], below[feet])
        concave = np.interp(values, values[tops], above[tops])
        gap = concave - convex
        if max(gap[feet].max(), gap[tops].max()) <= widest:
            return widest
        if gap[feet].max() > gap[tops].max():
            left = int(feet[gap[feet].argmax()])
            right = int(tops[np.searchsorted(tops, left)])
        else:
            right = int(tops[gap[tops].argmax()])
            left = int(feet[np.searchsorted(feet, right, side="right") - 1])
        outside_left = (above - convex)[low : left + 1].max()
        outside_right = (concave - below)[right : high + 1].max()
        widest = max(widest, float(outside_left), float(outside_right))
        if (left, right) == (low, high):
            return widest
        low, high = left, right


def _lower_hull(x: Array, y: Array) -> Labels:
    """Indices of the corners of the greatest convex function below points sorted by `x`."""
    xs, ys = x.tolist(), y.tolist()
    kept: list[int] = []
    for i in range(len(xs)):
        while len(kept) > 1:
            a, b = kept[-2], kept[-1]
            if (ys[b] - ys[a]) * (xs[i] - xs[a]) < (ys[i] - ys[a]) * (xs[b] - xs[a]):
                break
            kept.pop()
        kept.append(i)
    return np.array(kept)


def unimodality_p_value(points: Array, generator: np.random.RandomState) -> float:
    """How likely a single heap shows dips as deep as those of the samples.

    Parameters
    ----------
    points : ndarray (n, d)
        Samples.
    generator : RandomState
        For the halves and the divisions that give the directions.

    Returns
    -------
    float
        From 0.005, for all that is less likely, to 0.99.
    """
    depths = []
    for _ in range(_N_SPLITS):
        first, second = np.array_split(generator.permutation(len(points)), 2)
        for seen, unseen in ((first, second), (second, first)):
            direction = _most_divided(points[seen], int(generator.randint(2**31 - 1)))
            depths.append(_depth(points[unseen] @ direction))
    return float(np.exp(np.interp(np.mean(depths), _MEAN_DEPTHS, np.log(_P_VALUES))))


def _depth(sample: Array) -> float:
    """The dip in units in which its chance values depend on the number of samples no more."""
    return float(dip(sample) * (len(sample) ** 0.5 + 0.5))


def _most_divided(points: Array, seed: int) -> Array:
    """Of the directions tried, the one along which the points dip most."""
    directions = list(_directions(points, seed))
    depths = [dip(points @ direction) for direction in directions]
    return directions[int(np.argmax(depths))]


def _directions(points: Array, seed: int) -> Iterator[Array]:
    """From centre to centre of k-means, and Fisher's discriminants between them."""
    once = np.ones(len(points), dtype=np.int64)
    for n_clusters in _DIVISIONS:
        if n_clusters >= len(points):
            return
        centres = kmeans_centres(points, once, n_clusters, n_init=_N_STARTS, seed=seed)
        nearest = cdist(points, centres).argmin(axis=1)
        within = _within_covariance(points - centres[nearest])
        for first, second in itertools.combinations(centres, 2):
            yield first - second
            yield np.linalg.solve(within, first - second)


def _within_covariance(deviations: Array) -> Array:
    covariance = deviations.T @ deviations / len(deviations)
    n_features = len(covariance)
    level = max(np.trace(covariance) / n_features, np.finfo(np.float64).tiny)
    return np.asarray((1 - _SHRINKAGE) * covariance + _SHRINKAGE * level * np.eye(n_features))
