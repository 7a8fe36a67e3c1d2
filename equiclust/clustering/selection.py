"""The number of clusters: the best separated partition, or the median of three criteria."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from statistics import median_low

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # It has no types.

from equiclust.argument_types import checks_types
from equiclust.clustering.cluster_scores import cluster_scores
from equiclust.clustering.latent_checks import distinct_rows, lexicographic_order
from equiclust.clustering.separation import (
    CLEAR_BOUNDARY_DIP,
    LEAST_BOUNDARY_DIP,
    Separation,
    best_separated,
)
from equiclust.clustering.unimodality import MIN_SAMPLES, unimodality_p_value
from equiclust.clustering.whitening import Whitening, check_whitening
from equiclust.exceptions import EquiclustWarning, InputError
from equiclust.typing import Float64Array
from equiclust.validation import check_random_state, check_samples, check_whole

__all__ = ["UNIMODALITY_LEVEL", "Choice", "choose_n_clusters"]

logger = logging.getLogger(__name__)

# Tibshirani & Walther recommend 0.8 to 0.9.
_MIN_STRENGTH = 0.8
# Least agreement of halves, as an adjusted Rand index, for stability to choose a number.
_MIN_STABILITY = 0.5
_N_SPLITS = 3
_BOUNDARY_DIP = "separation_boundary_dip"
UNIMODALITY_LEVEL = 0.05
"""Level of significance of the test of unimodality."""


@dataclass(frozen=True)
class Choice:
    """A number of clusters, and the scores that led to it.

    Parameters
    ----------
    n_clusters : int
        The best separated number, else the median of the other votes; 1 where there is no gap.
    votes : mapping of str to int
        The number by each criterion; that of separation only where a partition is separated.
    scores : tuple of mapping of str to float
        One row for each number tried: `n_clusters` and the value of every score. Higher is better.
        Some scores have no vote.
    unimodal_p : float, default None
        Probability of dips as large as those of the samples if these have one mode, see
        `equiclust.clustering.unimodality`; None where there were fewer than 100.
    max_clusters : int, default None
        The largest number tried; None where only one was, or where the samples allow no more.

    Examples
    --------
    >>> from equiclust.clustering import choose_n_clusters
    >>> from sklearn.datasets import make_blobs
    >>> latents, kinds = make_blobs([40, 40], centers=[[0, 0], [9, 0]], random_state=0)
    >>> choice = choose_n_clusters(latents, candidates=[2, 3], random_state=0)
    >>> choice.n_clusters, choice.votes["stability"]
    (2, 2)
    >>> [row["n_clusters"] for row in choice.scores]
    [2, 3]
    """

    n_clusters: int
    votes: Mapping[str, int]
    scores: tuple[Mapping[str, float], ...]
    unimodal_p: float | None = None
    max_clusters: int | None = None

    @property
    def limited_by(self) -> int | None:
        """The largest number tried if it is the one chosen, so that more may fit; else None."""
        return self.max_clusters if self.n_clusters == self.max_clusters else None

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that the user should read; empty where there are none."""
        if self.limited_by is None:
            return ()
        return (
            f"The {self.limited_by} clusters chosen are the largest number tried, so there may be "
            f"more: set max_clusters above {self.limited_by}, or n_clusters to a number.",
        )


