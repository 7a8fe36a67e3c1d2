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
import math
from collections.abc import Iterator

import diptest
import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from equiclust.clustering.labels import kmeans_centres

__all__ = ["FEWEST_FOR_VALLEY", "unimodality_p_value"]

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
    return _dip(sample) * (math.sqrt(len(sample)) + 0.5)


def _dip(sample: Array) -> float:
    """Hartigan & Hartigan's dip of samples `(n,)`, at least `1 / 2n`."""
    return float(diptest.dipstat(np.ascontiguousarray(sample), allow_zero=False))


def _most_divided(points: Array, seed: int) -> Array:
    """Of the directions tried, the one along which the points dip most."""
    directions = list(_directions(points, seed))
    depths = [_dip(points @ direction) for direction in directions]
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
