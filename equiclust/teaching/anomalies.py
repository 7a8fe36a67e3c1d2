"""Which images are unlike the others, and of these which a few marks call interesting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.teaching.classifier import teach
from equiclust.typing import Float64Array, IntArray
from equiclust.validation import check_array, check_samples

__all__ = ["INTERESTING", "AnomalyRanking", "rank_anomalies"]

INTERESTING = "interesting"
"""The kind that is looked for unless another is named."""

# Of odds, which would be infinite.
_LEAST = 1e-9


class AnomalyRanking(NamedTuple):
    """Images in the order in which they are worth a look.

    Attributes
    ----------
    order : ndarray (n,), int
        Rows: those marked interesting, the others from the most to the least promising, and last
        those marked otherwise.
    probability : ndarray (n,), float64
        Of being interesting, by the marks alone; NaN where they cannot tell.
    """

    order: IntArray
    probability: Float64Array


@checks_types
def rank_anomalies(
    latents: npt.ArrayLike,
    outlier_score: npt.ArrayLike,
    marks: Mapping[int, str] | None = None,
    *,
    interesting: str | Sequence[str] = INTERESTING,
    spaces: Mapping[str, Sequence[int]] | None = None,
    random_state: int | None = 0,
) -> AnomalyRanking:
    r"""Rank images by how unlike the others they are, and by what a few marks call interesting.

    Without marks the outlier score ranks them. Marks teach a `FewLabelClassifier` the probability
    :math:`p` of being interesting, and images are ranked by the product of odds

    .. math::

        \frac{q}{1 - q} \cdot \frac{p}{1 - p}

    where :math:`q` is the share of images with a lower outlier score. As long as no image is marked
    interesting, or all marked ones are, nothing is learned.

    Parameters
    ----------
    latents : array-like (n, d)
        Of all images.
    outlier_score : array-like (n,)
        The larger, the less like the others.
    marks : mapping of int to str, optional
        By row, such as "interesting", "artefact" or "usual".
    interesting : str or sequence of str, default "interesting"
        The marks that are looked for.
    spaces : mapping of str to sequence of int, optional
        See `FewLabelClassifier`.
    random_state : int or None, default 0
        Of the folds of the classifier.

    Returns
    -------
    AnomalyRanking

    Raises
    ------
    InputError
        When the scores do not fit the latents, are not finite, or a mark is of no row.

    References
    ----------
    Lochner & Bassett (2021), "Astronomaly: personalised active anomaly detection in astronomical
    data", Astronomy and Computing 36, 100481, whose way is to multiply an outlier score with a
    predicted interest.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust.teaching import rank_anomalies
    >>> latents = np.random.default_rng(0).normal(size=(50, 4))
    >>> score = np.linalg.norm(latents, axis=1)
    >>> bool(rank_anomalies(latents, score).order[0] == score.argmax())
    True
    """
    points = check_samples("latents", latents)
    score = check_array("outlier_score", outlier_score).astype(np.float64)
    n = len(points)
    if score.shape != (n,) or not np.isfinite(score).all():
        raise InputError(f"outlier_score must be {n} finite numbers, got shape {score.shape}")
    known = dict(marks or {})
    for row in known:
        if not 0 <= row < n:
            raise InputError(f"marks must be of rows 0 to {n - 1}, got {row}")
    wanted = {interesting} if isinstance(interesting, str) else set(interesting)
    odds, probability = _odds(score), np.full(n, np.nan)
    found = {row for row, mark in known.items() if mark in wanted}
    if found and len(found) < len(known):
        learned = teach(points, known, spaces=spaces, random_state=random_state)
        columns = np.isin(learned.classes_, list(wanted))
        probability = learned.predict_proba(points)[:, columns].sum(axis=1)
        odds = odds + _log_odds(probability)
    odds[list(found)] = np.inf
    odds[list(known.keys() - found)] = -np.inf
    return AnomalyRanking(np.lexsort((-score, -odds)), probability)


def _odds(score: Float64Array) -> Float64Array:
    """Logarithm of the odds of a lower score."""
    share = (rankdata(score) - 0.5) / max(len(score), 1)
    return _log_odds(share)


def _log_odds(share: Float64Array) -> Float64Array:
    return np.asarray(np.log((share + _LEAST) / (1 - share + _LEAST)))
