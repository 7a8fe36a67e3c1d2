"""Consensus clustering: the latents of several networks in, one label an object out."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, get_args

import numpy as np
import numpy.typing as npt
from sklearn.base import ClusterMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ensembles.base_clusterings import (
    BaseClustering,
    concatenate_latents,
    fit_base_clusterings,
    stability,
)
from ensembles.calibration import Calibration, reliable
from ensembles.confidence_features import N_EVIDENCE, ConfidenceFeatures
from ensembles.label_voting import Method, align, mean_memberships, reach_consensus, vote
from equiclust.clustering import LatentClusterer, make_clusterer
from equiclust.clustering.labels import canonical_order
from equiclust.exceptions import InputError
from equiclust.io.estimators import SaveLoadMixin, check_fits, check_ranks
from equiclust.validation import check_choice, check_share

__all__ = ["METHODS", "ConsensusClustering", "ConsensusResult", "member_folder"]

logger = logging.getLogger(__name__)

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int64]

# No calibrated confidence is above this: no label is given.
_NEVER = 2.0
METHODS = ("gmm", "kmeans", "spectral", "manifold")
_TINY = 1e-12
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


def member_folder(folder: str | os.PathLike[str], member: int) -> Path:
    """Where in a model's folder the parts of one member lie."""
    return Path(folder) / f"member_{member:02d}"


def _base_clustering_folder(folder: str | os.PathLike[str], base_clustering: int) -> Path:
    return Path(folder) / "committees" / f"{base_clustering:02d}"


