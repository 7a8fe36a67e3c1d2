"""`KFoldEnsemble`: several networks, each trained without some of the images, as one estimator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClusterMixin, TransformerMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ensembles.base_clusterings import concatenate_latents
from ensembles.consensus_clustering import ConsensusClustering, ConsensusResult, member_folder
from ensembles.folds import fold_masks, three_tenths
from ensembles.label_voting import Method
from ensembles.members import MemberTask, estimator_inputs, has_results
from ensembles.parallel_training import train_members
from ensembles.refinement import DEEP_METHODS, refine_networks
from ensembles.training_images import TrainingImages, prepare_for_members
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.clustering.selection import Choice, choose_n_clusters
from equiclust.exceptions import InputError
from equiclust.images import ImageSet, as_image_set
from equiclust.io.atomic import read_json, write_json
from equiclust.io.fit_record import array_digest, check_same_fit, recorded_fit
from equiclust.progress import Update
from equiclust.typing import BoolArray, Float32Array, IntArray, PathLike

__all__ = ["KFoldEnsemble"]

_FORMAT = 1
_FILE = "ensemble.json"
_REFINED = "refined"
_SEED = "the seed drawn from random_state"


# scikit-learn carries no annotations, hence the ignored error.
class KFoldEnsemble(ClusterMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A jury of autoencoders: each is trained without some of the images, and all are heard.

    The images are dealt into folds, and member `k` does not see fold `k` and those that follow it.
    Every image is so judged by members that trained on it and by members that did not. Their
    labels are brought together by a `ConsensusClustering`, their reconstructions are averaged.

    Parameters
    ----------
    estimator : EquivariantAutoencoder or sequence of them, optional
        The recipe of the members; of several recipes the members take turns. Each member gets a
        random state of its own.
    n_clusters : int or "auto"
        "auto" lets the latents decide, see `choose_n_clusters`.
    method : str
        As in `ConsensusClustering`; or "dec", "idec" or "dcec", which let the clusters shape the
        networks first, see `DeepEmbeddedClustering`.
    consensus, reliability
        As in `ConsensusClustering`.
    n_folds : int
        Members; 1 trains a single network on everything.
    held_out_folds : int or "auto"
        Folds that each member does not see, fewer than `n_folds`; "auto" is three tenths of them.
    n_jobs : int, optional
        Members that are trained side by side, each in a process of its own. Each uses one thread
        of the processor, so that the result is the same however many there are. By default one for
        every core, or whatever backend is active: ``with joblib.parallel_config("dask")`` sends the
        members to a Dask cluster.
    random_state : int, RandomState or None

    Attributes
    ----------
    members_ : list of EquivariantAutoencoder
    held_out_ : ndarray (n_folds, n), bool
        Images that a member did not train on.
    latents_ : ndarray (n_folds, n, latent_dim), float32
    consensus_ : ConsensusClustering
    choice_ : Choice
        How the number of clusters came about.
    labels_ : ndarray (n,), int
        -1 = "don't know".
    confidence_ : ndarray (n,)
    seconds_ : list of float
        How long each member was trained.
    """

    def __init__(
        self,
        estimator: EquivariantAutoencoder | Sequence[EquivariantAutoencoder] | None = None,
        *,
        n_clusters: int | Literal["auto"] = "auto",
        method: str = "auto",
        consensus: Method = "vote",
        reliability: float = 0.9,
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
        self.n_folds = n_folds
        self.held_out_folds = held_out_folds
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(
        self,
        images: ImageSet | npt.ArrayLike,
        y: object = None,
        *,
        positive_pairs: ImageSet | npt.ArrayLike | None = None,
        checkpoints: PathLike | None = None,
        on_progress: Update | None = None,
    ) -> Self:
        """Train the members and bring their clusters together.

        Parameters
        ----------
        images : ImageSet or array-like (n, h, w) or (n, c, h, w)
        y : ignored
        partners : ImageSet or array-like, optional
            As many images; see `EquivariantAutoencoder.fit`.
        checkpoints : path, optional
            Folder in which every member keeps its state; a fit with the same arguments that was
            killed goes on from there and ends with the same result.
        on_progress : callable, optional
            Gets the epochs that are done, of how many, and a remark; members that are trained in
            other processes count when they end.

        Raises
        ------
        InputError
            When a parameter or an image cannot be used.
        """
        self.fit_members(
            images, positive_pairs=positive_pairs, checkpoints=checkpoints, on_progress=on_progress
        )
        return self.refine_members(
            images, checkpoints=checkpoints, on_progress=on_progress
        ).fit_consensus()

    def fit_members(
        self,
        images: ImageSet | npt.ArrayLike,
        *,
        positive_pairs: ImageSet | npt.ArrayLike | None = None,
        checkpoints: PathLike | None = None,
        on_progress: Update | None = None,
    ) -> Self:
        """The first part of `fit`: train the networks. See there for the parameters."""
        given = as_image_set(images)
        folders = self._folders(checkpoints)
        members, held_out = self._drawn_members(len(given), checkpoints)
        shown = prepare_for_members(members, given)
        paired = None
        if positive_pairs is not None:
            paired = prepare_for_members(members, as_image_set(positive_pairs))
            _check_pairs(paired[0], shown[0])
        if checkpoints is not None:
            started = any(folder is not None and has_results(folder) for folder in folders)
            inputs = self._inputs(shown, paired)
            check_same_fit(checkpoints, inputs, started=started)
        tasks = [
            MemberTask(member, hidden, folder=folder)
            for member, hidden, folder in zip(members, held_out, folders, strict=True)
        ]
        trained = train_members(
            tasks, shown, positive_pairs=paired, n_jobs=self.n_jobs, on_progress=on_progress
        )
        self.members_ = [member.autoencoder for member in trained]
        self._keep_latents(np.stack([member.latents for member in trained]))
        self.seconds_ = [member.seconds for member in trained]
        # How many clusters there are is for these latents to say, not for those of an earlier fit.
        self.__dict__.pop("choice_", None)
        self.held_out_ = held_out
        return self

    def refine_members(
        self,
        images: ImageSet | npt.ArrayLike,
        *,
        checkpoints: PathLike | None = None,
        on_progress: Update | None = None,
    ) -> Self:
        """The middle part of `fit`: choose how many clusters; let them shape the networks.

        The networks are left as they are unless the method is a deep one. See `fit` for the
        parameters.
        """
        check_is_fitted(self, "latents_")
        seeds = self._seeds()
        self.choice_ = self._choice(int(seeds[-2]))
        if self.method in DEEP_METHODS:
            self.members_ = refine_networks(
                self.members_,
                as_image_set(images),
                self.held_out_,
                method=self.method,
                n_clusters=self.choice_.n_clusters,
                seeds=seeds[: self.n_folds],
                folders=[folder and folder / _REFINED for folder in self._folders(checkpoints)],
                on_progress=on_progress,
            )
            self._keep_latents(self.encode(images))
        return self

    def fit_consensus(self) -> Self:
        """The last part of `fit`: find the clusters in the members' latents."""
        check_is_fitted(self, "latents_")
        seed = int(self._seeds()[-2])
        if not hasattr(self, "choice_"):
            self.choice_ = self._choice(seed)
        self.consensus_ = ConsensusClustering(
            self.choice_.n_clusters,
            # Networks that centres have shaped are divided by centres.
            method="kmeans" if self.method in DEEP_METHODS else self.method,
            consensus=self.consensus,
            reliability=self.reliability,
            random_state=seed,
        ).fit(self.latents_, held_out=self.held_out_)
        self.labels_, self.confidence_ = self.consensus_.labels_, self.consensus_.confidence_
        return self

    def _keep_latents(self, latents: Float32Array) -> None:
        self.latents_ = latents
        self.scales_ = np.sqrt(latents.var(axis=1).sum(axis=1))

    def _folders(self, checkpoints: PathLike | None) -> list[Path | None]:
        """Where the members keep what they have done."""
        if checkpoints is None:
            return [None] * self.n_folds
        return [member_folder(checkpoints, k) for k in range(self.n_folds)]

    def _estimators(self) -> list[EquivariantAutoencoder]:
        if self.estimator is None:
            return [EquivariantAutoencoder()]
        if isinstance(self.estimator, EquivariantAutoencoder):
            return [self.estimator]
        recipes = list(self.estimator)
        if not recipes or not all(isinstance(one, EquivariantAutoencoder) for one in recipes):
            raise InputError(
                "estimator must be an EquivariantAutoencoder or a sequence of them, got "
                f"{self.estimator!r}"
            )
        if len({one.latent_dim for one in recipes}) > 1:
            raise InputError("the estimators must have one latent_dim")
        return recipes

    def _seeds(self) -> IntArray:
        """One for each member, one for the jury, one for the folds."""
        return np.random.RandomState(self._entropy).randint(2**31 - 1, size=self.n_folds + 2)

    def _drawn_members(
        self, n_images: int, checkpoints: PathLike | None
    ) -> tuple[list[EquivariantAutoencoder], BoolArray]:
        """Autoencoders to train, and the images held out from each, `(n_folds, n_images)`."""
        estimators = self._estimators()
        self._entropy = self._drawn_entropy(checkpoints)
        seeds = self._seeds()
        held_out = fold_masks(n_images, self.n_folds, self._n_held_out, random_state=int(seeds[-1]))
        members = [clone(estimators[k % len(estimators)]) for k in range(self.n_folds)]
        for member, seed in zip(members, seeds, strict=False):
            member.set_params(random_state=int(seed))
            member._check_parameters()
        return members, held_out

    def _drawn_entropy(self, checkpoints: PathLike | None) -> int:
        """The seed of all seeds: without a random state, the one that a stopped fit has drawn."""
        if self.random_state is None and checkpoints is not None:
            known = recorded_fit(checkpoints).get(_SEED)
            if isinstance(known, int):
                return known
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _inputs(
        self, images: Sequence[TrainingImages], positive_pairs: Sequence[TrainingImages] | None
    ) -> dict[str, Any]:
        """Everything that decides the trained members, for `check_same_fit`."""
        estimators = [estimator_inputs(one) for one in self._estimators()]
        return {
            "estimator": estimators[0] if len(estimators) == 1 else estimators,
            "n_folds": self.n_folds,
            "held_out_folds": self._n_held_out,
            _SEED: self._entropy,
            "images": _digest(images),
            "positive_pairs": positive_pairs and _digest(positive_pairs),
        }

    @property
    def _n_held_out(self) -> int:
        if self.held_out_folds == "auto":
            return three_tenths(self.n_folds)
        return self.held_out_folds

    def _choice(self, seed: int) -> Choice:
        if self.n_clusters != "auto":
            return Choice(self.n_clusters, {}, ())
        return choose_n_clusters(self.transform_latents(self.latents_), random_state=seed)

    def encode(
        self, images: ImageSet | npt.ArrayLike, on_progress: Update | None = None
    ) -> Float32Array:
        """Latents of images by every member.

        Parameters
        ----------
        images : ImageSet or array-like (n, h, w) or (n, c, h, w)
        on_progress : callable, optional

        Returns
        -------
        ndarray (n_folds, n, latent_dim), float32
        """
        check_is_fitted(self, "members_")
        found = []
        for k, member in enumerate(self.members_):
            found.append(member.transform(images))
            if on_progress is not None:
                on_progress(k + 1, len(self.members_), "")
        return np.stack(found)

    def transform(self, images: ImageSet | npt.ArrayLike) -> Float32Array:
        """All members' latents of an image as one vector, each member's scaled to like weight.

        Parameters
        ----------
        images : ImageSet or array-like (n, h, w) or (n, c, h, w)

        Returns
        -------
        ndarray (n, n_folds * latent_dim), float32
        """
        return self.transform_latents(self.encode(images))

    def transform_latents(self, latents: Float32Array) -> Float32Array:
        """What `transform` gives for images whose latents `(n_folds, n, latent_dim)` are known."""
        vectors = concatenate_latents(latents.astype(np.float64), self.scales_)
        return vectors.astype(np.float32)

    def predict_transformed(self, vectors: Float32Array) -> IntArray:
        """Labels for what `transform` gave, `(n, n_folds * latent_dim)`."""
        check_is_fitted(self, "consensus_")
        latents = np.stack(np.split(np.asarray(vectors), len(self.scales_), axis=1))
        scales = np.where(self.scales_ > 0, self.scales_, 1.0) * np.sqrt(len(self.scales_))
        return self.consensus_.predict(latents * scales[:, None, None])

    def predict(self, images: ImageSet | npt.ArrayLike) -> IntArray:
        """Labels of images `(n,)`; -1 = "don't know"."""
        return self.predict_consensus(images).labels

    def predict_consensus(self, images: ImageSet | npt.ArrayLike) -> ConsensusResult:
        """Labels, confidence, agreement and outlier scores of images, old or new."""
        check_is_fitted(self, "consensus_")
        return self.consensus_.predict_consensus(self.encode(images))

    def reconstruct(self, images: ImageSet | npt.ArrayLike) -> Float32Array:
        """Mean of the members' reconstructions, `(n, c, size, size)` in 0 to 1."""
        check_is_fitted(self, "members_")
        total = self.members_[0].reconstruct(images)
        for member in self.members_[1:]:
            total += member.reconstruct(images)
        return total / np.float32(len(self.members_))

    @property
    def notes_(self) -> list[str]:
        """What the user should know about the training, each thing once."""
        return list(dict.fromkeys(note for member in self.members_ for note in member.notes_))

    def save(self, folder: PathLike) -> None:
        """Write the fitted ensemble: JSON and safetensors, a folder for each member.

        Parameters
        ----------
        folder : path
            Made when missing.
        """
        check_is_fitted(self, "consensus_")
        self.consensus_.save(folder)
        for k, member in enumerate(self.members_):
            member.save(member_folder(folder, k))
        parameters = self.get_params(deep=False)
        del parameters["estimator"]
        if not isinstance(self.random_state, int | np.integer | None):
            parameters["random_state"] = None
        content = {"format": _FORMAT, "parameters": parameters, "scales": self.scales_}
        write_json(Path(folder) / _FILE, content)

    @classmethod
    def load(cls, folder: PathLike) -> Self:
        """The ensemble that `save` wrote; its verdicts are equal to the last bit.

        Raises
        ------
        InputError
            When the folder holds no ensemble, or a damaged one.
        """
        path = Path(folder) / _FILE
        content = read_json(path)
        if content.get("format") != _FORMAT:
            raise InputError(
                f"{str(path)!r} must describe an ensemble of format {_FORMAT}, got "
                f"{content.get('format')!r}"
            )
        try:
            ensemble = cls(**content["parameters"])
            ensemble.scales_ = np.array(content["scales"], dtype=np.float32)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{str(path)!r} does not describe an ensemble: {error}") from error
        ensemble.consensus_ = ConsensusClustering.load(folder)
        ensemble.members_ = [
            EquivariantAutoencoder.load(member_folder(folder, k))
            for k in range(len(ensemble.consensus_.members_))
        ]
        if len(ensemble.scales_) != len(ensemble.members_):
            raise InputError(f"{str(path)!r} does not fit the members beside it")
        ensemble.estimator = clone(ensemble.members_[0])
        return ensemble


def _check_pairs(positive_pairs: TrainingImages, images: TrainingImages) -> None:
    if positive_pairs.pixels.shape != images.pixels.shape:
        raise InputError(
            "positive_pairs must be as many as the images and of as many channels, got shape "
            f"{positive_pairs.pixels.shape} for {images.pixels.shape}"
        )


def _digest(images: Sequence[TrainingImages]) -> str:
    return array_digest(np.array([one.digest for one in images]))
