"""A confidence that means what it says: how likely a fresh judge is to give the same label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from equiclust.io.estimators import check_fits, check_ranks

__all__ = ["Calibration", "coverage_curve", "expected_calibration_error", "reliable"]

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_FEWEST = 20
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Calibration:
    """From what can be seen of an object's standing to the probability that its label is right.

    A logistic regression weighs the evidence (Platt 1999), and an isotonic regression on the same
    trials brings its scale in line with how often it was right (Zadrozny & Elkan 2002).

    Parameters
    ----------
    weights : ndarray (n_features + 1,)
        Of the logistic regression, its intercept last.
    scores, probabilities : ndarray (m,)
        Corners of the isotonic map, straight lines between them.
    """

    weights: Array
    scores: Array
    probabilities: Array

    @classmethod
    def fit(cls, evidence: Array, right: Bools) -> Self:
        """Learn from trials.

        Parameters
        ----------
        evidence : ndarray (n, n_features)
        right : ndarray (n,), bool
            What came of each trial.
        """
        if right.all() or not right.any() or len(right) < _FEWEST:
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
        """Where there is nothing to tell apart."""
        return cls(np.zeros(n_features + 1), np.zeros(1), np.array([probability]))

    def __call__(self, evidence: Array) -> Array:
        """Probability `(n,)` for evidence `(n, n_features)`."""
        scores = evidence @ self.weights[:-1] + self.weights[-1]
        return np.asarray(np.interp(scores, self.scores, self.probabilities))

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All that was learned."""
        return {
            "weights": self.weights,
            "scores": self.scores,
            "probabilities": self.probabilities,
        }

    @classmethod
    def restore(cls, arrays: dict[str, npt.NDArray[Any]], n_features: int) -> Self:
        """The calibration that `arrays` tells of."""
        check_ranks(arrays, {"weights": 1, "scores": 1, "probabilities": 1})
        check_fits(len(arrays["weights"]) == n_features + 1, "weights and evidence")
        check_fits(
            len(arrays["scores"]) == len(arrays["probabilities"]), "scores and probabilities"
        )
        return cls(arrays["weights"], arrays["scores"], arrays["probabilities"])


def coverage_curve(confidence: Array, *, n_points: int = 50) -> list[dict[str, float]]:
    """How reliable the labels are when only the most confident share of them is given.

    Parameters
    ----------
    confidence : ndarray (n,)
        Calibrated.
    n_points : int
        At most so many points.

    Returns
    -------
    list of dict
        `coverage`, a share of all objects, and `reliability`, the mean confidence of that share.
    """
    n = len(confidence)
    means = np.cumsum(np.sort(confidence)[::-1]) / np.arange(1, n + 1)
    counts = np.unique(np.linspace(1, n, min(n_points, n)).round().astype(int))
    return [{"coverage": k / n, "reliability": float(means[k - 1])} for k in counts]


def reliable(confidence: Array, reliability: float) -> Bools:
    """Which labels may be given, so that so large a share of them is right.

    The most confident ones, as many as have the mean confidence asked for; labels of the same
    confidence are all given or none.

    Parameters
    ----------
    confidence : ndarray (n,)
        Calibrated.
    reliability : float
        From 0 to 1.

    Returns
    -------
    ndarray (n,), bool
    """
    levels, counts = np.unique(-confidence, return_counts=True)
    means = np.cumsum(-levels * counts) / np.cumsum(counts)
    enough = np.flatnonzero(means >= reliability - _ROUNDING)
    if not len(enough):
        return np.zeros(len(confidence), dtype=bool)
    return np.asarray(confidence >= -levels[enough[-1]])


def expected_calibration_error(
    confidence: npt.ArrayLike, right: npt.ArrayLike, *, n_bins: int = 10
) -> float:
    r"""Mean distance between confidence and share of right labels, over bins of confidence.

    :math:`\sum_b \frac{n_b}{n} |\bar c_b - \bar r_b|` over bins of equal width (Naeini, Cooper &
    Hauskrecht 2015; Guo et al. 2017).

    Parameters
    ----------
    confidence : array-like (n,)
        From 0 to 1.
    right : array-like (n,), bool
    n_bins : int
    """
    sure, hit = np.asarray(confidence, dtype=float), np.asarray(right, dtype=float)
    place = np.clip((sure * n_bins).astype(int), 0, n_bins - 1)
    gaps = np.bincount(place, weights=sure - hit, minlength=n_bins)
    return float(np.abs(gaps).sum() / len(sure))
