"""`KFoldEnsemble`: several networks, each trained without some of the images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from ensembles.cleaned_latents import CleanedLatents
from ensembles.consensus_clustering import ConsensusClustering
from ensembles.consensus_files import member_folder
from ensembles.encoder_members import fit_encoder_members
from ensembles.fit_inputs import ensemble_inputs, seed_of_fit
from ensembles.fitted_ensemble import FittedEnsemble
from ensembles.folds import fold_masks, three_tenths
from ensembles.known_features import KnownFeatures
from ensembles.label_voting import Method
from ensembles.member_estimators import MemberEstimator, checked_estimators, share_encoders
from ensembles.members import Member, MemberTask, has_results
from ensembles.parallel_training import train_members
from ensembles.refinement import DEEP_METHODS, check_refinable, refine_members
from ensembles.training_images import TrainingImages, check_pairs, prepare_for_members
from equiclust._deprecated import FormerAttribute
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.images import ImageSet
from equiclust.images_like import ImagesLike, as_image_set
from equiclust.io.fit_record import check_same_fit
from equiclust.processes import at_most, check_n_jobs
from equiclust.progress import Update
from equiclust.typing import BoolArray, IntArray, PathLike
from equiclust.validation import check_whole, is_auto

__all__ = ["KFoldEnsemble"]

_REFINED = "refined"


class KFoldEnsemble(KnownFeatures, CleanedLatents, FittedEnsemble):
    """K encoders, each trained without some of the images, and the consensus of their latents.

    The images are split at random into folds, and member `k` is not trained on fold `k` and the
    folds that follow it, so that every image has members that were trained on it and members that
    were not. `ConsensusClustering` clusters their latents; their reconstructions are averaged.

    Parameters
    ----------
    estimator : EquivariantAutoencoder, WhitenedEncoder, or sequence of them, optional
        Parameters of the members; by default ``EquivariantAutoencoder()``. Of several, member `k`
        uses number `k` modulo their number, so that different encoders stand side by side with the
        same weight. Each member gets its own random state. A `WhitenedEncoder` fits its principal
        axes to the images that the member is trained on; its network stays as it is.
    n_clusters : int or "auto", default "auto"
        "auto" chooses the number by the latents, see `choose_n_clusters`.
    method : str, default "manifold"
        As in `ConsensusClustering`; or "dec", "idec" or "dcec", which first refine the networks,
        see `DeepEmbeddedClustering`. Of a `WhitenedEncoder` "dec" refines the axes alone, by a
        linear map of the latents; the others need a decoder.
    consensus : {"vote", "coassociation"}, default "vote"
        As in `ConsensusClustering`.
    reliability : float, default 0.9
        As in `ConsensusClustering`.
    n_init : int, default 10
        Starts of every k-means, see `LatentClusterer`.
    n_folds : int, default 10
        Number of folds and of members; 1 trains a single network on all images.
    held_out_folds : int or "auto", default "auto"
        Number of folds that each member is not trained on, fewer than `n_folds`; "auto" is three
        tenths of them.
    n_jobs : int or None, default None
        Number of members to train at the same time, each in its own process with one thread, so
        that the result does not depend on it. The pixels are written to memory that all processes
        share. By default one per core, or the active backend of joblib: ``with
        joblib.parallel_config("dask")`` sends the members to a Dask cluster. As many processes
        cluster the latents.
    random_state : int, RandomState or None, default None

    Attributes
    ----------
    members_ : list of EquivariantAutoencoder or WhitenedEncoder
    held_out_ : ndarray (n_folds, n), bool
        Images that a member was not trained on.
    latents_ : ndarray (n_folds, n, latent_dim), float32
    removals_ : MemberRemovals
        What `remove_confounders` takes out of them; nothing by default.
    cleaned_latents_ : ndarray (n_folds, n, latent_dim), float32
        What is left of `latents_`, which is clustered.
    scales_ : ndarray (n_folds,), float32
        Spread of every member's latents.
    consensus_ : ConsensusClustering
    choice_ : Choice
        Number of clusters and how it was chosen.
    labels_ : ndarray (n,), int
        -1 = "don't know".
    stability_ : ndarray (n,)
        Probability that one more clustering gives the label, 0 to 1; see `ConsensusClustering`.
    seconds_ : list of float
        Duration of each member's training.

    Examples
    --------
    >>> from ensembles import KFoldEnsemble
    >>> from equiclust import EquivariantAutoencoder, simulate_shapes
    >>> from equiclust.evaluation import clustering_accuracy
    >>> images, truth = simulate_shapes(40, size=32, classes=("star", "bar"), random_state=0)
    >>> network = EquivariantAutoencoder(size=32, max_epochs=1, perceptual=None)
    >>> ensemble = KFoldEnsemble(network, n_clusters=2, n_folds=2, n_jobs=1, random_state=0)
    >>> clustering_accuracy(truth["kind_index"], ensemble.fit(images).labels_)
    1.0
    """

    confidence_ = FormerAttribute("stability_")

    def __init__(
        self,
        estimator: MemberEstimator | Sequence[MemberEstimator] | None = None,
        *,
        n_clusters: int | Literal["auto"] = "auto",
        method: str = "manifold",
        consensus: Method = "vote",
        reliability: float = 0.9,
        n_init: int = 10,
        n_folds: int = 10,
        held_out_folds: int | Literal["auto"] = "auto",
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.estimator = estimator
        self.n_clusters = n_clusters
        self.method = method
        self.consensus = consensus
        self.reliability = reliability
        self.n_init = n_init
        self.n_folds = n_folds
        self.held_out_folds = held_out_folds
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(
        self,
        images: ImagesLike,
        y: object = None,
        *,
        positive_pairs: ImagesLike | None = None,
        checkpoints: PathLike | None = None,
        on_progress: Update | None = None,
    ) -> Self:
        """Train the members, refine them if asked for, and find the consensus of their latents.

        Parameters
        ----------
        images : ImageSet, array-like (n, h, w) or (n, c, h, w), or another of `ImagesLike`
        y : ignored, optional
        positive_pairs : ImageSet, array-like, or another of `ImagesLike`, optional
            As many images; see `EquivariantAutoencoder.fit`.
        checkpoints : path, optional
            Folder in which every member saves its state. A fit that was stopped resumes when it is
            called again with the same images, parameters and seed (with the seed it had, if
            `random_state` is None), and ends with the same result. Only `n_jobs` and the device,
            and what decides the clusters alone, may differ.
        on_progress : callable, optional
            Gets the number of epochs done, their total and a remark; of members that are trained in
            other processes, the number of finished ones and their total.

        Raises
        ------
        InputError
            When a parameter or an image cannot be used.
        OutputError
            When `checkpoints` holds members of another fit.
        """
        self.fit_members(
            images, positive_pairs=positive_pairs, checkpoints=checkpoints, on_progress=on_progress
        )
        return self.refine_members(
            images, checkpoints=checkpoints, on_progress=on_progress
        ).fit_consensus()

    def fit_members(
        self,
        images: ImagesLike,
        *,
        positive_pairs: ImagesLike | None = None,
        checkpoints: PathLike | None = None,
        on_progress: Update | None = None,
        on_encoding: Update | None = None,
        stop_request: PathLike | None = None,
    ) -> Self:
        """Train the networks, the first part of `fit`.

        Parameters
        ----------
        images : ImageSet, array-like (n, h, w) or (n, c, h, w), or another of `ImagesLike`
        positive_pairs : ImageSet, array-like, or another of `ImagesLike`, optional
            As in `fit`.
        checkpoints : path, optional
            As in `fit`.
        on_progress : callable, optional
            As in `fit`.
        on_encoding : callable, optional
            Gets the images encoded by encoders that are not trained here, their total and "".
        stop_request : path, optional
            File that ends the training with a `StoppedError` when it appears: the epochs that have
            begun are completed and saved in `checkpoints`.

        Raises
        ------
        InputError
            When a parameter or an image cannot be used.
        OutputError
            When `checkpoints` holds members of another fit.
        """
        self._check_parameters()
        given = as_image_set(images)
        members, held_out = self._draw_members(len(given), checkpoints)
        trained = self._fit_autoencoders(
            members, held_out, given, positive_pairs, checkpoints, on_progress, stop_request
        )
        kept = None if checkpoints is None else Path(os.path.abspath(checkpoints))
        trained |= fit_encoder_members(
            members, held_out, given, folder=kept, on_progress=on_encoding or on_progress
        )
        self._keep_members([trained[k] for k in range(len(members))])
        self.held_out_ = held_out
        return self

    def refine_members(
        self,
        images: ImagesLike,
        *,
        checkpoints: PathLike | None = None,
        on_progress: Update | None = None,
    ) -> Self:
        """Choose the number of clusters, and with a deep method refine the networks.

        This is the second part of `fit`.

        Parameters
        ----------
        images : ImageSet, array-like (n, h, w) or (n, c, h, w), or another of `ImagesLike`
            Those that the members were trained on.
        checkpoints : path, optional
            As in `fit`.
        on_progress : callable, optional
            As in `fit`.
        """
        check_is_fitted(self, "latents_")
        seeds = self._seeds()
        self.choice_ = self._choice(int(seeds[-2]))
        if self.method in DEEP_METHODS:
            self.members_, latents = refine_members(
                self.members_,
                self.latents_,
                as_image_set(images),
                self.held_out_,
                method=self.method,
                n_clusters=self.choice_.n_clusters,
                seeds=seeds[: self.n_folds],
                folders=[folder and folder / _REFINED for folder in self._folders(checkpoints)],
                on_progress=on_progress,
            )
            self._keep_latents(latents)
        return self

    def fit_consensus(self) -> Self:
        """Find the consensus of the members' latents, the last part of `fit`."""
        check_is_fitted(self, "latents_")
        seed = int(self._seeds()[-2])
        if not hasattr(self, "choice_"):
            self.choice_ = self._choice(seed)
        consensus = ConsensusClustering(
            self.choice_.n_clusters,
            # Deep methods have moved the latents towards the centres of clusters.
            method="kmeans" if self.method in DEEP_METHODS else self.method,
            consensus=self.consensus,
            reliability=self.reliability,
            n_init=self.n_init,
            random_state=seed,
        )
        with at_most(self.n_jobs):
            self.consensus_ = consensus.fit(self.cleaned_latents_, held_out=self.held_out_)
        self.labels_, self.stability_ = self.consensus_.labels_, self.consensus_.stability_
        return self

    def _fit_autoencoders(
        self,
        members: list[MemberEstimator],
        held_out: BoolArray,
        images: ImageSet,
        positive_pairs: ImagesLike | None,
        checkpoints: PathLike | None,
        on_progress: Update | None,
        stop_request: PathLike | None,
    ) -> dict[int, Member]:
        """Train the members that are autoencoders, by their number."""
        numbers = [k for k, one in enumerate(members) if isinstance(one, EquivariantAutoencoder)]
        own = [members[k] for k in numbers]
        folders = self._folders(checkpoints)
        shown = prepare_for_members(own, images)
        paired = None
        if positive_pairs is not None:
            paired = prepare_for_members(own, as_image_set(positive_pairs))
            check_pairs(paired, shown)
        if checkpoints is not None:
            self._check_same_fit(checkpoints, images, shown, paired)
        stop = None if stop_request is None else Path(os.path.abspath(stop_request))
        tasks = [
            MemberTask(members[k], held_out[k], folder=folders[k], stop_request=stop)
            for k in numbers
        ]
        if not tasks:
            return {}
        trained = train_members(
            tasks, shown, positive_pairs=paired, n_jobs=self.n_jobs, on_progress=on_progress
        )
        return dict(zip(numbers, trained, strict=True))

    def _check_same_fit(
        self,
        checkpoints: PathLike,
        images: ImageSet,
        shown: list[TrainingImages],
        paired: list[TrainingImages] | None,
    ) -> None:
        folders = self._folders(checkpoints)
        started = any(folder is not None and has_results(folder) for folder in folders)
        inputs = ensemble_inputs(
            self._estimators(),
            images,
            shown,
            paired,
            n_folds=self.n_folds,
            held_out_folds=self._n_held_out,
            seed=self._entropy,
        )
        check_same_fit(checkpoints, inputs, started=started)

    def _keep_members(self, members: list[Member]) -> None:
        self.members_ = [member.estimator for member in members]
        self._keep_latents(np.stack([member.latents for member in members]))
        self.seconds_ = [member.seconds for member in members]
        # The number of clusters chosen by the latents of an earlier fit does not apply to these.
        self._forget_choice()

    def _check_parameters(self) -> None:
        self._estimators()
        check_whole("n_folds", self.n_folds)
        for name in ("n_clusters", "held_out_folds"):
            value = getattr(self, name)
            if not is_auto(value):
                check_whole(name, value)
        check_n_jobs(self.n_jobs)
        deep = isinstance(self.method, str) and self.method in DEEP_METHODS
        if deep:
            check_refinable(self._estimators(), self.method)
        ConsensusClustering(
            method="kmeans" if deep else self.method,
            consensus=self.consensus,
            reliability=self.reliability,
            n_init=self.n_init,
            random_state=self.random_state,
        )._check_parameters()

    def _folders(self, checkpoints: PathLike | None) -> list[Path | None]:
        """Absolute folder of every member: worker processes may have another current folder."""
        if checkpoints is None:
            return [None] * self.n_folds
        return [member_folder(os.path.abspath(checkpoints), k) for k in range(self.n_folds)]

    def _estimators(self) -> list[MemberEstimator]:
        return checked_estimators(self.estimator)

    def _seeds(self) -> IntArray:
        """Seeds of each member, of the consensus and of the folds."""
        return np.random.RandomState(self._entropy).randint(2**31 - 1, size=self.n_folds + 2)

    def _draw_members(
        self, n_images: int, checkpoints: PathLike | None
    ) -> tuple[list[MemberEstimator], BoolArray]:
        """Members to fit, and the images held out from each, `(n_folds, n_images)`."""
        estimators = self._estimators()
        self._entropy = seed_of_fit(self.random_state, checkpoints)
        seeds = self._seeds()
        held_out = fold_masks(n_images, self.n_folds, self._n_held_out, random_state=int(seeds[-1]))
        members = [clone(estimators[k % len(estimators)]) for k in range(self.n_folds)]
        for member, seed in zip(members, seeds, strict=False):
            member.set_params(random_state=int(seed))
            member._check_parameters()
        share_encoders(members)
        return members, held_out

    @property
    def _n_held_out(self) -> int:
        return three_tenths(self.n_folds) if self.held_out_folds == "auto" else self.held_out_folds
