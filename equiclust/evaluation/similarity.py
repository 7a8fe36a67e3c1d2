"""Nearest neighbours in latent space, among few latents or millions."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from equiclust.argument_types import checks_types
from equiclust.binary_scale import range_exponent
from equiclust.exceptions import InputError
from equiclust.optional import import_optional
from equiclust.typing import Float32Array, IntArray
from equiclust.validation import check_samples, check_whole

__all__ = ["EXACT_BELOW", "LatentIndex"]


EXACT_BELOW = 1_000_000
"""Number of latents from which a graph of neighbours replaces the comparison with all of them."""


@checks_types
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
        self._exponent = range_exponent(self.latents.astype(np.float64))
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
            indices, _ = self._found.query(np.ldexp(points, -self._exponent), k)
            differences = self.latents[indices].astype(np.float64) - points[:, None]
            distances = np.linalg.norm(differences, axis=2)
        return distances.astype(np.float32), indices.astype(np.int64)

    def _exact(self) -> Any:
        from sklearn.neighbors import NearestNeighbors

        # In double precision, whose range holds the squares of all numbers of single precision.
        return NearestNeighbors(algorithm="brute").fit(self.latents.astype(np.float64))

    def _approximate(self, random_state: int | None) -> Any:
        pynndescent = import_optional(
            "pynndescent", extra="large", purpose="an approximate index of latents"
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scaled = np.ldexp(self.latents, -self._exponent)
            index = pynndescent.NNDescent(scaled, random_state=random_state)
            index.prepare()
        return index


def _checked(latents: npt.ArrayLike) -> Float32Array:
    points = check_samples("latents", latents)
    largest = float(np.abs(points).max(initial=0.0))
    single = np.finfo(np.float32)
    least, most = float(single.tiny), float(single.max)
    if largest > most or 0 < largest < least:
        raise InputError(
            f"latents must have numbers that float32 can hold, {least:.1e} to "
            f"{most:.1e}, got {largest:.1e}: divide all latents by that"
        )
    return np.ascontiguousarray(points, dtype=np.float32)
