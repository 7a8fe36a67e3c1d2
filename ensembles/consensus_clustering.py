"""Consensus clustering of the latents of several networks, with calibrated stability."""

from __future__ import annotations

import logging
from math import ceil
from typing import Self, get_args

import numpy as np
import numpy.typing as npt
from sklearn.base import ClusterMixin
from sklearn.utils.validation import check_is_fitted

from ensembles.base_clusterings import (
    BaseClustering,
    PlacedObjects,
    cluster_centres,
    concatenate_latents,
    fit_base_clusterings,
    latent_spreads,
    mean_agreement,
    member_latents,
    place_objects,
)
from ensembles.calibration import Calibration, reliable
from ensembles.clusterer_fits import fit_clusterers
from ensembles.consensus_files import ConsensusFiles
from ensembles.consensus_result import ConsensusResult
from ensembles.label_voting import Method, align, mean_memberships, reach_consensus, vote
from ensembles.object_blocks import MAX_BY_MEMBER, draw_objects, in_object_blocks
from ensembles.stability_features import StabilityFeatures
from equiclust._deprecated import FormerAttribute
from equiclust.clustering import make_clusterer
from equiclust.clustering.labels import canonical_order
from equiclust.exceptions import InputError
from equiclust.image_estimator import TakesArrays
from equiclust.typing import Array, BoolArray, Float64Array, IntArray
from equiclust.validation import check_choice, check_random_state, check_share, is_auto

__all__ = ["METHODS", "ConsensusClustering"]

logger = logging.getLogger(__name__)

# Above every calibrated stability: no label is given.
_UNREACHABLE = 2.0
METHODS = ("gmm", "kmeans", "spectral", "manifold")
_TINY = 1e-12


