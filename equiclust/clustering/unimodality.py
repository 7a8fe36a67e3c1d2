r"""Whether samples have one mode: the dip test, extended to many dimensions.

The dip [1]_ is the largest distance between the distribution function of samples on a line and that
of the nearest unimodal distribution. Here the samples are halved. In one half the direction with
the largest dip is sought, and the dip of the other half along it is measured. That half did not
choose the direction, so that samples of one mode have no larger dip than by chance: any
projection of uniform noise in a convex region, of a Gaussian or of another log-concave density is
unimodal (Prékopa's theorem), and of those a uniform one has the largest dips. The measured dips are
compared with simulated dips of uniform noise.

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
from scipy.spatial.distance import cdist

from equiclust.clustering.labels import kmeans_centres
from equiclust.typing import Float64Array

__all__ = ["MIN_SAMPLES", "scaled_dip", "unimodality_p_value", "within_covariance"]

_N_SPLITS = 16
_N_STARTS = 3

MIN_SAMPLES = 100
"""Least number of samples for the test to be of use."""

# Mean scaled dips, over four splits, that 160 sets of uniform noise (100 to 300 samples in 2 and 5
# dimensions) exceeded with these frequencies. Gaussians, more dimensions and more splits exceed
# them more rarely.
_MEAN_DIPS = (0.28, 0.303, 0.341, 0.374, 0.387, 0.41, 0.43, 0.45, 0.48)
_P_VALUES = (0.99, 0.9, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005)

# Numbers of clusters between whose centres the directions are tried.
_N_CLUSTERS = (2, 4, 8)

# Shrinkage of the covariance within clusters to a multiple of the unit matrix.
_SHRINKAGE = 0.3


def unimodality_p_value(points: Float64Array, generator: np.random.RandomState) -> float:
    """Probability of dips as large as those of the samples if these have one mode.

    Parameters
    ----------
    points : ndarray (n, d)
        Samples.
    generator : RandomState
        For the halves and for k-means.

    Returns
    -------
    float
        From 0.005, for all smaller probabilities, to 0.99.
    """
    dips = []
    for _ in range(_N_SPLITS):
        first, second = np.array_split(generator.permutation(len(points)), 2)
        for seen, unseen in ((first, second), (second, first)):
            direction = _direction_of_largest_dip(points[seen], int(generator.randint(2**31 - 1)))
            dips.append(scaled_dip(points[unseen] @ direction))
    return float(np.exp(np.interp(np.mean(dips), _MEAN_DIPS, np.log(_P_VALUES))))


def scaled_dip(sample: Float64Array) -> float:
    """The dip, scaled so that its values by chance do not depend on the number of samples.

    Parameters
    ----------
    sample : ndarray (n,)

    Returns
    -------
    float
        About 0.3 where there is one mode.
    """
    return _dip(sample) * (math.sqrt(len(sample)) + 0.5)


def _dip(sample: Float64Array) -> float:
    """Hartigan & Hartigan's dip of samples `(n,)`, at least `1 / 2n`."""
    return float(diptest.dipstat(np.ascontiguousarray(sample), allow_zero=False))


def _direction_of_largest_dip(points: Float64Array, seed: int) -> Float64Array:
    """The one `(d,)` of the directions tried."""
    directions = list(_directions(points, seed))
    dips = [_dip(points @ direction) for direction in directions]
    return directions[int(np.argmax(dips))]


def _directions(points: Float64Array, seed: int) -> Iterator[Float64Array]:
    """Differences `(d,)` of k-means centres, and Fisher's discriminants between these."""
    counts = np.ones(len(points), dtype=np.int64)
    for n_clusters in _N_CLUSTERS:
        if n_clusters >= len(points):
            return
        centres = kmeans_centres(points, counts, n_clusters, n_init=_N_STARTS, seed=seed)
        nearest = cdist(points, centres).argmin(axis=1)
        within = within_covariance(points - centres[nearest])
        for first, second in itertools.combinations(centres, 2):
            yield first - second
            yield np.linalg.solve(within, first - second)


def within_covariance(deviations: Float64Array) -> Float64Array:
    """Covariance within clusters, shrunk towards a multiple of the unit matrix.

    Parameters
    ----------
    deviations : ndarray (n, d)
        Of samples from the centres of their clusters.

    Returns
    -------
    ndarray (d, d)
        Invertible.
    """
    covariance = deviations.T @ deviations / len(deviations)
    n_features = len(covariance)
    level = max(np.trace(covariance) / n_features, np.finfo(np.float64).tiny)
    return np.asarray((1 - _SHRINKAGE) * covariance + _SHRINKAGE * level * np.eye(n_features))
