"""How much of the variance of a quantity lies between clusters, compared with chance."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.typing import Float64Array, IntArray
from equiclust.validation import check_array, check_random_state, check_whole

__all__ = ["Association", "association", "holm"]

RandomState = int | np.random.RandomState | None

# Permutations that only swap equal values must not lose to rounding.
_TIE = 1e-12


class Association(NamedTuple):
    """Association of labels with a quantity.

    Attributes
    ----------
    eta_squared : float
        Share of the variance that lies between the clusters, 0 to 1; NaN where all values are
        equal, or there are fewer than two clusters.
    chance : float
        Expected `eta_squared` of independent labels.
    p_value : float
        Probability that independent labels reach `eta_squared`.
    n : int
        Number of images that have both a label and a value.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust.evaluation import association
    >>> labels = np.repeat([0, 1], 20)
    >>> brightness = 3.0 * labels + np.tile([0.0, 1.0], 20)
    >>> found = association(labels, brightness, random_state=0)
    >>> found.eta_squared, round(found.chance, 3), found.p_value
    (0.9, 0.026, 0.001)
    """

    eta_squared: float
    chance: float
    p_value: float
    n: int


@checks_types
def association(
    labels: npt.ArrayLike,
    values: npt.ArrayLike,
    *,
    circular_period: float | None = None,
    n_permutations: int = 999,
    random_state: RandomState = None,
) -> Association:
    r"""Correlation ratio of a quantity with the clusters, and its significance by permutation.

    .. math::

        \eta^2 = \frac{\sum_k n_k \lVert \bar v_k - \bar v \rVert^2}
                      {\sum_i \lVert v_i - \bar v \rVert^2}, \qquad
        E[\eta^2] = \frac{k - 1}{n - 1} \text{ under independence}

    (Fisher 1925, Statistical Methods for Research Workers, ch. 7-8; Cohen 1988 calls .01 small,
    .06 medium and .14 large). A quantity of period :math:`P` is placed on the unit circle first,
    :math:`v = (\cos 2\pi x / P, \sin 2\pi x / P)`: for an axis, which is the same after half a
    rotation, that doubles the angle (Mardia & Jupp 2000, Directional Statistics, ch. 1). The
    p-value is :math:`(1 + \#\{\eta^2_\pi \ge \eta^2\}) / (1 + N)` over `N` random permutations.

    Parameters
    ----------
    labels : array-like (n,), int
        From 0; images with -1, "don't know", are left out.
    values : array-like (n,), float
        One for each image; images without a finite value are left out.
    circular_period : float, optional
        Period of the values in their own unit: 180 for the direction of an axis in degrees.
    n_permutations : int, default 999
        At least 1; the p-value is never below `1 / (1 + n_permutations)`.
    random_state : int or RandomState, optional
        Of the permutations.

    Returns
    -------
    Association

    Raises
    ------
    InputError
        When labels and values have different shapes, or another argument is illegal.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust.evaluation import association
    >>> labels = np.repeat([0, 1], 20)
    >>> sizes = np.tile([0.0, 1.0], 20) + 3.0 * labels
    >>> found = association(labels, sizes, random_state=0)
    >>> found.eta_squared, found.p_value
    (0.9, 0.001)
    >>> angles = np.random.default_rng(0).uniform(0.0, 180.0, 40)
    >>> association(labels, angles, circular_period=180.0, random_state=0).p_value > 0.05
    True
    """
    known, numbers = _checked(labels, values)
    if circular_period is not None and not (0 < circular_period < np.inf):
        raise InputError(f"circular_period must be above 0 and finite, got {circular_period}")
    check_whole("n_permutations", n_permutations, largest=10**9)
    usable = (known >= 0) & np.isfinite(numbers)
    groups = np.unique(known[usable], return_inverse=True)[1]
    vectors = _as_vectors(numbers[usable], circular_period)
    return _association(groups, vectors, n_permutations, check_random_state(random_state))


def _checked(labels: npt.ArrayLike, values: npt.ArrayLike) -> tuple[IntArray, Float64Array]:
    known, numbers = np.asarray(labels), check_array("values", values).astype(np.float64)
    if known.ndim != 1 or (known.size and known.dtype.kind not in "iu"):
        raise InputError(
            f"labels must be integers of shape (n,), got shape {known.shape} "
            f"and dtype {known.dtype}"
        )
    if numbers.shape != known.shape:
        raise InputError(f"values must have shape {known.shape}, got {numbers.shape}")
    return known.astype(np.int64), numbers


def _as_vectors(values: Float64Array, period: float | None) -> Float64Array:
    """Values as rows `(n, 1)` without their scale, which cancels, or `(n, 2)` on a circle."""
    if period is not None:
        angle = 2 * np.pi * values / period
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)
    largest = np.abs(values).max(initial=0.0)
    return (values / largest if largest > 0 else values)[:, None]


def _association(
    groups: IntArray, vectors: Float64Array, n_permutations: int, rng: np.random.RandomState
) -> Association:
    n, sizes = len(groups), np.bincount(groups)
    centred = vectors - (vectors.mean(axis=0) if n else 0.0)
    total = float(np.square(centred).sum())
    # Equal values differ from their mean by rounding.
    if len(sizes) < 2 or total <= n * _TIE:
        return Association(np.nan, np.nan, np.nan, n)
    found = _between(groups, sizes, centred) / total
    as_good = sum(
        _between(rng.permutation(groups), sizes, centred) / total >= found - _TIE
        for _ in range(n_permutations)
    )
    p_value = (1 + as_good) / (1 + n_permutations)
    return Association(min(found, 1.0), (len(sizes) - 1) / (n - 1), p_value, n)


def _between(groups: IntArray, sizes: IntArray, centred: Float64Array) -> float:
    sums = np.stack([np.bincount(groups, column) for column in centred.T])
    return float((np.square(sums) / sizes).sum())


@checks_types
def holm(p_values: npt.ArrayLike) -> Float64Array:
    """Adjust p-values for multiple testing by Holm's method.

    Holm (1979, Scand. J. Statist. 6, 65): the i-th smallest of m is multiplied by m + 1 - i, and
    none becomes smaller than one that was smaller before.

    Parameters
    ----------
    p_values : array-like (m,), float
        NaN where nothing was tested; these stay NaN and do not count.

    Returns
    -------
    ndarray (m,), float64
        Adjusted p-values, at most 1.

    Raises
    ------
    InputError
        When they are not numbers of one axis.

    Examples
    --------
    >>> from equiclust.evaluation.confounders import holm
    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    given = check_array("p_values", p_values).astype(np.float64)
    if given.ndim != 1:
        raise InputError(f"p_values must have shape (m,), got {given.shape}")
    adjusted = np.full(given.shape, np.nan)
    asked = np.flatnonzero(np.isfinite(given))
    order = asked[np.argsort(given[asked], kind="stable")]
    raised = given[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return adjusted