@checks_types
def choose_n_clusters(
    latents: npt.ArrayLike,
    *,
    max_clusters: int = 15,
    candidates: Iterable[int] | None = None,
    whiten: bool | float = 0.5,
    n_components: float | int | None = 0.95,
    standardise: bool = True,
    max_samples: int = 1000,
    gaps: bool = True,
    random_state: int | np.random.RandomState | None = None,
) -> Choice:
    """Choose the number of clusters of latents.

    There is one cluster if no partition of 100 or more samples has gaps at all of its boundaries.
    What counts as a gap depends on whether all samples together have one mode by the dip test
    [3]_, see `equiclust.clustering.unimodality`. Else, where there are clusters with gaps between
    all pairs of them, the number is that after which the narrowest gap shrinks most, see
    `equiclust.clustering.separation`. Else it is the median of three votes. Two halves of
    the samples are clustered separately in their manifolds (`ManifoldModel`). Prediction strength
    [1]_ votes for the largest number of clusters whose pairs of samples the clustering of the other
    half keeps together. Stability under resampling [4]_ votes for the number at which the two
    clusterings agree best on all samples, by adjusted Rand index, or for the smallest number if
    they agree on none (below 0.5). Density votes for the number of dense regions in the manifold of
    all samples, by HDBSCAN [2]_. Scores without a vote are the gap statistic [5]_ and the
    silhouette [6]_ of k-means, and the Bayesian information criterion [7]_ of Gaussian mixtures.

    From 300 samples on the scores are computed in as many processes as there are cores, or as an
    active `joblib.parallel_config` says, with the same result whatever their number.

    Parameters
    ----------
    latents : array-like (n, d)
        Samples.
    max_clusters : int, default 15
        The largest number of clusters to choose, at least 2. If it is the one chosen, an
        `EquiclustWarning` says that there may be more.
    candidates : iterable of int, optional
        Numbers of clusters to choose from, instead of all from 2 to `max_clusters`. Those above the
        number of distinct samples are left out.
    whiten : bool or float, default 0.5
        As in `LatentClusterer`.
    n_components : int, float or None, default 0.95
        As in `LatentClusterer`; manifolds are learned from all axes.
    standardise : bool, default True
        As in `LatentClusterer`.
    max_samples : int, default 1000
        Of more samples, this number is drawn.
    gaps : bool, default True
        Whether gaps between clusters are looked for. Samples that overlap, as tiles of a map do,
        fill every gap.
    random_state : int, RandomState or None, default None
        For the draw, the halves and the clusterings.

    Returns
    -------
    Choice

    Warns
    -----
    EquiclustWarning
        When the number chosen is the largest tried and the samples would allow more.

    Raises
    ------
    InputError
        When the latents are not finite numbers `(n, d)`, or no candidate can be tried.

    References
    ----------
    .. [1] Tibshirani, R. & Walther, G. 2005, "Cluster validation by prediction strength",
       J. Comput. Graph. Stat. 14, 511.
    .. [2] Campello, R., Moulavi, D. & Sander, J. 2013, "Density-based clustering based on
       hierarchical density estimates", PAKDD, 160.
    .. [3] Hartigan, J. & Hartigan, P. 1985, "The dip test of unimodality", Ann. Statist. 13, 70.
    .. [4] Ben-Hur, A., Elisseeff, A. & Guyon, I. 2002, "A stability based method for discovering
       structure in clustered data", Pac. Symp. Biocomput. 7, 6.
    .. [5] Tibshirani, R., Walther, G. & Hastie, T. 2001, J. R. Statist. Soc. B 63, 411.
    .. [6] Rousseeuw, P. 1987, J. Comput. Appl. Math. 20, 53.
    .. [7] Fraley, C. & Raftery, A. 1998, Comput. J. 41, 578.

    Examples
    --------
    >>> from equiclust.clustering import choose_n_clusters
    >>> from sklearn.datasets import make_blobs
    >>> centres = [[0, 0, 0], [9, 0, 0], [0, 9, 0]]
    >>> latents, kinds = make_blobs([20, 20, 20], centers=centres, random_state=0)
    >>> choose_n_clusters(latents, max_clusters=4, random_state=0).n_clusters
    3
    """
    check_whole("max_samples", max_samples)
    check_whole("max_clusters", max_clusters, 2)
    check_whitening(whiten, n_components)
    array = check_samples("latents", latents)
    generator = check_random_state(random_state)
    # From sorted rows, so that the order of the samples does not matter.
    positions = np.sort(generator.permutation(len(array))[:max_samples])
    drawn = array[lexicographic_order(array)[positions]]
    points, everything = (
        Whitening.fit(drawn, standardise=standardise, whiten=whiten, n_components=share).apply(
            drawn
        )
        # Small axes help to find neighbours, but mislead the other scores.
        for share in (n_components, None)
    )
    n_distinct = len(distinct_rows(points)[0])
    asked = range(2, max_clusters + 1) if candidates is None else candidates
    possible = _possible(asked, n_distinct)
    unscaled = Whitening.fit(drawn, standardise=False, whiten=False, n_components=None)
    axes = unscaled.apply(drawn) if gaps else None
    # The arrays are small: more threads would mostly wait for each other.
    with threadpool_limits(limits=1):
        choice = _choose(points, everything, axes, possible, generator)
        many = len(points) >= MIN_SAMPLES
        chance = unimodality_p_value(points, generator) if many else None
    if len(possible) > 1 and possible[-1] < n_distinct:
        choice = replace(choice, max_clusters=possible[-1])
    if chance is not None:
        number = 1 if _is_one(choice, chance) else choice.n_clusters
        choice = replace(choice, n_clusters=number, unimodal_p=chance)
    for note in choice.notes:
        warnings.warn(note, EquiclustWarning, stacklevel=2)
    return choice


