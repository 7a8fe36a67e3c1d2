"""Calibrated stability: the probability that an independent clustering gives the same label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from equiclust.io.estimators import check_fits, check_ranks
from equiclust.typing import Array, BoolArray, Float64Array

__all__ = ["Calibration", "coverage_curve", "expected_calibration_error", "reliable"]

# With fewer pairs the calibration is a constant.
_MIN_PAIRS = 20
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Calibration:
    """Map from the evidence for a label to the probability that the label is right.

    A logistic regression combines the evidence into a score (Platt 1999), and an isotonic
    regression on the same pairs maps the score to a probability (Zadrozny & Elkan 2002).

    Parameters
    ----------
    weights : ndarray (n_features + 1,)
        Coefficients of the logistic regression, none of them negative, and its intercept last.
    scores, probabilities : ndarray (m,)
        Knots of the isotonic map, which is linear between them.
    """

    weights: Float64Array
    scores: Float64Array
    probabilities: Float64Array

    @classmethod
    def fit(cls, evidence: Float64Array, right: BoolArray) -> Self:
        """Fit both regressions.

        Parameters
        ----------
        evidence : ndarray (n, n_features)
        right : ndarray (n,), bool
            Whether the label that the evidence is for was right.
        """
        if right.all() or not right.any() or len(right) < _MIN_PAIRS:
            return cls._constant(evidence.shape[1], float(right.mean()) if len(right) else 1.0)
        centre, spread = evidence.mean(axis=0), evidence.std(axis=0)
        spread = np.where(spread > 0, spread, 1.0)
        model = LogisticRegression().fit((evidence - centre) / spread, right)
        slopes = np.maximum(model.coef_[0], 0.0) / spread
        weights = np.append(slopes, model.intercept_[0] - centre @ slopes)
        scores = evidence @ slopes + weights[-1]
        isotonic = IsotonicRegression(y_min=0.0, y_max=1.0).fit(scores, right)
        return cls(weights, isotonic.X_thresholds_, isotonic.y_thresholds_)

    @classmethod
    def _constant(cls, n_features: int, probability: float) -> Self:
        """Calibration that gives the same probability for any evidence."""
        return cls(np.zeros(n_features + 1), np.zeros(1), np.array([probability]))

    def __call__(self, evidence: Float64Array) -> Float64Array:
        """Probability `(n,)` for evidence `(n, n_features)`."""
        scores = evidence @ self.weights[:-1] + self.weights[-1]
        return np.asarray(np.interp(scores, self.scores, self.probabilities))

    def arrays(self) -> dict[str, Array]:
        """Fitted arrays by name, from which `restore` makes an equal calibration.

        Returns
        -------
        dict of str to ndarray
        """
        return {
            "weights": self.weights,
            "scores": self.scores,
            "probabilities": self.probabilities,
        }

    @classmethod
    def restore(cls, arrays: dict[str, Array], n_features: int) -> Self:
        """Make a calibration from its arrays.

        Parameters
        ----------
        arrays : dict of str to ndarray
            As from the method `arrays`.
        n_features : int
            Number of columns of the evidence.

        Raises
        ------
        InputError
            When an array is missing, or the arrays do not fit each other.
        """
        check_ranks(arrays, {"weights": 1, "scores": 1, "probabilities": 1})
        check_fits(len(arrays["weights"]) == n_features + 1, "weights and evidence")
        check_fits(
            len(arrays["scores"]) == len(arrays["probabilities"]), "scores and probabilities"
        )
        return cls(arrays["weights"], arrays["scores"], arrays["probabilities"])


def coverage_curve(stability: Float64Array, *, n_points: int = 50) -> list[dict[str, float]]:
    """Mean stability of the most stable labels, for every share of labels that is given.

    Parameters
    ----------
    stability : ndarray (n,)
        Calibrated, 0 to 1.
    n_points : int, default 50
        Largest number of points.

    Returns
    -------
    list of dict
        `coverage`, a share of all objects, and `reliability`, the mean stability of that share.
    """
    n = len(stability)
    means = np.cumsum(np.sort(stability)[::-1]) / np.arange(1, n + 1)
    counts = np.unique(np.linspace(1, n, min(n_points, n)).round().astype(int))
    return [{"coverage": k / n, "reliability": float(means[k - 1])} for k in counts]


def reliable(stability: Float64Array, reliability: float) -> BoolArray:
    """Select as many labels as possible with at least a given mean stability.

    The most stable labels are selected; of labels with the same stability all or none are.

    Parameters
    ----------
    stability : ndarray (n,)
        Calibrated, 0 to 1.
    reliability : float
        Smallest mean stability, 0 to 1.

    Returns
    -------
    ndarray (n,), bool
        `True` = selected.
    """
    levels, counts = np.unique(-stability, return_counts=True)
    means = np.cumsum(-levels * counts) / np.cumsum(counts)
    enough = np.flatnonzero(means >= reliability - _ROUNDING)
    if not len(enough):
        return np.zeros(len(stability), dtype=bool)
    return np.asarray(stability >= -levels[enough[-1]])


def expected_calibration_error(
    probability: npt.ArrayLike, right: npt.ArrayLike, *, n_bins: int = 10
) -> float:
    r"""Mean difference between probabilities and shares of right labels, over bins of probability.

    :math:`\sum_b \frac{n_b}{n} |\bar c_b - \bar r_b|` over bins of equal width (Naeini, Cooper &
    Hauskrecht 2015; Guo et al. 2017).

    Parameters
    ----------
    probability : array-like (n,)
        That the label is right, from 0 to 1.
    right : array-like (n,), bool
        Whether the label is right.
    n_bins : int, default 10

    Returns
    -------
    float
        From 0 to 1.
    """
    given, hit = np.asarray(probability, dtype=float), np.asarray(right, dtype=float)
    bins = np.clip((given * n_bins).astype(int), 0, n_bins - 1)
    gaps = np.bincount(bins, weights=given - hit, minlength=n_bins)
    return float(np.abs(gaps).sum() / len(given))
