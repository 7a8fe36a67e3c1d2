"""The classifier of frames, learned from pseudo-labels of which some are wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.model_selection import StratifiedKFold

from equiclust.filtering.core import CERTAIN, COMPONENTS
from equiclust.typing import BoolArray, Float64Array, IntArray

__all__ = ["FrameClassifier"]

_N_FOLDS = 5
_MOST_OF_A_CLASS = 10_000
_STRENGTH = 20.0
# Of the largest distance, which decides alone as long as nothing says otherwise, and of the
# components.
_RIDGES = np.array([1e-4, *[1e-1] * len(COMPONENTS)])
_FAR = 2.0 * CERTAIN


@dataclass(frozen=True, eq=False)
class FrameClassifier:
    """Logistic regressions on the logarithms of the distances, one for each fold.

    Parameters
    ----------
    weights : ndarray (k, 8), float64
        Of the largest of the distances and of every component.
    biases : ndarray (k,), float64
    n_dropped : int
        Pseudo-labels that the folds without them contradicted.
    """

    weights: Float64Array
    biases: Float64Array
    n_dropped: int

    @classmethod
    def fit(cls, components: Float64Array, usable: BoolArray, *, random_state: int) -> Self:
        """Learn by cross-fitting, with both classes weighted alike.

        Five regressions are each fitted to four fifths of the pseudo-labels, and the labels that
        the others contradict are dropped before the regressions are fitted again [1]_. With fewer
        than five frames of a class, the regression is one of the distance alone, with even odds
        where frames begin to be surely unusable.

        Parameters
        ----------
        components : ndarray (n, 7), float64
            Of frames with a pseudo-label; see `Core.components`.
        usable : ndarray (n,), bool
            The pseudo-labels.
        random_state : int
            For the folds, and for the choice among more than 10,000 frames of a class.

        Returns
        -------
        FrameClassifier

        References
        ----------
        .. [1] Northcutt, C. et al. 2021, "Confident learning: estimating uncertainty in dataset
           labels", J. Artif. Intell. Res. 70, 1373.
        """
        generator = np.random.RandomState(random_state)
        chosen = np.sort(
            np.concatenate([_some(np.flatnonzero(usable == one), generator) for one in (0, 1)])
        )
        x, y = _inputs(components[chosen]), usable[chosen]
        if min(np.count_nonzero(y), np.count_nonzero(~y)) < _N_FOLDS:
            return cls._by_distance()
        folds = StratifiedKFold(_N_FOLDS, shuffle=True, random_state=random_state)
        seen = [train for train, _ in folds.split(x, y)]
        first = [_regression(x[train], y[train]) for train in seen]
        held_out = np.empty(len(y))
        for (_, test), (weights, bias) in zip(folds.split(x, y), first, strict=True):
            held_out[test] = expit(x[test] @ weights + bias)
        right: BoolArray = (held_out >= 0.5) == y
        if len(np.unique(y[right])) < 2:
            return cls._by_distance()
        again = [_regression(x[train][right[train]], y[train][right[train]]) for train in seen]
        weights = np.stack([one for one, _ in again])
        return cls(weights, np.array([one for _, one in again]), int(np.count_nonzero(~right)))

    @classmethod
    def _by_distance(cls) -> Self:
        weights = np.zeros((1, len(COMPONENTS) + 1))
        weights[0, 0] = -_STRENGTH
        return cls(weights, np.array([_STRENGTH * np.log1p(CERTAIN)]), 0)

    def probability(self, components: Float64Array) -> Float64Array:
        """Probability that frames are usable.

        Parameters
        ----------
        components : ndarray (n, 7), float64

        Returns
        -------
        ndarray (n,), float64
            Mean over the regressions.
        """
        scores = _inputs(components) @ self.weights.T + self.biases
        found: Float64Array = expit(scores).mean(axis=1)
        return found


def _inputs(components: Float64Array) -> Float64Array:
    # Farther off is no worse, so that a rare way of being unusable counts like a frequent one.
    sizes = np.minimum(np.abs(components), _FAR)
    logs: Float64Array = np.log1p(np.concatenate([sizes.max(axis=1, keepdims=True), sizes], axis=1))
    return logs


def _some(indices: IntArray, generator: np.random.RandomState) -> IntArray:
    if len(indices) <= _MOST_OF_A_CLASS:
        return indices
    chosen: IntArray = generator.choice(indices, _MOST_OF_A_CLASS, replace=False)
    return chosen


def _regression(x: Float64Array, y: BoolArray) -> tuple[Float64Array, float]:
    """Weights, none above zero, and bias of a logistic regression with balanced classes.

    So a frame that lies farther off in any way is never more likely to be usable.
    """
    signs = np.where(y, 1.0, -1.0)
    shares = np.where(y, 0.5 / max(y.sum(), 1), 0.5 / max((~y).sum(), 1))

    def loss(parameters: Float64Array) -> tuple[float, Float64Array]:
        weights, bias = parameters[:-1], parameters[-1]
        margins = signs * (x @ weights + bias)
        slopes = -shares * signs * expit(-margins)
        value = float(np.sum(shares * np.logaddexp(0.0, -margins)))
        gradient = np.append(x.T @ slopes + _RIDGES * weights, slopes.sum())
        return value + 0.5 * float(_RIDGES @ weights**2), gradient

    n = x.shape[1]
    bounds = [(None, 0.0)] * n + [(None, None)]
    found = minimize(loss, np.zeros(n + 1), jac=True, method="L-BFGS-B", bounds=bounds)
    return found.x[:-1], float(found.x[-1])
