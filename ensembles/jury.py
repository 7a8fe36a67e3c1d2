"""`Jury`: the latents of several members in, one label an object out, with a confidence."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import ClusterMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ensembles.calibration import Calibration, reliable
from ensembles.consensus import Method, reach_consensus, vote
from ensembles.standing import N_EVIDENCE, Standing
from equiclust.clustering import LatentClusterer, make_clusterer
from equiclust.clustering.labels import canonical_order
from equiclust.exceptions import InputError
from equiclust.storage import Persistent, check_fits, check_ranks

__all__ = ["Jury", "Verdict", "member_folder"]

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int64]

# No calibrated confidence is above this: no label is given.
_NEVER = 2.0


def member_folder(folder: str | os.PathLike[str], member: int) -> Path:
    """Where in a model's folder the parts of one member lie."""
    return Path(folder) / f"member_{member:02d}"


class Jury(ClusterMixin, Persistent):  # type: ignore[misc]  # scikit-learn has no annotations
    """Several clusterings of the same objects, their consensus, and how far it can be trusted.

    Each member clusters the latents of its own network, and learns its clusters from the objects
    that this network was trained on. The consensus names one label an object. Its confidence is the
    probability that a judge who never saw the object gives it the same label: learned from trials
    in which every member that did not train on an object is asked for its label, and the others'
    standing (share of the votes, margin between the clusters, loneliness) is the evidence.

    Parameters
    ----------
    n_clusters : int
    method : {"gmm", "kmeans", "spectral"}
        How each member clusters, see `LatentClusterer`.
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
        Each member's label by the consensus's names.
    confidence_ : ndarray (n,)
    agreement_, agreement_held_out_ : ndarray (n,)
        Share of the members that give the consensus's label: of all of them, and of those that did
        not train on the object (NaN where there are none).
    members_ : list of LatentClusterer
    """

    _file_stem = "jury"

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        method: str = "gmm",
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
        """Let every member cluster, and bring them together.

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
        seeds = check_random_state(self.random_state).randint(2**31 - 1, size=len(latents) + 1)
        self.members_ = [
            self._clusterer(int(seed)).fit(own if self._too_few(own[~hidden]) else own[~hidden])
            for own, hidden, seed in zip(latents, apart, seeds[1:], strict=True)
        ]
        self.names_ = self._named(latents, int(seeds[0]))
        self._centres = self._learned_centres(latents)
        self._calibrate(latents, apart)
        return self

    def _clusterer(self, seed: int) -> LatentClusterer:
        return make_clusterer(self.method, self.n_clusters, random_state=seed)

    def _too_few(self, latents: Array) -> bool:
        """Whether a member's training objects cannot show so many clusters."""
        return len(np.unique(latents, axis=0)) < 2 * self.n_clusters

    def _named(self, latents: Array, seed: int) -> Labels:
        """The consensus's names of the members' clusters, the largest called 0."""
        memberships = self._memberships(latents)
        reached = reach_consensus(memberships, self.consensus, seed=seed)
        labels, _ = vote(memberships, reached.names)
        new_names = np.argsort(canonical_order(labels, self.n_clusters))
        return np.asarray(new_names[reached.names])

    def _memberships(self, latents: Array) -> Array:
        return np.stack(
            [member.predict_proba(own) for member, own in zip(self.members_, latents, strict=True)]
        )

    def _learned_centres(self, latents: Array) -> list[Array]:
        """Mean of each consensus cluster in every member's whitened space, `(n_clusters, c)`."""
        given = self._given(latents)
        found = []
        for member, own, labels in zip(self.members_, latents, given, strict=True):
            points = member.whitening_.apply(own)
            centres = np.tile(points.mean(axis=0), (self.n_clusters, 1))
            for label in np.unique(labels):
                centres[label] = points[labels == label].mean(axis=0)
            found.append(centres)
        return found

    def _given(self, latents: Array) -> Labels:
        """Each member's labels by the consensus's names."""
        return np.take_along_axis(self.names_, self._memberships(latents).argmax(axis=2), axis=1)

    def _standing(self, latents: Array) -> Standing:
        return Standing.of(self.members_, self._centres, self._given(latents), latents)

    def _calibrate(self, latents: Array, held_out: Bools) -> None:
        """Learn the confidence from trials, and label the training objects by it."""
        standing = self._standing(latents)
        self.member_labels_ = standing.given
        trials = held_out if held_out.any() else np.ones_like(held_out)
        evidence, right = standing.trials(trials)
        self._calibration = Calibration.fit(evidence, right)
        best, self.confidence_ = self._judge(latents, standing)
        enough = self.reliability if len(self.members_) > 1 else 0.0
        given = reliable(self.confidence_, enough)
        self.threshold_ = float(self.confidence_[given].min()) if given.any() else _NEVER
        self.best_labels_, self.labels_ = best, np.where(given, best, -1)
        agree = standing.given == best
        self.agreement_ = agree.mean(axis=0)
        judged = held_out.sum(axis=0)
        shares = (agree & held_out).sum(axis=0) / np.maximum(judged, 1)
        self.agreement_held_out_ = np.where(judged > 0, shares, np.nan)

    def _judge(self, latents: Array, standing: Standing) -> tuple[Labels, Array]:
        """Best label and confidence of every object."""
        memberships = self._memberships(latents)
        best, _ = vote(memberships, self.names_)
        if len(self.members_) == 1:
            return best, memberships[0].max(axis=1)
        return best, self._calibration(standing.evidence(best))

    def predict(self, X: npt.ArrayLike) -> Labels:
        """Labels of objects, -1 where the jury does not know.

        Parameters
        ----------
        X : array-like (n_members, n, d)

        Returns
        -------
        ndarray (n,), int
        """
        return self.verdict(X).labels

    def verdict(self, X: npt.ArrayLike) -> Verdict:
        """All that the jury has to say of objects, old or new.

        Parameters
        ----------
        X : array-like (n_members, n, d)

        Returns
        -------
        Verdict

        Raises
        ------
        InputError
            When the latents do not fit the members.
        """
        check_is_fitted(self)
        latents = _checked(X)
        if len(latents) != len(self.members_):
            raise InputError(
                f"X must hold the latents of {len(self.members_)} members, got {len(latents)}"
            )
        standing = self._standing(latents)
        best, confidence = self._judge(latents, standing)
        return Verdict(
            labels=np.where(confidence >= self.threshold_, best, -1),
            confidence=confidence,
            agreement=(standing.given == best).mean(axis=0),
            member_labels=standing.given,
            outlier_scores=np.exp(standing.loneliness.mean(axis=0)),
        )

    def _check_parameters(self) -> None:
        self._clusterer(0)
        if self.consensus not in ("vote", "coassociation"):
            raise InputError(f"consensus must be 'vote' or 'coassociation', got {self.consensus!r}")
        if not 0 <= self.reliability <= 1:
            raise InputError(f"reliability must be from 0 to 1, got {self.reliability!r}")

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the fitted jury, and each member's clusterer in a folder of its own."""
        super().save(folder)
        for k, member in enumerate(self.members_):
            member.save(member_folder(folder, k))

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """The jury that `save` wrote; its verdicts are equal to the last bit."""
        jury: Self = super().load(folder)
        n_members = len(jury.names_)
        jury.members_ = [LatentClusterer.load(member_folder(folder, k)) for k in range(n_members)]
        for member, centres in zip(jury.members_, jury._centres, strict=True):
            fits = centres.shape[1] == member.whitening_.axes.shape[1]
            check_fits(fits and member.n_clusters == jury.n_clusters, "jury and members")
        return jury

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        learned = self._calibration.arrays()
        return {
            "names": self.names_,
            "labels": self.labels_,
            "best_labels": self.best_labels_,
            "member_labels": self.member_labels_,
            "confidence": self.confidence_,
            "agreement": self.agreement_,
            "threshold": np.array([self.threshold_]),
            **{f"calibration.{name}": array for name, array in learned.items()},
            **{f"centres.{k}": centres for k, centres in enumerate(self._centres)},
        }

    def _restore(self, arrays: dict[str, npt.NDArray[Any]], learned: Mapping[str, Any]) -> None:
        ranks = {
            "names": 2,
            "labels": 1,
            "best_labels": 1,
            "member_labels": 2,
            "confidence": 1,
            "threshold": 1,
        }
        check_ranks(arrays, ranks)
        names = arrays["names"]
        expected = np.tile(np.arange(self.n_clusters), (len(names), 1))
        check_fits(np.array_equal(np.sort(names, axis=1), expected), "names and n_clusters")
        self._centres = [arrays[f"centres.{k}"] for k in range(len(names))]
        check_fits(all(len(c) == self.n_clusters for c in self._centres), "centres and n_clusters")
        prefix = "calibration."
        parts = {k.removeprefix(prefix): a for k, a in arrays.items() if k.startswith(prefix)}
        self._calibration = Calibration.restore(parts, N_EVIDENCE)
        self.names_, self.labels_ = names, arrays["labels"]
        self.best_labels_ = arrays["best_labels"]
        self.member_labels_, self.confidence_ = arrays["member_labels"], arrays["confidence"]
        self.agreement_, self.threshold_ = arrays["agreement"], float(arrays["threshold"][0])


@dataclass(frozen=True, eq=False)
class Verdict:
    """What a jury says of `n` objects.

    Attributes
    ----------
    labels : ndarray (n,), int
        -1 = "don't know".
    confidence : ndarray (n,)
    agreement : ndarray (n,)
        Share of the members that give the label, or would have if it were given.
    member_labels : ndarray (n_members, n), int
        By the consensus's names.
    outlier_scores : ndarray (n,)
        Mean over the members, see `LatentClusterer.outlier_scores`.
    """

    labels: Labels
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
