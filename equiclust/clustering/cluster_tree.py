"""`ClusterTree`: layers of kinds above and below a partition, with the evidence for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from joblib import delayed
from sklearn.utils.validation import check_is_fitted

from equiclust.clustering.blocks import draw_sorted
from equiclust.clustering.cluster_merges import (
    LEVEL,
    Merge,
    best_coarse_cut,
    merge_clusters,
    nodes_after,
)
from equiclust.clustering.cluster_splits import MIN_MEMBERS, Split, find_split, holm
from equiclust.clustering.latent_checks import check_labels, check_latents, distinct_rows
from equiclust.clustering.separation import N_AXES
from equiclust.clustering.whitening import Whitening
from equiclust.io.estimators import SaveLoadMixin, check_fits
from equiclust.processes import make_calls
from equiclust.typing import Array, Float64Array, IntArray
from equiclust.validation import check_random_state, check_whole

__all__ = ["ClusterTree", "Levels"]

# Clusters of fewer samples are looked at sooner than processes start.
_LEAST_SIDE_BY_SIDE = 1000


class Levels(NamedTuple):
    """Labels of the same samples at the levels beside a partition.

    Attributes
    ----------
    coarse, fine : ndarray (n,), int
        From 0; -1 where the label of the partition is.
    """

    coarse: IntArray
    fine: IntArray


class ClusterTree(SaveLoadMixin):
    """Layers of kinds: a partition, the merges of its clusters and the splits within them.

    Upwards, the two clusters that are least apart are merged, until one is left; what tells for a
    level is the gap between its two nearest clusters, a dip held out from the direction along which
    it is measured (`equiclust.clustering.separation`). The coarse level is the one whose gap is
    wider than that of the level below by the largest factor, where that is at least 1.25 and the
    gap is significant (p <= 0.01); else it is the partition.

    Downwards, every cluster of 40 or more is looked at in its own space. Two to four parts are
    accepted where five embeddings agree on them (adjusted Rand index of at least 0.8) and the gap
    between any two is significant (p <= 0.01 for all clusters together, by Holm's procedure).

    Of more than 50,000 samples that many are drawn to find them, and all are counted.

    Levels are nested: the fine label determines the label, which determines the coarse label. The
    result does not depend on the order of the samples, but for the names of equally large clusters.

    Parameters
    ----------
    n_clusters : int, default 8
        Number of clusters of the partition.
    random_state : int, RandomState or None, default None
        Of the halves and embeddings.

    Attributes
    ----------
    merges_ : tuple of Merge
    sizes_ : ndarray (n_clusters,), int
        Number of samples of each cluster.
    splits_ : dict of int to Split
        By the label of the cluster; only of those that have parts.
    coarse_ : ndarray (n_clusters,), int
        Coarse label of each label; the largest cluster is 0.
    parts_ : tuple of tuple of int
        Sizes of the parts of each cluster; one where it has no parts.
    n_features_in_ : int
    """

    _file_stem = "levels"

    def __init__(
        self, n_clusters: int = 8, *, random_state: int | np.random.RandomState | None = None
    ) -> None:
        self.n_clusters = n_clusters
        self.random_state = random_state

    def _check_parameters(self) -> None:
        check_whole("n_clusters", self.n_clusters)
        check_random_state(self.random_state)

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> Self:
        """Find the levels beside a partition.

        Parameters
        ----------
        X : array-like (n, d)
            Latents.
        y : array-like (n,), int
            The partition: labels from 0 to `n_clusters - 1`. Samples near the border of two
            clusters belong here too: without them there would be gaps.

        Raises
        ------
        InputError
            When latents or labels cannot be used.
        """
        self._check_parameters()
        points = check_latents(self, X, reset=True)
        labels = check_labels(y, len(points), self.n_clusters)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        drawn = draw_sorted(points, np.random.RandomState(seed))
        rows, index, _ = distinct_rows(points[drawn])
        own = np.full(len(rows), self.n_clusters)
        np.minimum.at(own, index, labels[drawn])
        axes = Whitening.fit(rows, standardise=False, whiten=False, n_components=N_AXES)
        self.sizes_ = np.bincount(labels, minlength=self.n_clusters)
        self.merges_ = merge_clusters(axes.apply(rows), own, self.n_clusters, seed=seed)
        self._set_coarse()
        self.splits_ = self._fit_splits(rows, own, seed)
        self.parts_ = self._count_parts(points, labels)
        return self

    def _set_coarse(self) -> None:
        n_merges = self.n_clusters - best_coarse_cut(self.merges_)
        self.coarse_ = nodes_after(self.merges_, n_merges, self.sizes_)

    def _fit_splits(self, rows: Float64Array, labels: IntArray, seed: int) -> dict[int, Split]:
        """Accepted splits; none of a single cluster, which has been found to have no parts."""
        if self.n_clusters == 1:
            return {}
        n_members = np.bincount(labels, minlength=self.n_clusters)
        tested = np.flatnonzero(n_members >= MIN_MEMBERS).tolist()
        found = make_calls(
            [delayed(find_split)(rows[labels == k], level=LEVEL, seed=seed) for k in tested],
            side_by_side=len(rows) >= _LEAST_SIDE_BY_SIDE,
        )
        splits = {k: one for k, one in zip(tested, found, strict=True) if one is not None}
        p_values = [one.p_value for one in splits.values()]
        accepted = holm(p_values, len(tested), level=LEVEL)
        return {k: splits[k] for k, ok in zip(list(splits), accepted, strict=True) if ok}

    def _count_parts(self, points: Float64Array, labels: IntArray) -> tuple[tuple[int, ...], ...]:
        return tuple(
            tuple(
                np.bincount(
                    self.splits_[k].predict(points[labels == k]), minlength=self.splits_[k].n_parts
                ).tolist()
            )
            if k in self.splits_
            else (int(size),)
            for k, size in enumerate(self.sizes_)
        )

    @property
    def n_coarse_(self) -> int:
        """Number of clusters of the coarse level."""
        return int(self.coarse_.max()) + 1

    @property
    def n_fine_(self) -> int:
        """Number of clusters of the fine level."""
        return sum(map(len, self.parts_))

    @property
    def first_fine_(self) -> IntArray:
        """Fine label `(n_clusters,)` of the first part of each cluster."""
        return np.cumsum([0, *map(len, self.parts_[:-1])])

    def predict_levels(self, X: npt.ArrayLike, y: npt.ArrayLike) -> Levels:
        """Coarse and fine labels of samples, old or new, whose label is known.

        Parameters
        ----------
        X : array-like (n, d)
            Latents.
        y : array-like (n,), int
            Labels from 0 to `n_clusters - 1`, or -1.

        Returns
        -------
        Levels

        Raises
        ------
        InputError
            When latents or labels cannot be used.
        """
        check_is_fitted(self)
        points = check_latents(self, X)
        labels = check_labels(y, len(points), self.n_clusters, lowest=-1)
        fine = np.where(labels >= 0, self.first_fine_[labels], -1)
        for label, split in self.splits_.items():
            own = labels == label
            fine[own] += split.predict(points[own])
        return Levels(np.where(labels >= 0, self.coarse_[labels], -1), fine)

    def _arrays(self) -> dict[str, Array]:
        arrays = {"sizes": self.sizes_}
        for label, split in self.splits_.items():
            arrays |= {f"{label}.{name}": array for name, array in split.arrays().items()}
        return arrays

    def _learned(self) -> dict[str, Any]:
        return {
            "n_features": self.n_features_in_,
            "merges": [list(merge) for merge in self.merges_],
            "parts": [list(sizes) for sizes in self.parts_],
        }

    def _restore(self, arrays: dict[str, Array], learned: Mapping[str, Any]) -> None:
        self.n_features_in_ = int(learned["n_features"])
        self.sizes_ = arrays["sizes"]
        self.merges_ = tuple(Merge(int(a), int(b), float(dip)) for a, b, dip in learned["merges"])
        self.parts_ = tuple(tuple(int(size) for size in sizes) for sizes in learned["parts"])
        check_fits(self.sizes_.shape == (self.n_clusters,), "sizes and n_clusters")
        check_fits(_is_tree(self.merges_, self.n_clusters), "merges and n_clusters")
        self._set_coarse()
        self.splits_ = {}
        for label, sizes in enumerate(self.parts_):
            prefix = f"{label}."
            own = {k.removeprefix(prefix): a for k, a in arrays.items() if k.startswith(prefix)}
            if own:
                self.splits_[label] = Split.restore(own, self.n_features_in_)
            n_parts = self.splits_[label].n_parts if own else 1
            check_fits(len(sizes) == n_parts, "parts and splits")
        check_fits(len(self.parts_) == self.n_clusters, "parts and n_clusters")


def _is_tree(merges: tuple[Merge, ...], n_clusters: int) -> bool:
    """Whether every node but the last is merged once, after it was made."""
    merged = [node for merge in merges for node in (merge.first, merge.second)]
    in_order = all(
        max(merge.first, merge.second) < n_clusters + k for k, merge in enumerate(merges)
    )
    return in_order and sorted(merged) == list(range(2 * n_clusters - 2))
