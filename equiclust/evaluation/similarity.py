"""What is nearest in latent space, among few or among millions."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from equiclust.exceptions import InputError
from equiclust.validation import check_whole

__all__ = ["EXACT_BELOW", "LatentIndex"]

FloatArray = npt.NDArray[np.float32]

EXACT_BELOW = 1_000_000
"""So many latents are compared one by one; more are searched along a graph of neighbours."""


class LatentIndex:
    """Finds the nearest of many latents.

    Below `exact_below` every latent is compared. Above, the search follows a graph of near
    neighbours made by nearest neighbour descent (Dong, Moses & Li 2011; `pynndescent`), which finds
    nearly all of them in a fraction of the time.

    Parameters
    ----------
    latents : array-like (n, d)
        Compared by Euclidean distance.
    exact_below : int
    random_state : int, optional
        Of the graph.

    Raises
    ------
    InputError
        When there is no latent, or one is not finite.
    """

    def __init__(
        self,
        latents: npt.ArrayLike,
        *,
        exact_below: int = EXACT_BELOW,
        random_state: int | None = 0,
    ) -> None:
        self.latents = _checked(latents)
        self.is_exact = len(self.latents) < exact_below
        self._found = self._exact() if self.is_exact else self._approximate(random_state)

    def query(
        self, latents: npt.ArrayLike, n: int = 10
    ) -> tuple[FloatArray, npt.NDArray[np.int64]]:
        """Distances and indices of the `n` nearest, nearest first.

        Parameters
        ----------
        latents : array-like (m, d)
        n : int
            At most as many as there are.

        Returns
        -------
        distances : ndarray (m, n), float32
        indices : ndarray (m, n), int
        """
        points = _checked(latents)
        if points.shape[1] != self.latents.shape[1]:
            raise InputError(
                f"latents must have {self.latents.shape[1]} numbers each, got {points.shape[1]}"
            )
        check_whole("n", n)
        k = min(n, len(self.latents))
        if self.is_exact:
            distances, indices = self._found.kneighbors(points, k)
        else:
            indices, distances = self._found.query(points, k)
        return distances.astype(np.float32), indices.astype(np.int64)

    def _exact(self) -> Any:
        from sklearn.neighbors import NearestNeighbors

        return NearestNeighbors(algorithm="brute").fit(self.latents)

    def _approximate(self, random_state: int | None) -> Any:
        from pynndescent import NNDescent

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            index = NNDescent(self.latents, random_state=random_state)
            index.prepare()
        return index


def _checked(latents: npt.ArrayLike) -> FloatArray:
    points = np.ascontiguousarray(latents, dtype=np.float32)
    if points.ndim != 2 or not len(points):
        raise InputError(f"latents must have shape (n, d) with n of 1 or more, got {points.shape}")
    if not np.isfinite(points).all():
        raise InputError("latents must be finite, got nan or infinity")
    return points