class ConsensusClustering(ClusterMixin, SaveLoadMixin):  # type: ignore[misc]  # scikit-learn has no annotations
    """The latents of several members, clustered over and over, and how far to trust the result.

    Committees of half of the members, each learning from half of the objects (from all of them if
    there are fewer than 200, when the confidence knows less of chance), cluster the joint
    latents of their members. Their consensus is the label of an object. Its confidence is the
    probability that one more committee, which shares neither members nor learning with the one that
    proposes the label, gives the same: learned from all pairs of such committees, the evidence
    being the standing of the object with the others (share of their votes, margin between the
    clusters, loneliness). So it measures how firm an answer is. Whether the clusters are the kinds
    that somebody has in mind, no confidence without labels can know.

    Parameters
    ----------
    n_clusters : int
    method : {"auto", "gmm", "kmeans", "spectral", "manifold"}
        How latents are clustered, see `LatentClusterer`; "auto" takes the one whose committees
        agree best with one another.
    consensus : {"vote", "coassociation"}
        See `reach_consensus`.
    reliability : float
        Share of right labels asked for: as many of the least certain objects get -1, "don't know",
        as it takes to keep the mean confidence of the others this high. 0 labels everything.
    random_state : int, RandomState or None

    Attributes
    ----------
    labels_ : ndarray (n,), int
        Label of each training object, -1 = "don't know"; the largest cluster is 0.
    best_labels_ : ndarray (n,), int
        The same, with the most likely label instead of -1.
    member_labels_ : ndarray (n_members, n), int
        Label by each member alone, under the consensus's names. It learns its clusters from the
        objects that its network was trained on.
    confidence_ : ndarray (n,)
    agreement_, agreement_held_out_ : ndarray (n,)
        Share of the members that give the consensus's label: of all of them, and of those that did
        not train on the object (NaN where there are none).
    method_ : str
        The method that was used.
    members_ : list of LatentClusterer
    committees_ : list of Committee
    """

    # The names of version 0.1: models that were saved then are read, and files stay as they are.
    _file_stem = "jury"
    _saved_kind = "Jury"

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        method: str = "auto",
        consensus: Method = "vote",
        reliability: float = 0.9,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.method = method
        self.consensus = consensus
        self.reliability = reliability
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: object = None, *, held_out: Bools | None = None) -> Self:
        """Form the committees, hear them, and learn how far they can be trusted.

        Parameters
        ----------
        X : array-like (n_members, n, d)
            Latents of the same objects by each member.
        y : ignored
        held_out : ndarray (n_members, n), bool, optional
            Objects that a member did not train on; none by default.

        Raises
        ------
        InputError
            When the latents cannot be clustered, or a parameter is out of range.
        """
        self._check_parameters()
        latents = _checked(X)
        apart = np.zeros(latents.shape[:2], bool) if held_out is None else np.asarray(held_out)
        if apart.shape != latents.shape[:2]:
            raise InputError(f"held_out must have shape {latents.shape[:2]}, got {apart.shape}")
        seeds = check_random_state(self.random_state).randint(2**31 - 1, size=len(latents) + 2)
        self.scales_ = np.sqrt(latents.var(axis=1).sum(axis=1))
        self.method_, self.base_clusterings_ = self._formed(latents, int(seeds[0]))
        self.members_ = [
            self._alone(own, hidden, int(seed))
            for own, hidden, seed in zip(latents, apart, seeds[2:], strict=True)
        ]
        self._settle(latents, int(seeds[1]))
        self._count_agreement(apart)
        return self

    def _formed(self, latents: Array, seed: int) -> tuple[str, list[BaseClustering]]:
        """The method, and the committees that use it."""
        formed: dict[str, list[BaseClustering]] = {}
        firm: dict[str, float] = {}
        for method in METHODS if self.method == "auto" else (self.method,):
            formed[method] = fit_base_clusterings(
                latents, self.scales_, method, self.n_clusters, seed=seed
            )
            firm[method] = stability(formed[method], latents, self.scales_)
            if firm[method] == 1.0:
                # The others, slower ones, cannot do better.
                break
        logger.info("agreement of committees by method: %s", firm)
        best = max(firm, key=lambda name: firm[name])
        return best, formed[best]

    def _alone(self, own: Array, hidden: Bools, seed: int) -> LatentClusterer:
        """A member's own clusters, by what it trained on if that can show so many."""
        clusterer = make_clusterer(self.method_, self.n_clusters, random_state=seed)
        enough = len(np.unique(own[~hidden], axis=0)) >= 2 * self.n_clusters
        return clusterer.fit(own[~hidden] if enough else own)

    def _settle(self, latents: Array, seed: int) -> None:
        """Consensus, confidence, and the labels that are certain enough."""
        views = self._views(latents)
        memberships = self._memberships(views)
        reached = reach_consensus(memberships, self.consensus, seed=seed)
        labels, _ = vote(memberships, reached.names)
        # The largest cluster is called 0.
        new_names = np.argsort(canonical_order(labels, self.n_clusters))
        self.names_ = np.asarray(new_names[reached.names])
        self._centres = self._learned_centres(views, self._given(memberships))
        features = self._confidence_features(views, memberships)
        self._calibration = Calibration.fit(*features.calibration_pairs())
        self.best_labels_, _ = vote(memberships, self.names_)
        self.confidence_ = self._calibration(features.evidence(self.best_labels_))
        given = reliable(self.confidence_, self.reliability)
        self.threshold_ = float(self.confidence_[given].min()) if given.any() else _NEVER
        self.labels_ = np.where(given, self.best_labels_, -1)
        alone = np.stack(
            [member.predict(own) for member, own in zip(self.members_, latents, strict=True)]
        )
        self.member_names_ = np.stack(
            [align(own, self.best_labels_, self.n_clusters) for own in alone]
        )
        self.member_labels_ = np.take_along_axis(self.member_names_, alone, axis=1)

    def _count_agreement(self, held_out: Bools) -> None:
        agree = self.member_labels_ == self.best_labels_
        judged = held_out.sum(axis=0)
        shares = (agree & held_out).sum(axis=0) / np.maximum(judged, 1)
        self.agreement_ = agree.mean(axis=0)
        self.agreement_held_out_ = np.where(judged > 0, shares, np.nan)

    def _views(self, latents: Array) -> list[Array]:
        """What each committee sees of the objects, `(n, m * d)`."""
        return [
            concatenate_latents(latents, self.scales_, one.members)
            for one in self.base_clusterings_
        ]

    def _memberships(self, views: Sequence[Array]) -> Array:
        return np.stack(
            [
                one.clusterer.predict_proba(view)
                for one, view in zip(self.base_clusterings_, views, strict=True)
            ]
        )

    def _given(self, memberships: Array) -> Labels:
        """Each committee's labels by the consensus's names."""
        return np.take_along_axis(self.names_, memberships.argmax(axis=2), axis=1)

    def _learned_centres(self, views: Sequence[Array], given: Labels) -> list[Array]:
        """Mean of each cluster in every committee's whitened space, `(n_clusters, c)`."""
        found = []
        for one, view, labels in zip(self.base_clusterings_, views, given, strict=True):
            points = one.clusterer.whitening_.apply(view)
            centres = np.tile(points.mean(axis=0), (self.n_clusters, 1))
            for label in np.unique(labels):
                centres[label] = points[labels == label].mean(axis=0)
            found.append(centres)
        return found

    def _confidence_features(
        self, views: Sequence[Array], memberships: Array
    ) -> ConfidenceFeatures:
        clusterers = [one.clusterer for one in self.base_clusterings_]
        return ConfidenceFeatures.of(clusterers, self._centres, self._given(memberships), views)

    def predict(self, X: npt.ArrayLike) -> Labels:
        """Labels of objects, -1 where the jury does not know.

        Parameters
        ----------
        X : array-like (n_members, n, d)

        Returns
        -------
        ndarray (n,), int
        """
        return self.predict_consensus(X).labels

    def memberships(self, X: npt.ArrayLike) -> Array:
        """Membership of objects in every cluster, the mean over the committees.

        Parameters
        ----------
        X : array-like (n_members, n, d)

        Returns
        -------
        ndarray (n, n_clusters)
            Of sum one.

        Raises
        ------
        InputError
            When the latents do not fit the members.
        """
        check_is_fitted(self)
        heard = self._memberships(self._views(self._checked_members(X)))
        return mean_memberships(heard, self.names_)

    def _checked_members(self, X: npt.ArrayLike) -> Array:
        latents = _checked(X)
        if len(latents) != len(self.members_):
            raise InputError(
                f"X must hold the latents of {len(self.members_)} members, got {len(latents)}"
            )
        return latents

    def predict_consensus(self, X: npt.ArrayLike) -> ConsensusResult:
        """All that the jury has to say of objects, old or new.

        Parameters
        ----------
        X : array-like (n_members, n, d)

        Returns
        -------
        ConsensusResult

        Raises
        ------
        InputError
            When the latents do not fit the members.
        """
        check_is_fitted(self)
        latents = self._checked_members(X)
        views = self._views(latents)
        memberships = self._memberships(views)
        best, _ = vote(memberships, self.names_)
        confidence = self._calibration(self._confidence_features(views, memberships).evidence(best))
        pairs = list(zip(self.members_, latents, strict=True))
        alone = np.stack([member.predict(own) for member, own in pairs])
        member_labels = np.take_along_axis(self.member_names_, alone, axis=1)
        lonely = [np.maximum(member.outlier_scores(own), _TINY) for member, own in pairs]
        return ConsensusResult(
            labels=np.where(confidence >= self.threshold_, best, -1),
            best_labels=best,
            confidence=confidence,
            agreement=(member_labels == best).mean(axis=0),
            member_labels=member_labels,
            outlier_scores=np.exp(np.mean(np.log(lonely), axis=0)),
        )

    def _check_parameters(self) -> None:
        make_clusterer("gmm" if self.method == "auto" else self.method, self.n_clusters)
        check_choice("consensus", self.consensus, get_args(Method))
        check_share("reliability", self.reliability)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the fitted jury; members and committees have a folder each."""
        super().save(folder)
        for k, member in enumerate(self.members_):
            member.save(member_folder(folder, k))
        for k, base_clustering in enumerate(self.base_clusterings_):
            base_clustering.clusterer.save(_base_clustering_folder(folder, k))

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """The jury that `save` wrote; its verdicts are equal to the last bit."""
        consensus: Self = super().load(folder)
        n_members = len(consensus.member_names_)
        consensus.members_ = [
            LatentClusterer.load(member_folder(folder, k)) for k in range(n_members)
        ]
        consensus.base_clusterings_ = [
            BaseClustering(seats, LatentClusterer.load(_base_clustering_folder(folder, k)))
            for k, seats in enumerate(consensus._seats)
        ]
        for base_clustering, centres in zip(
            consensus.base_clusterings_, consensus._centres, strict=True
        ):
            clusterer = base_clustering.clusterer
            check_fits(
                centres.shape[1] == clusterer.whitening_.axes.shape[1], "centres and latents"
            )
            check_fits(clusterer.n_clusters == consensus.n_clusters, "jury and committees")
        return consensus

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        learned = self._calibration.arrays()
        return {
            "names": self.names_,
            "member_names": self.member_names_,
            "scales": self.scales_,
            "labels": self.labels_,
            "best_labels": self.best_labels_,
            "member_labels": self.member_labels_,
            "confidence": self.confidence_,
            "threshold": np.array([self.threshold_]),
            **{f"calibration.{name}": array for name, array in learned.items()},
            **{f"centres.{k}": centres for k, centres in enumerate(self._centres)},
        }

    def _learned(self) -> dict[str, Any]:
        return {
            "method": self.method_,
            "committees": [list(one.members) for one in self.base_clusterings_],
        }

    def _restore(self, arrays: dict[str, npt.NDArray[Any]], learned: Mapping[str, Any]) -> None:
        check_ranks(arrays, _ARRAY_RANKS)
        self.method_ = str(learned["method"])
        names, member_names = arrays["names"], arrays["member_names"]
        self._seats = [tuple(int(k) for k in seats) for seats in learned["committees"]]
        check_fits(len(names) == len(self._seats), "names and committees")
        check_fits(len(member_names) == len(arrays["scales"]), "members and scales")
        expected = np.arange(self.n_clusters)
        for table in (names, member_names):
            sorted_names = np.sort(table, axis=1)
            check_fits(bool(np.all(sorted_names == expected)), "names and n_clusters")
        self._centres = [arrays[f"centres.{k}"] for k in range(len(names))]
        check_fits(all(len(c) == self.n_clusters for c in self._centres), "centres and n_clusters")
        prefix = "calibration."
        parts = {k.removeprefix(prefix): a for k, a in arrays.items() if k.startswith(prefix)}
        self._calibration = Calibration.restore(parts, N_EVIDENCE)
        self.names_, self.member_names_, self.scales_ = names, member_names, arrays["scales"]
        self.labels_, self.best_labels_ = arrays["labels"], arrays["best_labels"]
        self.member_labels_, self.confidence_ = arrays["member_labels"], arrays["confidence"]
        self.threshold_ = float(arrays["threshold"][0])


@dataclass(frozen=True, eq=False)
class ConsensusResult:
    """What a jury says of `n` objects.

    Attributes
    ----------
    labels, best_labels : ndarray (n,), int
        With -1 = "don't know", and with the most likely label instead.
    confidence : ndarray (n,)
    agreement : ndarray (n,)
        Share of the members that give the label, or would have if it were given.
    member_labels : ndarray (n_members, n), int
        By the consensus's names.
    outlier_scores : ndarray (n,)
        Mean over the members, see `LatentClusterer.outlier_scores`.
    """

    labels: Labels
    best_labels: Labels
    confidence: Array
    agreement: Array
    member_labels: Labels
    outlier_scores: Array


def _checked(latents: npt.ArrayLike) -> Array:
    array = np.asarray(latents, dtype=np.float64)
    if array.ndim != 3 or not array.size or not np.all(np.isfinite(array)):
        raise InputError(
            f"X must hold finite latents of shape (n_members, n, d), got shape {array.shape}"
        )
    return array
