"""`Partitions`: other partitions of the same latents, where one space or method shows another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.validation import check_is_fitted

from equiclust.clustering.blocks import MAX_FITTED
from equiclust.clustering.latent_checks import check_labels, check_latents
from equiclust.clustering.latent_clusterer import LatentClusterer, make_clusterer
from equiclust.clustering.spaces import ALL, Spaces, check_spaces, space_columns
from equiclust.io.estimators import SaveLoadMixin, check_fits
from equiclust.typing import Array, Float64Array, IntArray, PathLike
from equiclust.validation import check_random_state, check_whole

__all__ = ["Partition", "Partitions"]

# Where there is one space only, those that are not the method of the run.
_METHODS = ("manifold", "spectral", "gmm")
_MAX_FITTED, _MIN_HALF = 2000, 300
_MOST = 2
# Adjusted Rand index from which two partitions are called the same.
_SAME = 0.8


class Partition(NamedTuple):
    """A partition, and what it was made from.

    Attributes
    ----------
    space : str
        Of whose latents; "all" for those of all encoders.
    method : str
        As of `LatentClusterer`.
    agreement : float
        Adjusted Rand index of two such partitions, each fitted to one half of the samples; of fewer
        than 600 samples, to all of them from different starts.
    adjusted_rand_index : float
        With the partition of the run.
    """

    space: str
    method: str
    agreement: float
    adjusted_rand_index: float


class Partitions(SaveLoadMixin):
    """Partitions beside that of a run: of the latents of each encoder alone, or by other methods.

    No criterion without labels tells dependably which of several firm partitions is meant, so that
    those which differ are shown side by side. Candidates are the partitions of each space alone;
    of a single space, those by other methods. One that is the same as the partition of the run or
    an earlier one (adjusted Rand index above 0.8) is left out. Of more than 50,000 samples as many
    are drawn to find and compare them.

    Parameters
    ----------
    n_clusters : int, default 8
    spaces : mapping of str to sequence of int, optional
        Columns of the latents by what made them; by default there is one space.
    method : str, default "manifold"
        Of the partition of the run.
    random_state : int, RandomState or None, default None

    Attributes
    ----------
    partitions_ : tuple of Partition
        At most two, in the order of the spaces or methods.
    n_features_in_ : int
        Number of columns.
    """

    _file_stem = "partitions"
    _is_many = True

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        spaces: Spaces | None = None,
        method: str = "manifold",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.spaces = spaces
        self.method = method
        self.random_state = random_state

    def _check_parameters(self) -> None:
        check_whole("n_clusters", self.n_clusters)
        make_clusterer(self.method, self.n_clusters)
        check_random_state(self.random_state)

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> Self:
        """Find partitions that differ from one that is known.

        Parameters
        ----------
        X : array-like (n, d)
            Latents.
        y : array-like (n,), int
            Labels of the partition of the run.

        Raises
        ------
        InputError
            When latents or labels cannot be used.
        """
        self._check_parameters()
        points = check_latents(self, X, reset=True)
        labels = check_labels(y, len(points), self.n_clusters)
        spaces = check_spaces(self.spaces, points.shape[1])
        generator = check_random_state(self.random_state)
        if len(points) > MAX_FITTED:
            drawn = np.sort(generator.permutation(len(points))[:MAX_FITTED])
            points, labels = points[drawn], labels[drawn]
        self.partitions_: tuple[Partition, ...] = ()
        self.clusterers_: list[LatentClusterer] = []
        known = [labels]
        for space, method in self._candidates(spaces):
            if len(self.partitions_) == _MOST:
                break
            seed = int(generator.randint(2**31 - 1))
            own = points[:, space_columns(spaces, space)]
            clusterer = self._clusterer(own, method, seed, np.arange(len(own)))
            found = clusterer.predict(own)
            likeness = [float(adjusted_rand_score(one, found)) for one in known]
            if max(likeness) <= _SAME:
                agreement = self._agreement(own, method, seed)
                self.partitions_ += (Partition(space, method, agreement, likeness[0]),)
                self.clusterers_.append(clusterer)
                known.append(found)
        return self

    def _candidates(self, spaces: Mapping[str, Sequence[int]]) -> list[tuple[str, str]]:
        if self.n_clusters == 1:
            return []
        if len(spaces) > 1:
            return [(space, self.method) for space in spaces]
        return [(ALL, method) for method in _METHODS if method != self.method]

    def _clusterer(
        self, points: Float64Array, method: str, seed: int, rows: IntArray
    ) -> LatentClusterer:
        chosen = np.sort(np.random.default_rng(seed).permutation(rows)[:_MAX_FITTED])
        clusterer = make_clusterer(method, self.n_clusters, random_state=seed)
        return clusterer.fit(points[chosen])

    def _agreement(self, points: Float64Array, method: str, seed: int) -> float:
        order = np.random.default_rng(seed).permutation(len(points))
        halves = np.array_split(order, 2) if len(points) >= 2 * _MIN_HALF else [order, order]
        first, second = (
            self._clusterer(points, method, seed + k, rows).predict(points)
            for k, rows in enumerate(halves)
        )
        return float(adjusted_rand_score(first, second))

    def predict_partitions(self, X: npt.ArrayLike) -> list[IntArray]:
        """Labels of samples, old or new, by each partition.

        Parameters
        ----------
        X : array-like (n, d)
            Latents.

        Returns
        -------
        list of ndarray (n,), int
            From 0 to `n_clusters - 1`; none is withheld.
        """
        check_is_fitted(self, "partitions_")
        points = check_latents(self, X)
        spaces = check_spaces(self.spaces, points.shape[1])
        return [
            clusterer.predict(points[:, space_columns(spaces, one.space)])
            for one, clusterer in zip(self.partitions_, self.clusterers_, strict=True)
        ]

    def _write(self, folder: Path) -> None:
        super()._write(folder)
        for k, clusterer in enumerate(self.clusterers_):
            clusterer._write(_clusterer_folder(folder, k))

    @classmethod
    def _read(cls, folder: PathLike, digests: Mapping[Path, str]) -> Self:
        read: Self = super()._read(folder, digests)
        spaces = check_spaces(read.spaces, read.n_features_in_)
        for k, one in enumerate(read.partitions_):
            clusterer = LatentClusterer._read(_clusterer_folder(folder, k), digests)
            width = len(space_columns(spaces, one.space))
            fits = (clusterer.n_clusters, clusterer.n_features_in_) == (read.n_clusters, width)
            check_fits(fits, "partitions and their clusterings")
            read.clusterers_.append(clusterer)
        return read

    def _arrays(self) -> dict[str, Array]:
        return {"n_features": np.array([self.n_features_in_])}

    def _learned(self) -> dict[str, Any]:
        return {"partitions": [one._asdict() for one in self.partitions_]}

    def _restore(self, arrays: dict[str, Array], learned: Mapping[str, Any]) -> None:
        self.n_features_in_ = int(arrays["n_features"][0])
        spaces = check_spaces(self.spaces, self.n_features_in_)
        self.partitions_ = tuple(_partition(one) for one in learned["partitions"])
        known = {ALL, *spaces}
        check_fits(all(one.space in known for one in self.partitions_), "partitions and spaces")
        self.clusterers_ = []


def _partition(record: Mapping[str, Any]) -> Partition:
    return Partition(
        str(record["space"]),
        str(record["method"]),
        float(record["agreement"]),
        float(record["adjusted_rand_index"]),
    )


def _clusterer_folder(folder: PathLike, number: int) -> Path:
    return Path(folder) / f"partition_{number + 2}"
