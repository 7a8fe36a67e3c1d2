"""How many clusters there are, by the vote of three methods that fail in different ways."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from statistics import median_low
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.metrics import adjusted_rand_score, silhouette_score
from sklearn.utils import check_array, check_random_state

from equiclust.clustering.gap import gap_statistic
from equiclust.clustering.models import CentreModel, MixtureModel, Model, SpectralModel
from equiclust.clustering.unimodality import FEWEST_FOR_VALLEY, unimodality_p_value
from equiclust.clustering.validation import check_at_least_one, distinct_rows
from equiclust.clustering.whitening import Whitening, check_whitening
from equiclust.exceptions import InputError

__all__ = ["Choice", "choose_n_clusters", "prediction_strength"]

logger = logging.getLogger(__name__)

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

# Tibshirani & Walther's own recommendation is 0.8 to 0.9.
_STRONG = 0.8
_N_SPLITS = 4
# So unlikely must a single heap be for there to be clusters.
_LEVEL = 0.02


@dataclass(frozen=True)
class Choice:
    """A number of clusters and why.

    Parameters
    ----------
    n_clusters : int
        The median of the votes, or 1: no clusters here.
    votes : mapping of str to int
        What each score alone would have chosen.
    scores : tuple of mapping
        One row a candidate: `n_clusters` and its value of every score. Higher is better. Those
        without a vote are shown beside.
    unimodal_p : float, optional
        How likely a single heap looks as divided as the samples; None where there were too few of
        them to ask.
    """

    n_clusters: int
    votes: Mapping[str, int]
    scores: tuple[Mapping[str, float], ...]
    unimodal_p: float | None = None


def choose_n_clusters(
    latents: npt.ArrayLike,
    *,
    candidates: Iterable[int] = range(2, 11),
    whiten: bool | float = 0.5,
    n_components: float | int | None = 0.95,
    standardise: bool = True,
    max_samples: int = 1000,
    random_state: int | np.random.RandomState | None = None,
) -> Choice:
    """Choose the number of clusters of latents.

    If a hundred samples or more show no valley, along directions that other samples have chosen, by
    the dip test [3]_, there is one cluster: one continuous family. Else three scores vote, and the
    median wins. Prediction strength [1]_ of spectral clustering and of k-means votes for the
    largest number of clusters that two halves of the data agree on; it misses small clusters, that
    of k-means splits long ones. The Bayesian information criterion of Gaussian mixtures [2]_ sees
    small and long clusters and splits those that are not Gaussian. Shown beside, without a vote:
    stability under resampling, the mean adjusted Rand index of what two halves make of all samples
    [4]_, the gap statistic [5]_ and the silhouette [6]_.

    Parameters
    ----------
    latents : array-like (n, d)
        Samples.
    candidates : iterable of int
        Numbers of clusters to choose from; those above the number of distinct samples are left out.
    whiten, n_components, standardise
        As in `LatentClusterer`.
    max_samples : int
        Of more samples than these, so many are drawn.
    random_state : int, RandomState or None
        For the draw, the halves and the clusterings.

    Returns
    -------
    Choice

    Raises
    ------
    InputError
        When the latents are not finite numbers `(n, d)`, or no candidate can be tried.

    References
    ----------
    .. [1] Tibshirani, R. & Walther, G. 2005, "Cluster validation by prediction strength",
       J. Comput. Graph. Stat. 14, 511.
    .. [2] Fraley, C. & Raftery, A. 1998, "How many clusters? Which clustering method?",
       Comput. J. 41, 578.
    .. [3] Hartigan, J. & Hartigan, P. 1985, "The dip test of unimodality", Ann. Statist. 13, 70.
    .. [4] Ben-Hur, A., Elisseeff, A. & Guyon, I. 2002, "A stability based method for discovering
       structure in clustered data", Pac. Symp. Biocomput. 7, 6.
    .. [5] Tibshirani, R., Walther, G. & Hastie, T. 2001, J. R. Statist. Soc. B 63, 411.
    .. [6] Rousseeuw, P. 1987, J. Comput. Appl. Math. 20, 53.
    """
    check_at_least_one("max_samples", max_samples)
    check_whitening(whiten, n_components)
    rows = _checked(latents)
    generator = check_random_state(random_state)
    # From sorted rows, so that the order they came in cannot matter.
    drawn = np.sort(generator.permutation(len(rows))[:max_samples])
    points = Whitening.fit(
        rows[drawn], standardise=standardise, whiten=whiten, n_components=n_components
    ).apply(rows[drawn])
    possible = _possible(candidates, len(distinct_rows(points)[0]))
    choice = _choose(points, possible, generator)
    if len(points) < FEWEST_FOR_VALLEY:
        return choice
    chance = unimodality_p_value(points, generator)
    number = 1 if chance > _LEVEL else choice.n_clusters
    return replace(choice, n_clusters=number, unimodal_p=chance)


def _checked(latents: npt.ArrayLike) -> Array:
    try:
        array = np.asarray(check_array(latents, dtype=np.float64))
    except ValueError as error:
        raise InputError(str(error)) from error
    rows, _, counts = distinct_rows(array)
    return np.repeat(rows, counts, axis=0)


def _possible(candidates: Iterable[int], n_distinct: int) -> list[int]:
    asked = sorted(set(candidates))
    for candidate in asked:
        check_at_least_one("each of candidates", candidate)
    possible = [int(candidate) for candidate in asked if candidate <= n_distinct]
    if not possible:
        raise InputError(
            f"candidates must hold a number that is at most that of distinct samples, got {asked} "
            f"for {n_distinct} distinct samples"
        )
    if len(possible) < len(asked):
        logger.info("candidates above %d, the number of distinct samples, left out", n_distinct)
    return possible


def _choose(points: Array, candidates: list[int], generator: np.random.RandomState) -> Choice:
    seed = int(generator.randint(2**31 - 1))
    halves = [
        np.array_split(generator.permutation(len(points)), 2)
        for _ in range(_N_SPLITS if len(points) > 1 else 0)
    ]
    spectral = [_agreement(SpectralModel, points, halves, k, seed) for k in candidates]
    kmeans = [_agreement(CentreModel, points, halves, k, seed) for k in candidates]
    voting = {
        "prediction_strength_spectral": [found.strength for found in spectral],
        "prediction_strength_kmeans": [found.strength for found in kmeans],
        "negative_bic": [-_bic(points, k, seed) for k in candidates],
    }
    shown = {
        "stability_spectral": [found.stability for found in spectral],
        "stability_kmeans": [found.stability for found in kmeans],
        "gap": gap_statistic(points, candidates, seed=seed),
        "silhouette": [_silhouette(points, k, seed) for k in candidates],
    }
    votes = {name: _vote(name, candidates, scores) for name, scores in voting.items()}
    return Choice(median_low(votes.values()), votes, _rows(candidates, voting | shown))


def _rows(
    candidates: list[int], columns: Mapping[str, list[float]]
) -> tuple[Mapping[str, float], ...]:
    """One a candidate; what is not defined for it is left out."""
    return tuple(
        {"n_clusters": k}
        | {name: column[i] for name, column in columns.items() if np.isfinite(column[i])}
        for i, k in enumerate(candidates)
    )


def _vote(name: str, candidates: list[int], scores: list[float]) -> int:
    if name.startswith("prediction_strength"):
        return _largest_strong(candidates, scores)
    return candidates[int(np.argmax(scores))]


def _silhouette(points: Array, n_clusters: int, seed: int) -> float:
    """Mean silhouette of k-means; NaN where it is not defined."""
    labels = CentreModel.fit(points, n_clusters, seed).memberships(points).argmax(axis=1)
    if not 1 < len(np.unique(labels)) < len(points):
        return float("nan")
    return float(silhouette_score(points, labels))


def _largest_strong(candidates: list[int], strengths: list[float]) -> int:
    strong = [k for k, strength in zip(candidates, strengths, strict=True) if strength >= _STRONG]
    return strong[-1] if strong else candidates[int(np.argmax(strengths))]


def _bic(points: Array, n_clusters: int, seed: int) -> float:
    return float(MixtureModel.fit(points, n_clusters, seed).mixture.bic(points))


class _Agreement(NamedTuple):
    """How two halves of the samples agree: on the other half, and on all of them by ARI."""

    strength: float
    stability: float


def _agreement(
    model: type[Model],
    points: Array,
    splits: list[list[npt.NDArray[np.int64]]],
    n_clusters: int,
    seed: int,
) -> _Agreement:
    """Mean over the splits; a half with fewer samples than clusters predicts nothing."""
    strengths: list[float] = []
    stabilities: list[float] = []
    for first, second in splits:
        if min(len(distinct_rows(points[half])[0]) for half in (first, second)) < n_clusters:
            strengths.append(0.0)
            stabilities.append(0.0)
            continue
        one, other = (
            model.fit(points[half], n_clusters, seed).memberships(points).argmax(axis=1)
            for half in (first, second)
        )
        strengths.append(prediction_strength(one[second], other[second]))
        strengths.append(prediction_strength(other[first], one[first]))
        stabilities.append(float(adjusted_rand_score(one, other)))
    if not splits:
        return _Agreement(0.0, 0.0)
    return _Agreement(float(np.mean(strengths)), float(np.mean(stabilities)))


def prediction_strength(predicted: Labels, own: Labels) -> float:
    r"""How well clusters are foretold by a clustering of other data.

    :math:`\min_k \frac{1}{n_k (n_k - 1)} \sum_{i \neq j \in k} [p_i = p_j]` over the clusters `k`
    of the data itself, :math:`p` being the predicted labels: the share of pairs of a cluster that
    the prediction keeps together, of the cluster where it is least.

    Parameters
    ----------
    predicted : ndarray (n,), int
        Labels by a clusterer that was fitted on other samples.
    own : ndarray (n,), int
        Labels by a clusterer that was fitted on these.

    Returns
    -------
    float
        From 0 to 1; clusters of one sample are left out.
    """
    shares = []
    for label in np.unique(own):
        sizes = np.bincount(predicted[own == label])
        n = int(sizes.sum())
        if n > 1:
            shares.append(float(np.sum(sizes * (sizes - 1))) / (n * (n - 1)))
    return min(shares, default=0.0)
