"""`DeepEmbeddedClustering`: network and clusters are trained together."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from equiclust.clustering.deep.base import DeepClusterer, label_scores
from equiclust.clustering.deep.dec_loss import assign_all
from equiclust.clustering.deep.dec_trainer import DECConfig, DECTrainer, TargetUpdate
from equiclust.clustering.deep.encoding import (
    DEEP_METHODS,
    Config,
    Method,
    build_network,
    default_network,
    encode_all,
    encode_finite,
)
from equiclust.clustering.deep.evidence import Neighbourhood, why_kept
from equiclust.clustering.deep.history import Frame, Listener, Record, RecordLog
from equiclust.clustering.deep.initialization import Init, first_centres, latent_scale, pretrain
from equiclust.clustering.labels import canonical_order
from equiclust.exceptions import InputError
from equiclust.images_like import ImagesLike
from equiclust.io.estimators import check_fits, check_ranks
from equiclust.nn.device import choose_device, seeded
from equiclust.typing import Array, Float64Array, IntArray, PathLike
from equiclust.validation import (
    check_array,
    check_choice,
    check_positive,
    check_random_state,
    check_share,
    check_whole,
    is_auto,
)

__all__ = ["DeepEmbeddedClustering"]


class DeepEmbeddedClustering(DeepClusterer):
    r"""DEC [1]_, IDEC [2]_ and DCEC [3]_ on any network, with checks for their known failures.

    A network is trained to reconstruct and its latents are clustered by k-means. Then network and
    centres are trained together towards a target that is sharper than the present assignment:

    .. math::

        L = L_r + \gamma \, \mathrm{KL}(P \Vert Q)

    with :math:`Q` the assignment of samples to centres by Student's t-distribution, :math:`P` the
    target computed from it every `update_interval` steps, and :math:`L_r` the mean squared error of
    the reconstruction. DEC has the divergence alone; IDEC and DCEC have the same objective on a
    fully connected and on a convolutional network.

    Unlike in the originals, latents are measured in units of their spread within clusters, so that
    networks of any scale can be used. A cluster that loses its last member, or merges with another,
    is refilled with half of the widest one. When the result separates more neighbours than the
    initial clustering did, or has fewer clusters, the initial one is kept, with a warning.

    Parameters
    ----------
    n_clusters : int, default 8
        Number of clusters.
    network : Module or config, optional
        Samples to latents `(n, d)`, by `encode` if it has one; a pair of latents and
        reconstructions by `forward` where it is pretrained or reconstructs. Such as
        `EquivariantAutoencoder.network_`. It is copied, not changed. Or a `ConvolutionalConfig`,
        `DenseConfig` or `NetworkConfig`, from which one is made with random weights. By default a
        plain autoencoder for the size of the images: fully connected for "dec" and "idec",
        convolutional for "dcec".
    method : {"dec", "idec", "dcec"}, default "dec"
        The objective and the default network.
    gamma : float, default 0.1
        Weight of the divergence for "idec" and "dcec".
    embedding_dim : int, default 10
        Length of the latent of a default network.
    degrees_of_freedom : float, default 1.0
        Of Student's t-distribution.
    scale : float or "auto", default "auto"
        Unit of the latents; "auto" is the standard deviation of a coordinate about the nearest
        first centre. In larger units assignments are so soft that the clusters move little.
    init : {"k-means", "random"} or array-like (n_clusters, d), default "k-means"
        First centres: the best of twenty runs of k-means, samples drawn at random, or these
        latents, as the network gives them.
    pretrain_epochs : int, default 30
        Passes over the samples before the clustering; 0 for a network that is trained already.
    augmentation : mapping of str to float, optional
        Limits that differ from `Augmentation`: batches are views of the images, which get the
        assignment of the images themselves (DEC-DA, [4]_). By default there are no views.
    max_iter : int, default 2000
        Most steps of the clustering; 0 for the first centres and nothing more.
    update_interval : int or "auto", default "auto"
        Steps from one target to the next; "auto" is one pass over the samples, from 20 to 140.
    tol : float, default 0.001
        Stop when at most this share of the labels, 0 to 1, changes from one target to the next.
    batch_size : int, default 256
        Samples in a step.
    pretrain_learning_rate, learning_rate : float, default 1e-3
        The highest learning rate of Adam, between a warm-up and a cosine.
    n_frame_samples : int, default 0
        Samples whose latents are kept at each target, see `frames_`.
    device : {"auto", "cpu", "cuda", "mps"}, default "auto"
        Where to compute.
    random_state : int, RandomState or None, default None
        For weights, batches, views and centres.

    Attributes
    ----------
    labels_ : ndarray (n,), int
        The largest cluster is 0.
    cluster_centers_ : ndarray (n_clusters, d)
        In units of `scale_`.
    scale_ : float
        Unit of the latents.
    network_ : Module
        The trained network.
    history_ : list of dict
        One record for each target; see `history_table`.
    pretraining_ : list of dict
        One record for each epoch.
    frames_ : list of Frame
        One for each target, also where the initial clustering was kept afterwards.
    kept_initialisation_ : bool
        Whether the training made it worse, so that network and centres are those before it.
    notes_ : list of str
        The warnings.

    References
    ----------
    .. [1] Xie, J., Girshick, R. & Farhadi, A. 2016, ICML, arXiv:1511.06335.
    .. [2] Guo, X., Gao, L., Liu, X. & Yin, J. 2017, IJCAI, 1753.
    .. [3] Guo, X., Liu, X., Zhu, E. & Yin, J. 2017, ICONIP, 373.
    .. [4] Guo, X., Zhu, E., Liu, X. & Yin, J. 2018, ACML, PMLR 95, 550.

    Examples
    --------
    >>> from equiclust import DeepEmbeddedClustering, simulate_shapes
    >>> images, truth = simulate_shapes(40, size=32, classes=("star", "bar"), random_state=0)
    >>> dec = DeepEmbeddedClustering(2, pretrain_epochs=2, max_iter=10, random_state=0)
    >>> dec.fit(images).predict_proba(images).shape
    (40, 2)
    """

    _file_stem = "deep_clustering"

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        network: nn.Module | Config | None = None,
        method: Method = "dec",
        gamma: float = 0.1,
        embedding_dim: int = 10,
        degrees_of_freedom: float = 1.0,
        scale: float | Literal["auto"] = "auto",
        init: Init | npt.ArrayLike = "k-means",
        pretrain_epochs: int = 30,
        augmentation: Mapping[str, float] | None = None,
        max_iter: int = 2000,
        update_interval: int | Literal["auto"] = "auto",
        tol: float = 0.001,
        batch_size: int = 256,
        pretrain_learning_rate: float = 1e-3,
        learning_rate: float = 1e-3,
        n_frame_samples: int = 0,
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.network = network
        self.method = method
        self.gamma = gamma
        self.embedding_dim = embedding_dim
        self.degrees_of_freedom = degrees_of_freedom
        self.scale = scale
        self.init = init
        self.pretrain_epochs = pretrain_epochs
        self.augmentation = augmentation
        self.max_iter = max_iter
        self.update_interval = update_interval
        self.tol = tol
        self.batch_size = batch_size
        self.pretrain_learning_rate = pretrain_learning_rate
        self.learning_rate = learning_rate
        self.n_frame_samples = n_frame_samples
        self.device = device
        self.random_state = random_state

    def fit(
        self,
        X: ImagesLike,
        y: npt.ArrayLike | None = None,
        *,
        on_epoch: Listener | None = None,
        on_target_update: Listener | None = None,
        log_folder: PathLike | None = None,
    ) -> Self:
        """Train the network, find the clusters, and train both together.

        Parameters
        ----------
        X : ImageSet, array-like (n, h, w), (n, c, h, w) or (n, d), or another of `ImagesLike`
            As the network takes them; images are best after a `Preprocessor`.
        y : array-like (n,), int, optional
            Classes, to score the history by. Nothing is learned from them.
        on_epoch, on_target_update : callable, optional
            Called with each record of `pretraining_` and of `history_`, for progress bars.
        log_folder : path, optional
            Where both are written for TensorBoard during the fit.

        Returns
        -------
        DeepEmbeddedClustering
            Itself.

        Raises
        ------
        InputError
            When a parameter or a sample cannot be used.
        """
        self._check_parameters()
        samples = self._checked_samples(X, y)
        seeds = [int(s) for s in check_random_state(self.random_state).randint(2**31 - 1, size=4)]
        self.notes_: list[str] = []
        device = choose_device(self.device)
        self.network_ = self._new_network(samples, seeds[0]).to(device)
        with RecordLog(log_folder) as log:
            self.pretraining_ = self._pretrain(
                samples, seeds[1], log.listener("autoencoder", on_epoch)
            )
            self._cluster(samples, y, seeds[2:], log.listener("clustering", on_target_update))
        return self

    def _new_network(self, samples: Tensor, seed: int) -> nn.Module:
        if isinstance(self.network, nn.Module):
            return copy.deepcopy(self.network)
        with seeded(seed):
            if self.network is not None:
                return build_network(self.network)
            return default_network(samples, self.method, self.embedding_dim)

    def _pretrain(self, samples: Tensor, seed: int, listener: Listener) -> list[Record]:
        if not self.pretrain_epochs:
            return []
        if self.batch_size < 2:
            raise InputError(f"batch_size must be at least 2 to pretrain, got {self.batch_size}")
        return pretrain(
            self.network_,
            self._batches(samples, seed, self.augmentation),
            epochs=self.pretrain_epochs,
            learning_rate=self.pretrain_learning_rate,
            on_epoch=listener,
        )

    def _cluster(
        self, samples: Tensor, y: npt.ArrayLike | None, seeds: list[int], listener: Listener
    ) -> None:
        latents = encode_finite(self.network_, samples, self._device).double().numpy()
        centres = first_centres(latents, self.n_clusters, self.init, seed=seeds[0])
        self.scale_ = latent_scale(latents, centres) if self.scale == "auto" else float(self.scale)
        batches = self._batches(samples, seeds[1], self.augmentation)
        trainer = DECTrainer(
            self.network_,
            torch.from_numpy(centres / self.scale_).float(),
            self.scale_,
            self._config(batches.update_interval),
            batches,
            Neighbourhood(latents, seed=seeds[0]),
        )
        self.frames_: list[Frame] = []
        drawn = np.random.default_rng(seeds[1]).permutation(len(samples))[: self.n_frame_samples]
        trainer.run(self._on_target_update(y, listener, np.sort(drawn)))
        self.history_ = trainer.history
        self._keep_the_better(trainer)
        self.cluster_centers_ = trainer.centres.detach().cpu().double().numpy()
        labels = self._memberships(samples).argmax(axis=1)
        order = canonical_order(labels, self.n_clusters)
        self.cluster_centers_ = self.cluster_centers_[order]
        new_label = np.argsort(order)
        self.labels_ = new_label[labels]
        self.frames_ = [Frame(f.step, f.latents, new_label[f.labels]) for f in self.frames_]

    def _config(self, default_interval: int) -> DECConfig:
        interval = default_interval if self.update_interval == "auto" else self.update_interval
        return DECConfig(
            gamma=None if self.method == "dec" else self.gamma,
            degrees_of_freedom=self.degrees_of_freedom,
            learning_rate=self.learning_rate,
            update_interval=interval,
            max_iter=self.max_iter,
            tol=self.tol,
        )

    def _on_target_update(
        self, y: npt.ArrayLike | None, listener: Listener, shown: IntArray
    ) -> Callable[[TargetUpdate], None]:
        """A function that scores the labels by the classes, keeps a frame, and passes it on."""

        def on_target_update(update: TargetUpdate) -> None:
            update.record.update(label_scores(y, update.labels))
            if len(shown):
                latents = update.latents[torch.from_numpy(shown)].numpy()
                step = int(update.record["step"])
                self.frames_.append(Frame(step, latents, update.labels[shown]))
            listener(update.record)

        return on_target_update

    def _keep_the_better(self, trainer: DECTrainer) -> None:
        """Restore the initial clustering if the final one is worse, and note what to do."""
        first, last = self.history_[0], self.history_[-1]
        fewer = last["live"] < first["live"]
        evidence = None if trainer.diverged or fewer else trainer.evidence()
        self.kept_initialisation_ = evidence is None or evidence.is_worse
        if trainer.n_refills:
            self._note(
                f"Clusters lost their members or merged {trainer.n_refills} times and were "
                "refilled with half of the widest cluster: fewer clusters may fit better."
            )
        if self.kept_initialisation_:
            self._note(why_kept(first, last, evidence, diverged=trainer.diverged))
            trainer.restore_start()
        live = int((first if self.kept_initialisation_ else last)["live"])
        if live < self.n_clusters:
            self._note(
                f"Only {live} of {self.n_clusters} clusters have members: set n_clusters to "
                f"{live}, or init to other centres."
            )

    @property
    def _n_features_out(self) -> int:
        return int(self.cluster_centers_.shape[1])

    def _memberships(self, samples: Tensor) -> Float64Array:
        latents = encode_all(self.network_, samples, self._device).double() / self.scale_
        centres = torch.from_numpy(self.cluster_centers_)
        return np.asarray(assign_all(latents, centres, self.degrees_of_freedom).numpy())

    def _check_parameters(self) -> None:
        for name in ("n_clusters", "batch_size"):
            check_whole(name, getattr(self, name))
        check_whole("embedding_dim", self.embedding_dim, largest=65536)
        for name in ("pretrain_epochs", "max_iter", "n_frame_samples"):
            check_whole(name, getattr(self, name), 0)
        for name in ("gamma", "degrees_of_freedom", "learning_rate", "pretrain_learning_rate"):
            check_positive(name, getattr(self, name))
        if not is_auto(self.scale):
            check_positive("scale", self.scale)
        if not is_auto(self.update_interval):
            check_whole("update_interval", self.update_interval)
        check_share("tol", self.tol)
        check_choice("method", self.method, DEEP_METHODS)
        if isinstance(self.init, str):
            check_choice("init", self.init, ("k-means", "random"))
        else:
            check_array("init", self.init)
        self._check_machine()
        self._check_network()
        self._check_augmentation()

    def _saved_parameters(self) -> dict[str, Any]:
        # Centres given as an array are not saved.
        named = self.init if isinstance(self.init, str) else "k-means"
        return {**super()._saved_parameters(), "init": named}

    def _own_arrays(self) -> dict[str, Array]:
        return {
            "centres": self.cluster_centers_,
            "scale": np.array([self.scale_]),
            "labels": self.labels_,
        }

    def _own_learned(self) -> dict[str, Any]:
        return {
            "history": self.history_,
            "pretraining": self.pretraining_,
            "kept_initialisation": self.kept_initialisation_,
        }

    def _restore_own(self, arrays: dict[str, Array], learned: Mapping[str, Any]) -> None:
        check_ranks(arrays, {"centres": 2, "scale": 1, "labels": 1})
        check_fits(len(arrays["centres"]) == self.n_clusters, "centres and n_clusters")
        self.cluster_centers_, self.labels_ = arrays["centres"], arrays["labels"]
        self.scale_ = float(arrays["scale"][0])
        self.history_, self.pretraining_ = list(learned["history"]), list(learned["pretraining"])
        self.kept_initialisation_ = bool(learned["kept_initialisation"])
        self.frames_ = []
