"""Nearest neighbours in latent space, among few latents or millions."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from equiclust.exceptions import InputError
from equiclust.optional import import_optional
from equiclust.typing import Float32Array, IntArray
from equiclust.validation import check_whole

__all__ = ["EXACT_BELOW", "LatentIndex"]


EXACT_BELOW = 1_000_000
"""Number of latents from which a graph of neighbours replaces the comparison with all of them."""


class LatentIndex:
    """Index of latents to find the nearest ones.

    With fewer latents than `exact_below`, a query is compared with all of them. Above, the search
    follows a graph of near neighbours made by nearest neighbour descent (Dong, Moses & Li 2011;
    `pynndescent`), which finds nearly all of them in a fraction of the time.

    Parameters
    ----------
    latents : array-like (n, d)
        Compared by Euclidean distance.
    exact_below : int, default 1,000,000
        Number of latents from which the search is approximate.
    random_state : int or None, default 0
        Of the graph.

    Attributes
    ----------
    latents : ndarray (n, d), float32
    is_exact : bool
        Whether a query is compared with all latents.

    Raises
    ------
    InputError
        When there are no latents, or one is not finite.
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

    def query(self, latents: npt.ArrayLike, n: int = 10) -> tuple[Float32Array, IntArray]:
        """Find the nearest latents.

        Parameters
        ----------
        latents : array-like (m, d)
            Latents to compare with those of the index.
        n : int, default 10
            Number of neighbours. Where the index holds fewer, all are returned.

        Returns
        -------
        distances : ndarray (m, n), float32
            Euclidean, nearest first.
        indices : ndarray (m, n), int64
            Of the neighbours, in the index.

        Raises
        ------
        InputError
            When the latents are not finite or of another length, or `n` is below 1.
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
        pynndescent = import_optional(
            "pynndescent", extra="large", purpose="an approximate index of latents"
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            index = pynndescent.NNDescent(self.latents, random_state=random_state)
            index.prepare()
        return index


def _checked(latents: npt.ArrayLike) -> Float32Array:
    points = np.ascontiguousarray(latents, dtype=np.float32)
    if points.ndim != 2 or not len(points):
        raise InputError(f"latents must have shape (n, d) with n of 1 or more, got {points.shape}")
    if not np.isfinite(points).all():
        raise InputError("latents must be finite, got nan or infinity")
    return points