class ConsensusClustering(TakesArrays, ClusterMixin, ConsensusFiles):  # type: ignore[misc]  # scikit-learn has no annotations
    """Consensus of many clusterings of the latents of several networks.

    Base clusterings come in pairs, each fitted to the joint latents of half of the members and half
    of the objects (of all objects when there are fewer than 600, which makes the stability less
    sensitive to chance). Their consensus is the label of an object. Its stability is the
    probability that one more clustering, which shares neither members nor objects with the one that
    proposes the label, gives the same label. It is calibrated on all pairs of base clusterings,
    from the features in `StabilityFeatures`. The stability measures how reproducible a label is;
    without labels it cannot measure whether the clusters are the classes that a user has in mind.

    Of more than 20,000 objects that many are drawn to learn from (4,000 of them for a member's own
    clustering), and all are labelled in blocks; manifolds are then learned in as many processes as
    there are cores. Latents of single precision stay so. Beside them, no more is needed than
    `24 n d` bytes, for one member at a time in double precision, and 1 GB for each process.

    Parameters
    ----------
    n_clusters : int, default 8
    method : {"auto", "gmm", "kmeans", "spectral", "manifold"}, default "manifold"
        How latents are clustered, see `LatentClusterer`. "auto" chooses the method whose base
        clusterings agree best with one another.
    consensus : {"vote", "coassociation"}, default "vote"
        See `reach_consensus`.
    reliability : float, default 0.9
        Mean stability to keep, 0 to 1. The least stable labels become -1, "don't know", until the
        mean stability of the others is at least this. 0 labels every object.
    n_init : int, default 10
        Starts of every k-means.
    random_state : int, RandomState or None, default None

    Attributes
    ----------
    labels_ : ndarray (n,), int
        Label of each training object, -1 = "don't know"; the largest cluster is 0.
    best_labels_ : ndarray (n,), int
        The same, with the most likely label instead of -1.
    member_labels_ : ndarray (n_members, n), int
        Label by each member's own clustering, by the names of the consensus. That clustering is
        fitted to the objects that the member's network was trained on.
    stability_ : ndarray (n,)
        Probability that one more clustering gives `best_labels_`, 0 to 1.
    agreement_, agreement_held_out_ : ndarray (n,)
        Share of the members that give the consensus's label: of all members, and of those that
        were not trained on the object (NaN where there are none).
    outlier_scores_ : ndarray (n,)
        Geometric mean over the members, see `LatentClusterer.outlier_scores`; not kept in files.
    method_ : str
        Method that was used.
    members_ : list of LatentClusterer
        Clusterings of each member's latents.
    base_clusterings_ : list of BaseClustering

    Examples
    --------
    >>> import numpy as np
    >>> from ensembles import ConsensusClustering
    >>> from sklearn.datasets import make_blobs
    >>> latents, kinds = make_blobs([30, 20], centers=[[0, 0], [9, 0]], random_state=0)
    >>> by_three_networks = np.stack([latents, latents[:, ::-1], 3.0 * latents])
    >>> consensus = ConsensusClustering(2, method="kmeans", random_state=0).fit(by_three_networks)
    >>> np.bincount(consensus.labels_), bool(consensus.stability_.min() > 0.9)
    (array([30, 20]), True)
    """

    confidence_ = FormerAttribute("stability_")

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        method: str = "manifold",
        consensus: Method = "vote",
        reliability: float = 0.9,
        n_init: int = 10,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.method = method
        self.consensus = consensus
        self.reliability = reliability
        self.n_init = n_init
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: object = None, *, held_out: BoolArray | None = None) -> Self:
        """Fit the base clusterings, find their consensus and calibrate its stability.

        Parameters
        ----------
        X : array-like (n_members, n, d)
            Latents of the same objects by each member.
        y : ignored, optional
        held_out : ndarray (n_members, n), bool, optional
            Objects that a member was not trained on; none by default.

        Raises
        ------
        InputError
            When the latents cannot be clustered, or a parameter is out of range.
        """
        self._check_parameters()
        latents = member_latents(X)
        hidden = np.zeros(latents.shape[:2], bool) if held_out is None else np.asarray(held_out)
        if hidden.shape != latents.shape[:2]:
            raise InputError(f"held_out must have shape {latents.shape[:2]}, got {hidden.shape}")
        seeds = check_random_state(self.random_state).randint(2**31 - 1, size=len(latents) + 2)
        self.scales_ = latent_spreads(latents)
        chosen = draw_objects(latents.shape[1], int(seeds[1]))
        learned = latents[:, chosen].astype(np.float64)
        is_drawn = len(chosen) < latents.shape[1]
        self.method_, self.base_clusterings_ = self._fit_bases(learned, int(seeds[0]))
        self._fit_members(learned, hidden[:, chosen], seeds[2:], is_drawn)
        placed = self._fit_consensus(learned, int(seeds[1]))
        if is_drawn:
            own_labels = self._label_all(latents)
        else:
            self.best_labels_, self.stability_ = self._most_likely(placed)
            own_labels, self.outlier_scores_ = self._by_members(learned)
        self._fit_threshold()
        self._fit_member_labels(own_labels, hidden)
        return self

    def _fit_bases(self, latents: Float64Array, seed: int) -> tuple[str, list[BaseClustering]]:
        """The method whose base clusterings agree best, and these."""

        def fit(method: str) -> list[BaseClustering]:
            return fit_base_clusterings(
                latents,
                self.scales_,
                method,
                self.n_clusters,
                n_init=self.n_init,
                seed=seed,
            )

        if not is_auto(self.method):
            return self.method, fit(self.method)
        fitted: dict[str, list[BaseClustering]] = {}
        agreements: dict[str, float] = {}
        for method in METHODS:
            fitted[method] = fit(method)
            agreements[method] = mean_agreement(fitted[method], latents, self.scales_)
            if agreements[method] == 1.0:
                # The other methods, which take longer, cannot agree better.
                break
        logger.info("agreement of base clusterings by method: %s", agreements)
        best = max(agreements, key=lambda name: agreements[name])
        return best, fitted[best]

    def _fit_members(
        self, latents: Float64Array, hidden: BoolArray, seeds: IntArray, is_drawn: bool
    ) -> None:
        """Each member's own clustering, of what it was trained on if these objects are enough."""
        few = slice(None, None, ceil(latents.shape[1] / MAX_BY_MEMBER) if is_drawn else 1)
        clusterers, shown = [], []
        for own, own_hidden, seed in zip(latents[:, few], hidden[:, few], seeds, strict=True):
            clusterers.append(
                make_clusterer(
                    self.method_, self.n_clusters, n_init=self.n_init, random_state=int(seed)
                )
            )
            enough = len(np.unique(own[~own_hidden], axis=0)) >= 2 * self.n_clusters
            shown.append(own[~own_hidden] if enough else own)
        self.members_ = fit_clusterers(clusterers, shown)

    def _fit_consensus(self, latents: Float64Array, seed: int) -> PlacedObjects:
        """Names of the clusters of every base clustering, and how stable labels are."""
        placed = place_objects(self.base_clusterings_, latents, self.scales_)
        reached = reach_consensus(placed.memberships, self.consensus, seed=seed)
        labels, _ = vote(placed.memberships, reached.names)
        # The largest cluster is called 0.
        new_names = np.argsort(canonical_order(labels, self.n_clusters))
        self.names_ = np.asarray(new_names[reached.names])
        named = self._named(placed.memberships)
        self._centres = cluster_centres(placed.points, named, self.n_clusters)
        features = StabilityFeatures.measure(placed, self._centres, named)
        self._calibration = Calibration.fit(*features.calibration_pairs())
        return placed

    def _label_all(self, latents: Array) -> IntArray:
        """Label all objects, and return their labels by each member's own clustering.

        The largest cluster need not be the largest of those drawn.
        """
        found = in_object_blocks(self._label_block, latents)
        best, self.stability_, own_labels, self.outlier_scores_ = found
        order = canonical_order(best, self.n_clusters)
        new_names = np.argsort(order)
        self.names_, self.best_labels_ = new_names[self.names_], new_names[best]
        self._centres = [centres[order] for centres in self._centres]
        return own_labels

    def _label_block(self, latents: Float64Array) -> tuple[Array, ...]:
        """What `_most_likely` and `_by_members` say of objects."""
        placed = place_objects(self.base_clusterings_, latents, self.scales_)
        return *self._most_likely(placed), *self._by_members(latents)

    def _most_likely(self, placed: PlacedObjects) -> tuple[IntArray, Float64Array]:
        """The most likely label of objects, and its stability."""
        best, _ = vote(placed.memberships, self.names_)
        named = self._named(placed.memberships)
        features = StabilityFeatures.measure(placed, self._centres, named)
        return best, self._calibration(features.evidence(best))

    def _fit_threshold(self) -> None:
        """Which labels are certain enough."""
        given = reliable(self.stability_, self.reliability)
        self.threshold_ = float(self.stability_[given].min()) if given.any() else _UNREACHABLE
        self.labels_ = np.where(given, self.best_labels_, -1)

    def _fit_member_labels(self, own_labels: IntArray, held_out: BoolArray) -> None:
        """Names of the members' own clusters, and how many members agree with the consensus."""
        self.member_names_ = np.stack(
            [align(own, self.best_labels_, self.n_clusters) for own in own_labels]
        )
        self.member_labels_ = np.take_along_axis(self.member_names_, own_labels, axis=1)
        agree = self.member_labels_ == self.best_labels_
        n_held_out = held_out.sum(axis=0)
        shares = (agree & held_out).sum(axis=0) / np.maximum(n_held_out, 1)
        self.agreement_ = agree.mean(axis=0)
        self.agreement_held_out_ = np.where(n_held_out > 0, shares, np.nan)

    def _by_members(self, latents: Float64Array) -> tuple[IntArray, Float64Array]:
        """Labels by each member's own clustering, by its own names, and outlier scores."""
        own = [one._place(given) for one, given in zip(self.members_, latents, strict=True)]
        scores = [np.maximum(one.outlier_scores, _TINY) for one in own]
        own_labels = np.stack([one.memberships.argmax(axis=1) for one in own])
        return own_labels, np.exp(np.mean(np.log(scores), axis=0))

    def _named(self, memberships: Float64Array) -> IntArray:
        """Labels of every base clustering by the names of the consensus, `(n_clusterings, n)`."""
        return np.take_along_axis(self.names_, memberships.argmax(axis=2), axis=1)

    @property
    def result_(self) -> ConsensusResult:
        """What `predict_consensus` gives for the training objects, known since `fit`.

        Files do not keep all of it: a consensus that was loaded has none.
        """
        return ConsensusResult(
            self.labels_,
            self.best_labels_,
            self.stability_,
            self.agreement_,
            self.member_labels_,
            self.outlier_scores_,
        )

    def predict(self, X: npt.ArrayLike) -> IntArray:
        """Predict labels of objects, old or new.

        Parameters
        ----------
        X : array-like (n_members, n, d)
            Latents by each member.

        Returns
        -------
        ndarray (n,), int
            -1 = "don't know".

        Raises
        ------
        InputError
            When the latents do not fit the members.
        """
        return self.predict_consensus(X).labels

    def memberships(self, X: npt.ArrayLike) -> Float64Array:
        """Predict the membership of objects in every cluster.

        Parameters
        ----------
        X : array-like (n_members, n, d)
            Latents by each member.

        Returns
        -------
        ndarray (n, n_clusters)
            Mean over the base clusterings; rows sum to one.

        Raises
        ------
        InputError
            When the latents do not fit the members.
        """
        check_is_fitted(self)

        def of_block(own: Float64Array) -> tuple[Float64Array]:
            # Without outlier scores, which take far longer where there are many objects.
            found = [
                one.clusterer._memberships(concatenate_latents(own, self.scales_, one.members))
                for one in self.base_clusterings_
            ]
            # The objects last, as in all that blocks give.
            return (mean_memberships(np.stack(found), self.names_).T,)

        return np.ascontiguousarray(in_object_blocks(of_block, self._checked_members(X))[0].T)

    def _checked_members(self, X: npt.ArrayLike) -> Array:
        latents = member_latents(X)
        if len(latents) != len(self.members_):
            raise InputError(
                f"X must hold the latents of {len(self.members_)} members, got {len(latents)}"
            )
        return latents

    def predict_consensus(self, X: npt.ArrayLike) -> ConsensusResult:
        """Predict labels, stability, agreement and outlier scores of objects, old or new.

        Parameters
        ----------
        X : array-like (n_members, n, d)
            Latents by each member.

        Returns
        -------
        ConsensusResult
            Of `n` objects.

        Raises
        ------
        InputError
            When the latents do not fit the members.
        """
        check_is_fitted(self)
        return ConsensusResult(*in_object_blocks(self._predict_block, self._checked_members(X)))

    def _predict_block(self, latents: Float64Array) -> tuple[Array, ...]:
        """The fields of a `ConsensusResult`."""
        best, stability, own_labels, outlier_scores = self._label_block(latents)
        member_labels = np.take_along_axis(self.member_names_, own_labels, axis=1)
        return (
            np.where(stability >= self.threshold_, best, -1),
            best,
            stability,
            (member_labels == best).mean(axis=0),
            member_labels,
            outlier_scores,
        )

    def _check_parameters(self) -> None:
        method = "gmm" if is_auto(self.method) else self.method
        make_clusterer(method, self.n_clusters, n_init=self.n_init)
        check_random_state(self.random_state)
        check_choice("consensus", self.consensus, get_args(Method))
        check_share("reliability", self.reliability)