def _is_one(choice: Choice, unimodal_p: float) -> bool:
    """Whether all samples are one cluster; without a look for gaps, that of one mode decides."""
    found = [row[_BOUNDARY_DIP] for row in choice.scores if _BOUNDARY_DIP in row]
    one_mode = unimodal_p > UNIMODALITY_LEVEL
    if not found:
        return one_mode
    return max(found) < (CLEAR_BOUNDARY_DIP if one_mode else LEAST_BOUNDARY_DIP)


def _possible(candidates: Iterable[int], n_distinct: int) -> list[int]:
    given = list(candidates)
    for candidate in given:
        check_whole("each of candidates", candidate)
    asked = sorted(set(given))
    possible = [int(candidate) for candidate in asked if candidate <= n_distinct]
    if not possible:
        raise InputError(
            f"candidates must hold a number that is at most that of distinct samples, got {asked} "
            f"for {n_distinct} distinct samples"
        )
    if len(possible) < len(asked):
        logger.info("candidates above %d, the number of distinct samples, left out", n_distinct)
    return possible


def _choose(
    points: Float64Array,
    everything: Float64Array,
    unscaled: Float64Array | None,
    candidates: list[int],
    generator: np.random.RandomState,
) -> Choice:
    """The votes, from all axes `everything`, and the other scores, from the axes `points`.

    Gaps are looked for on the principal axes `unscaled`, where there are some.
    """
    seed = int(generator.randint(2**31 - 1))
    halves = [
        np.array_split(generator.permutation(len(points)), 2)
        for _ in range(_N_SPLITS if len(points) > 1 else 0)
    ]
    scores = cluster_scores(points, everything, unscaled, halves, candidates, seed=seed)
    columns = scores.columns
    votes = {
        "prediction_strength": _largest_strong(candidates, columns["prediction_strength"]),
        "stability": _most_stable(candidates, columns["stability"]),
        "density": _nearest(candidates, scores.n_dense),
    }
    number = median_low(votes.values())
    if scores.separations:
        for name in Separation._fields:
            columns[f"separation_{name}"] = [getattr(one, name) for one in scores.separations]
        separated = best_separated(dict(zip(candidates, scores.separations, strict=True)))
        if separated is not None:
            number = votes["separation"] = separated
    return Choice(number, votes, _rows(candidates, columns))


def _most_stable(candidates: list[int], stabilities: list[float]) -> int:
    """The number at which the halves agree best; the smallest if they agree on none."""
    return (
        candidates[int(np.argmax(stabilities))]
        if max(stabilities) >= _MIN_STABILITY
        else candidates[0]
    )


def _nearest(candidates: list[int], number: int) -> int:
    return min(candidates, key=lambda candidate: abs(candidate - number))


def _rows(
    candidates: list[int], columns: Mapping[str, list[float]]
) -> tuple[Mapping[str, float], ...]:
    """One row for each candidate, without the scores that are not defined for it."""
    return tuple(
        {"n_clusters": k}
        | {name: column[i] for name, column in columns.items() if np.isfinite(column[i])}
        for i, k in enumerate(candidates)
    )


def _largest_strong(candidates: list[int], strengths: list[float]) -> int:
    strong = [
        k for k, strength in zip(candidates, strengths, strict=True) if strength >= _MIN_STRENGTH
    ]
    return strong[-1] if strong else candidates[int(np.argmax(strengths))]
