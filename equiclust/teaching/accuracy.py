"""How right the kinds of images without a label are, by what cross-fitting says of the labelled."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy.typing as npt
from scipy.stats import beta

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.validation import check_array, check_whole

__all__ = ["AccuracyEstimate", "estimate_accuracy"]

_LEVEL = 0.95
# A label that was chosen, and that calibrated the probabilities too, counts for less than one that
# was drawn at random: measured on discs, digits, steel and brain, see `benchmarks/teaching.py`.
_WORTH = 0.7


@dataclass(frozen=True)
class AccuracyEstimate:
    """Estimated share of right kinds among images without a label.

    Parameters
    ----------
    value : float
        Estimate, 0 to 1.
    low, high : float
        Ends of its 95 % interval.
    n_labels : int
        Labels that it rests on.
    n_images : int
        Images that it is about.

    Examples
    --------
    >>> from equiclust.teaching import estimate_accuracy
    >>> found = estimate_accuracy([0.5] * 10 + [1.0] * 30, n_labels=20)
    >>> found.value, found.n_images, found.low < 0.875 < found.high
    (0.875, 40, True)
    """

    value: float
    low: float
    high: float
    n_labels: int
    n_images: int

    def to_dict(self) -> dict[str, Any]:
        """The fields, for `metrics.json`.

        Returns
        -------
        dict
        """
        return asdict(self)


@checks_types
def estimate_accuracy(probabilities: npt.ArrayLike, n_labels: int) -> AccuracyEstimate:
    """Estimate the accuracy of kinds that have calibrated probabilities.

    The estimate is the mean probability of the kinds that were given: every image speaks for
    itself, so that it does not matter whether the labelled ones were chosen as typical or as
    doubtful. The interval is that of Clopper and Pearson for as many draws as 0.7 times the number
    of labels, with ends that a whole number of right images can reach.

    Parameters
    ----------
    probabilities : array-like (n,)
        Calibrated probability of the kind of every image without a label.
    n_labels : int
        Labels that calibrated them.

    Returns
    -------
    AccuracyEstimate

    Raises
    ------
    InputError
        When there are no images, or a probability is not within 0 and 1.

    Examples
    --------
    >>> from equiclust.teaching import estimate_accuracy
    >>> found = estimate_accuracy([0.9, 1.0, 0.8], n_labels=30)
    >>> round(found.value, 2)
    0.9
    """
    given = check_array("probabilities", probabilities)
    if given.ndim != 1 or not len(given):
        raise InputError(f"probabilities must have shape (n,), n > 0, got {given.shape}")
    check_whole("n_labels", n_labels)
    if not (given.min() >= 0 and given.max() <= 1):
        raise InputError(f"probabilities must be 0 to 1, got {given.min()} to {given.max()}")
    mean, n_images = float(given.mean()), len(given)
    low, high = _clopper_pearson(mean, _WORTH * n_labels)
    low, high = math.floor(low * n_images) / n_images, math.ceil(high * n_images) / n_images
    return AccuracyEstimate(mean, max(low, 0.0), min(high, 1.0), n_labels, n_images)


def _clopper_pearson(share: float, n: float) -> tuple[float, float]:
    tail = (1 - _LEVEL) / 2
    right, wrong = n * share, n * (1 - share)
    low = beta.ppf(tail, right, wrong + 1) if right > 0 else 0.0
    high = beta.ppf(1 - tail, right + 1, wrong) if wrong > 0 else 1.0
    return float(low), float(high)
