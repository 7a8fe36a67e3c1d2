"""Probabilities of kinds from a few labels: logistic regression and label spreading together."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from equiclust.teaching.neighbours import ReferenceGraph, Seen
from equiclust.typing import BoolArray, Float64Array, IntArray

__all__ = ["Evidence", "LinearPart", "cross_fitted", "find_temperature", "log_loss", "tempered"]

# Inverse strength of the penalty of the logistic regression.
_C = 30.0
_N_FOLDS = 10
# Probability of a kind of which a fold has no label.
_UNSEEN = 1e-6
_SMALLEST = 1e-12
# Weight of a label that is the only one of its kind: without it, its kind cannot be foretold.
_LONELY = 0.3
_LOG_TEMPERATURES = (-2.5, 2.5)


@dataclass(frozen=True, eq=False)
class LinearPart:
    """Multinomial logistic regression.

    Parameters
    ----------
    weights : ndarray (k, d)
    intercepts : ndarray (k,)
    known : ndarray (k,), bool
        Kinds that it was fitted to; the others have hardly any probability.
    """

    weights: Float64Array
    intercepts: Float64Array
    known: BoolArray

    @classmethod
    def fit(cls, points: Float64Array, kinds: IntArray, n_kinds: int) -> LinearPart:
        """Fit to labelled points.

        Parameters
        ----------
        points : ndarray (m, d)
        kinds : ndarray (m,), int
            0 to `n_kinds` - 1; some may be missing.
        n_kinds : int

        Returns
        -------
        LinearPart
        """
        there = np.unique(kinds)
        weights, intercepts = np.zeros((n_kinds, points.shape[1])), np.zeros(n_kinds)
        if len(there) > 1:
            regression = LogisticRegression(C=_C, max_iter=2000)
            with warnings.catch_warnings():
                # Near enough: the probabilities are calibrated afterwards.
                warnings.simplefilter("ignore", ConvergenceWarning)
                regression.fit(points, kinds)
            coefficients, offsets = regression.coef_, regression.intercept_
            if len(there) == 2:
                # Of two kinds, scikit-learn gives the log-odds of the second.
                coefficients = np.concatenate([-coefficients, coefficients]) / 2
                offsets = np.concatenate([-offsets, offsets]) / 2
            weights[there], intercepts[there] = coefficients, offsets
        known = np.isin(np.arange(n_kinds), there)
        return cls(weights, intercepts, known)

    def probabilities(self, points: Float64Array) -> Float64Array:
        """Probabilities of the kinds.

        Parameters
        ----------
        points : ndarray (n, d)

        Returns
        -------
        ndarray (n, k)
        """
        found = _softmax(points @ self.weights.T + self.intercepts, self.known)
        return np.asarray(np.where(self.known, found, _UNSEEN))


@dataclass(frozen=True, eq=False)
class Evidence:
    """What labels say of images in one space.

    Parameters
    ----------
    graph : ReferenceGraph
    rows : ndarray (m,), int
        References with a label.
    kinds : ndarray (m,), int
        Their kinds.
    n_kinds : int
    """

    graph: ReferenceGraph
    rows: IntArray
    kinds: IntArray
    n_kinds: int

    @property
    def labelled(self) -> Float64Array:
        """Latents of the labelled references `(m, d)`."""
        return self.graph.points[self.rows]

    @property
    def given(self) -> Float64Array:
        """1 where a reference has that label `(r, k)`."""
        found = np.zeros((len(self.graph.points), self.n_kinds))
        found[self.rows, self.kinds] = 1.0
        return found

    def fit_linear(self) -> LinearPart:
        """Fit the logistic regression to all labels.

        Returns
        -------
        LinearPart
        """
        return LinearPart.fit(self.labelled, self.kinds, self.n_kinds)

    def spread(self) -> Float64Array:
        """Evidence of the kinds at every reference.

        Returns
        -------
        ndarray (r, k)
        """
        return self.graph.response(self.rows) @ np.eye(self.n_kinds)[self.kinds]

    def combined(
        self, points: Float64Array, seen: Seen, linear: LinearPart, spread: Float64Array
    ) -> Float64Array:
        """Geometric mean of both probabilities.

        Parameters
        ----------
        points : ndarray (n, d)
        seen : Seen
            The same points.
        linear : LinearPart
        spread : ndarray (r, k)
            As from `spread`.

        Returns
        -------
        ndarray (n, k)
        """
        by_neighbours = self.graph.evidence(seen, spread, self.given)
        return _together(linear.probabilities(points), by_neighbours)


def cross_fitted(evidence: Evidence, random_state: np.random.RandomState) -> Float64Array:
    """Probabilities of the labelled images, each without its own label.

    Parameters
    ----------
    evidence : Evidence
    random_state : RandomState
        Draws the ten folds.

    Returns
    -------
    ndarray (m, k)
    """
    kinds, points, n_kinds = evidence.kinds, evidence.labelled, evidence.n_kinds
    response = evidence.graph.response(evidence.rows)[evidence.rows]
    folds = _folds(kinds, random_state)
    found = np.empty((len(kinds), n_kinds))
    for fold in np.unique(folds):
        apart, rest = folds == fold, folds != fold
        linear = LinearPart.fit(points[rest], kinds[rest], n_kinds)
        spread = response[np.ix_(apart, rest)] @ np.eye(n_kinds)[kinds[rest]]
        found[apart] = _together(linear.probabilities(points[apart]), spread)
    return found


def _folds(kinds: IntArray, random_state: np.random.RandomState) -> IntArray:
    """Fold of every label; those of one kind are in different ones."""
    order = random_state.permutation(len(kinds))
    order = order[np.argsort(kinds[order], kind="stable")]
    folds = np.empty(len(kinds), dtype=np.int64)
    folds[order] = np.arange(len(kinds)) % min(_N_FOLDS, len(kinds))
    return folds


def _together(linear: Float64Array, spread: Float64Array) -> Float64Array:
    by_neighbours = spread + _SMALLEST
    by_neighbours /= by_neighbours.sum(axis=1, keepdims=True)
    product = np.sqrt(linear * by_neighbours)
    return np.asarray(product / product.sum(axis=1, keepdims=True))


def tempered(probabilities: Float64Array, temperature: float) -> Float64Array:
    """Probabilities to the power of one over the temperature.

    Parameters
    ----------
    probabilities : ndarray (n, k)
    temperature : float

    Returns
    -------
    ndarray (n, k)
    """
    logits = np.log(np.maximum(probabilities, _SMALLEST)) / temperature
    return _softmax(logits, np.ones(probabilities.shape[1], dtype=bool))


def find_temperature(cross: Float64Array, kinds: IntArray) -> float:
    """Temperature at which the cross-fitted probabilities foretell the labels best.

    Parameters
    ----------
    cross : ndarray (m, k)
        As from `cross_fitted`.
    kinds : ndarray (m,), int

    Returns
    -------
    float
        Near 1 where few labels say little.
    """
    counts = np.bincount(kinds, minlength=cross.shape[1])[kinds]
    weights = np.where(counts > 1, 1.0, _LONELY)

    def loss(log_temperature: float) -> float:
        found = tempered(cross, float(np.exp(log_temperature)))
        # A normal prior on the logarithm.
        return float(weights @ _losses(found, kinds) + log_temperature**2)

    best = minimize_scalar(loss, bounds=_LOG_TEMPERATURES, method="bounded")
    return float(np.exp(best.x))


def log_loss(cross: Float64Array, kinds: IntArray) -> Float64Array:
    """Minus the logarithm of the calibrated probability of each label, without that label.

    Parameters
    ----------
    cross : ndarray (m, k)
        As from `cross_fitted`.
    kinds : ndarray (m,), int

    Returns
    -------
    ndarray (m,)
    """
    return _losses(tempered(cross, find_temperature(cross, kinds)), kinds)


def _losses(probabilities: Float64Array, kinds: IntArray) -> Float64Array:
    right = probabilities[np.arange(len(kinds)), kinds]
    return np.asarray(-np.log(np.maximum(right, _SMALLEST)))


def _softmax(logits: Float64Array, among: BoolArray) -> Float64Array:
    """Softmax over some of the columns; 0 in the others."""
    shifted = np.where(among, logits, -np.inf)
    shifted = np.exp(shifted - shifted.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))
