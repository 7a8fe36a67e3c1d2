"""Agreement of a clustering with the nearest neighbours: evidence that needs no true labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from sklearn.neighbors import NearestNeighbors

from equiclust.clustering.deep.history import Record
from equiclust.exceptions import InputError

__all__ = ["Evidence", "Neighbourhood", "why_kept"]

_N_NEIGHBORS = 15
# The agreement of that many samples is accurate to one percent.
_MAX_SAMPLES = 10_000
# Differences below this may be chance.
_TOLERANCE = 0.005


class Neighbourhood:
    """The nearest neighbours of samples, to score clusterings of these samples.

    Parameters
    ----------
    points : array-like (n, d)
        At least two samples.
    seed : int, default 0
        Draws ten thousand samples to score by where there are more.

    Raises
    ------
    InputError
        When there are fewer than two samples.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust.clustering.deep import Neighbourhood
    >>> points = np.random.default_rng(0).normal(size=(40, 2))
    >>> points[20:] += 9.0
    >>> neighbourhood = Neighbourhood(points)
    >>> neighbourhood.agreement(np.repeat([0, 1], 20))
    1.0
    >>> neighbourhood.agreement(np.tile([0, 1], 20)) < 0.2
    True
    """

    def __init__(self, points: npt.ArrayLike, *, seed: int = 0) -> None:
        rows = np.asarray(points)
        if rows.ndim != 2 or len(rows) < 2:
            raise InputError(f"points must be at least 2 rows, got shape {rows.shape}")
        drawn = np.random.default_rng(seed).permutation(len(rows))[:_MAX_SAMPLES]
        self._drawn = np.sort(drawn)
        nearest = NearestNeighbors(n_neighbors=min(_N_NEIGHBORS + 1, len(rows))).fit(rows)
        # The first is the sample itself, or one that is equal to it.
        self._neighbours = nearest.kneighbors(rows[self._drawn], return_distance=False)[:, 1:]

    def agreement(self, labels: npt.ArrayLike) -> float:
        r"""Share of neighbours with the same label, beyond chance (Cohen 1960).

        .. math::

            \kappa = \frac{a - c}{1 - c}, \qquad c = \sum_k f_k^2

        with :math:`a` the share of pairs of neighbours that have the same label and :math:`f_k` the
        share of samples in cluster :math:`k`. A border through a dense region costs more than one
        through a gap, and clusters of unequal sizes have no advantage.

        Parameters
        ----------
        labels : array-like (n,), int
            Of all samples.

        Returns
        -------
        float
            1 where all neighbours have the same label, 0 for random labels or a single cluster.
        """
        values = np.asarray(labels)
        shares = np.unique(values, return_counts=True)[1] / len(values)
        chance = float(np.square(shares).sum())
        if chance >= 1.0:
            return 0.0
        same = float(np.mean(values[self._neighbours] == values[self._drawn, None]))
        return (same - chance) / (1.0 - chance)


@dataclass(frozen=True)
class Evidence:
    """Neighbour agreement of the clustering before a training and of that after it.

    Each clustering is scored in both latent spaces, that before the training and that after it,
    since each has an advantage in the space where it was found.

    Attributes
    ----------
    initial, final : float
        `Neighbourhood.agreement` of either clustering, the mean over both spaces.
    """

    initial: float
    final: float

    @classmethod
    def of(
        cls,
        before: Neighbourhood,
        after: Neighbourhood,
        initial_labels: npt.ArrayLike,
        final_labels: npt.ArrayLike,
    ) -> Self:
        """Score the labels before and after a training.

        Parameters
        ----------
        before, after : Neighbourhood
            Neighbours in the latent spaces before and after the training.
        initial_labels, final_labels : array-like (n,), int
            The clusterings before and after it.
        """
        spaces = (before, after)
        return cls(
            float(np.mean([space.agreement(initial_labels) for space in spaces])),
            float(np.mean([space.agreement(final_labels) for space in spaces])),
        )

    @property
    def is_worse(self) -> bool:
        """Whether the final clustering is worse by more than chance."""
        return self.final < self.initial - _TOLERANCE


def why_kept(first: Record, last: Record, evidence: Evidence | None, *, diverged: bool) -> str:
    """Say what went wrong in a training whose initial clustering was kept, and what to do.

    Parameters
    ----------
    first, last : mapping
        Records of the clusterings before and after it.
    evidence : Evidence or None
        None where a cluster was lost.
    diverged : bool
        Whether latents became infinite.

    Returns
    -------
    str
        One sentence.
    """
    if diverged:
        return (
            "Latents became infinite in the training, so the initial clustering was kept: lower "
            "learning_rate."
        )
    if evidence is None:
        return (
            f"Training left members in {last['live']:.0f} of {first['live']:.0f} clusters, so the "
            "initial clustering was kept: lower learning_rate or n_clusters."
        )
    return (
        "Training separated more neighbours than the initial clustering did (agreement "
        f"{evidence.final:.3f} after {evidence.initial:.3f}), so the initial clustering was kept: "
        "lower learning_rate, or raise pretrain_epochs."
    )
