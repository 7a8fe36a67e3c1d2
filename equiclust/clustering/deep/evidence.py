"""How well a division respects who is whose neighbour: evidence that needs no labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.neighbors import NearestNeighbors

from equiclust.exceptions import InputError

__all__ = ["Evidence", "Neighbourhood"]

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

_N_NEIGHBORS = 15
# The agreement of more samples than these is known to a part in a hundred.
_MOST_ASKED = 10_000
_NOTABLY_WORSE = 0.005


class Neighbourhood:
    r"""The nearest neighbours of samples, to be asked about divisions of these.

    Parameters
    ----------
    points : ndarray (n, d)
        At least two samples.
    seed : int
        Draws those that are asked where there are more than ten thousand.

    Raises
    ------
    InputError
        When there are fewer than two samples.
    """

    def __init__(self, points: npt.ArrayLike, *, seed: int = 0) -> None:
        places = np.asarray(points)
        if places.ndim != 2 or len(places) < 2:
            raise InputError(f"points must be at least 2 rows, got shape {places.shape}")
        drawn = np.random.default_rng(seed).permutation(len(places))[:_MOST_ASKED]
        self._asked = np.sort(drawn)
        nearest = NearestNeighbors(n_neighbors=min(_N_NEIGHBORS + 1, len(places)))
        found = nearest.fit(places).kneighbors(places[self._asked], return_distance=False)
        # One of a crowd of equal samples need not find itself first.
        self._found = found[:, 1:]

    def agreement(self, labels: npt.ArrayLike) -> float:
        r"""Share of neighbours with the same label, beyond chance (Cohen 1960).

        .. math::

            \kappa = \frac{a - c}{1 - c}, \qquad c = \sum_k f_k^2

        with :math:`a` the share of pairs of neighbours that have one label and :math:`f_k` that of
        cluster :math:`k`. A border through a crowd costs more than one through a gap, and nothing
        is won by clusters of unlike sizes.

        Parameters
        ----------
        labels : array-like (n,), int

        Returns
        -------
        float
            1 where no neighbours are divided, 0 for random labels or a single one.
        """
        given = np.asarray(labels)
        shares = np.unique(given, return_counts=True)[1] / len(given)
        chance = float(np.square(shares).sum())
        if chance >= 1.0:
            return 0.0
        same = float(np.mean(given[self._found] == given[self._asked, None]))
        return (same - chance) / (1.0 - chance)


@dataclass(frozen=True)
class Evidence:
    """How a clustering of latents compares with the one that it began with.

    Each division is asked for in both latent spaces, that before the training and that after it,
    since k-means is at an advantage where it was made, and a trained network where it put things.

    Attributes
    ----------
    beginning, end : float
        `Neighbourhood.agreement`, mean of both spaces.
    """

    beginning: float
    end: float

    @classmethod
    def of(
        cls, before: Neighbourhood, after: Neighbourhood, first: npt.ArrayLike, last: npt.ArrayLike
    ) -> Evidence:
        """Evidence of the labels at first and at last, by the neighbours before and after."""
        spaces = (before, after)
        return cls(
            float(np.mean([space.agreement(first) for space in spaces])),
            float(np.mean([space.agreement(last) for space in spaces])),
        )

    @property
    def is_worse(self) -> bool:
        """Whether the end is worse, by more than chance may do."""
        return self.end < self.beginning - _NOTABLY_WORSE
