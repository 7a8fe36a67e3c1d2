"""Consensus clustering on disk, in the format of version 0.1."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from ensembles.base_clusterings import BaseClustering
from ensembles.calibration import Calibration
from ensembles.stability_features import N_FEATURES
from equiclust.clustering import LatentClusterer, make_clusterer
from equiclust.exceptions import InputError
from equiclust.io.estimators import SaveLoadMixin, check_fits, check_ranks
from equiclust.io.manifest import DAMAGE
from equiclust.typing import Array, Float64Array, IntArray, PathLike

__all__ = ["ConsensusFiles", "member_folder"]

# Starts of k-means.
_DEFAULT_N_INIT = 10

_ARRAY_RANKS = {
    "names": 2,
    "member_names": 2,
    "scales": 1,
    "labels": 1,
    "best_labels": 1,
    "member_labels": 2,
    "confidence": 1,
    "threshold": 1,
}


def member_folder(folder: PathLike, member: int) -> Path:
    """Path of the folder that holds one member's files.

    Parameters
    ----------
    folder : path
        Of the model.
    member : int
        Index from 0.

    Returns
    -------
    path
    """
    return Path(folder) / f"member_{member:02d}"


def _base_clustering_folder(folder: PathLike, base_clustering: int) -> Path:
    return Path(folder) / "committees" / f"{base_clustering:02d}"


class ConsensusFiles(SaveLoadMixin):
    """`save` and `load` of `ConsensusClustering`, which inherits from it."""

    n_clusters: int
    n_init: int
    members_: list[LatentClusterer]
    base_clusterings_: list[BaseClustering]
    names_: IntArray
    member_names_: IntArray
    scales_: Float64Array
    labels_: IntArray
    best_labels_: IntArray
    member_labels_: IntArray
    stability_: Float64Array
    threshold_: float
    method_: str
    _centres: list[Float64Array]
    _calibration: Calibration

    # Names of version 0.1: files keep their format, and models saved then can be loaded.
    _file_stem = "jury"
    _saved_kind = "Jury"

    _is_many = True

    def _saved_parameters(self) -> dict[str, Any]:
        parameters = super()._saved_parameters()
        # Younger than version 0.1, which refuses what it does not know.
        if parameters["n_init"] == _DEFAULT_N_INIT:
            del parameters["n_init"]
        return parameters

    def _write(self, folder: Path) -> None:
        super()._write(folder)
        for k, member in enumerate(self.members_):
            member._write(member_folder(folder, k))
        for k, one in enumerate(self.base_clusterings_):
            one.clusterer._write(_base_clustering_folder(folder, k))

    @classmethod
    def _read(cls, folder: PathLike, digests: Mapping[Path, str]) -> Self:
        consensus: Self = super()._read(folder, digests)
        try:
            consensus._restore_clusterers(folder, digests)
        except DAMAGE as error:
            raise InputError(f"{str(folder)!r} holds a damaged {cls.__name__}: {error}") from error
        return consensus

    def _restore_clusterers(self, folder: PathLike, digests: Mapping[Path, str]) -> None:
        def read(part: Path) -> LatentClusterer:
            return LatentClusterer._read(part, digests)

        n_members = len(self.member_names_)
        self.members_ = [read(member_folder(folder, k)) for k in range(n_members)]
        self.base_clusterings_ = [
            BaseClustering(members, read(_base_clustering_folder(folder, k)))
            for k, members in enumerate(self._base_members)
        ]
        for one, centres in zip(self.base_clusterings_, self._centres, strict=True):
            n_axes = one.clusterer.whitening_.axes.shape[1]
            check_fits(centres.shape[1] == n_axes, "centres and latents")
            same = one.clusterer.n_clusters == self.n_clusters
            check_fits(same, "consensus and base clusterings")
        for member in self.members_:
            same = member.n_clusters == self.n_clusters
            check_fits(same, "consensus and clusterings of the members")

    def _arrays(self) -> dict[str, Array]:
        learned = self._calibration.arrays()
        return {
            "names": self.names_,
            "member_names": self.member_names_,
            "scales": self.scales_,
            "labels": self.labels_,
            "best_labels": self.best_labels_,
            "member_labels": self.member_labels_,
            "confidence": self.stability_,
            "threshold": np.array([self.threshold_]),
            **{f"calibration.{name}": array for name, array in learned.items()},
            **{f"centres.{k}": centres for k, centres in enumerate(self._centres)},
        }

    def _learned(self) -> dict[str, Any]:
        return {
            "method": self.method_,
            "committees": [list(one.members) for one in self.base_clusterings_],
        }

    def _restore(self, arrays: dict[str, Array], learned: Mapping[str, Any]) -> None:
        check_ranks(arrays, _ARRAY_RANKS)
        self.method_ = str(learned["method"])
        make_clusterer(self.method_, self.n_clusters)
        names, member_names = arrays["names"], arrays["member_names"]
        self._base_members = [tuple(int(k) for k in own) for own in learned["committees"]]
        check_fits(len(names) == len(self._base_members), "names and base clusterings")
        check_fits(len(member_names) == len(arrays["scales"]), "members and scales")
        check_fits(bool(np.all(arrays["scales"] >= 0)), "scales, of which one is negative,")
        known = set(range(len(member_names)))
        check_fits(
            all(own and known.issuperset(own) for own in self._base_members),
            "members and base clusterings",
        )
        check_fits(names.shape[1] == self.n_clusters, "names and n_clusters")
        expected = np.arange(self.n_clusters)
        for table in (names, member_names):
            check_fits(bool(np.all(np.sort(table, axis=1) == expected)), "names and n_clusters")
        self._centres = [arrays[f"centres.{k}"] for k in range(len(names))]
        check_fits(all(len(c) == self.n_clusters for c in self._centres), "centres and n_clusters")
        prefix = "calibration."
        parts = {k.removeprefix(prefix): a for k, a in arrays.items() if k.startswith(prefix)}
        self._calibration = Calibration.restore(parts, N_FEATURES)
        self.names_, self.member_names_, self.scales_ = names, member_names, arrays["scales"]
        self.labels_, self.best_labels_ = arrays["labels"], arrays["best_labels"]
        self.member_labels_, self.stability_ = arrays["member_labels"], arrays["confidence"]
        self.threshold_ = float(arrays["threshold"][0])
