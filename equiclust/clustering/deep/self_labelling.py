"""`SelfLabelling`: a network is trained on its own confident labels."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from equiclust.clustering.deep.base import DeepClusterer, label_scores
from equiclust.clustering.deep.encoding import encode_all, encode_finite
from equiclust.clustering.deep.evidence import Evidence, Neighbourhood
from equiclust.clustering.deep.history import Listener, Record, RecordLog
from equiclust.clustering.deep.mean_teacher import EncoderWithHead, MeanTeacher, fit_head
from equiclust.clustering.deep.training_loop import TrainingLoop
from equiclust.clustering.labels import canonical_order
from equiclust.clustering.latent_clusterer import make_clusterer
from equiclust.exceptions import InputError
from equiclust.images_like import ImagesLike
from equiclust.io.estimators import check_fits, check_ranks
from equiclust.nn.device import choose_device
from equiclust.typing import Array, Float64Array, IntArray, PathLike
from equiclust.validation import check_positive, check_random_state, check_share, check_whole

__all__ = ["SelfLabelling"]

# A cluster with less than this share of its first members counts as lost.
_LOST_SHARE = 0.1


class SelfLabelling(DeepClusterer):
    r"""Clusters on the manifold of the latents, refined by a teacher and a student network.

    The latents of a trained network are clustered by a mixture in their UMAP embedding (N2D [1]_,
    see `equiclust.clustering.manifold`). A linear head is fitted to the memberships. Then, as in
    the self-labelling of SCAN [2]_ and with the averaged teacher of [3]_, the teacher labels the
    images of which it is certain, and the student learns these labels from augmented views:

    .. math::

        L = -\frac{1}{\sum_i w_{y_i}} \sum_{i: \max p_i > \tau} w_{y_i} \log q_{y_i}(v_i),
        \qquad y_i = \arg\max p_i, \quad w_k \propto 1 / n_k

    with :math:`p` by the teacher, :math:`q` by the student, :math:`v_i` a view of image :math:`i`
    and :math:`n_k` the number of confident images of cluster :math:`k` in the batch. The teacher is
    a running mean of the student. The augmentation must not change what an image shows.

    Parameters
    ----------
    n_clusters : int, default 8
        Number of clusters.
    network : Module, default None
        A trained network from images to latents, such as `EquivariantAutoencoder.network_`; it is
        copied. `fit` raises an error without one.
    augmentation : mapping of str to float, optional
        Limits that differ from `Augmentation`; by default none do.
    threshold : float, default 0.9
        Least membership, 0 to 1, with which the teacher is certain.
    momentum : float, default 0.99
        Share of the teacher, 0 to 1, that stays at each step.
    max_iter : int, default 800
        Number of steps.
    batch_size : int, default 256
        Images in a step.
    learning_rate : float, default 5e-4
        The highest learning rate of Adam, between a warm-up and a cosine.
    device : {"auto", "cpu", "cuda", "mps"}, default "auto"
        Where to compute.
    random_state : int, RandomState or None, default None
        For the manifold, batches and views.

    Attributes
    ----------
    labels_ : ndarray (n,), int
        The largest cluster is 0.
    network_ : Module
        The teacher's.
    history_ : list of dict
        One record for each evaluation of all images; see `history_table`.
    kept_initialisation_ : bool
        Whether the training made it worse or lost a cluster, so that network and head are those
        before it.
    notes_ : list of str
        The warnings.

    References
    ----------
    .. [1] McConville, R. et al. 2021, ICPR, arXiv:1908.05968.
    .. [2] Van Gansbeke, W. et al. 2020, ECCV, arXiv:2005.12320.
    .. [3] Tarvainen, A. & Valpola, H. 2017, NeurIPS, arXiv:1703.01780.

    Examples
    --------
    >>> from equiclust import EquivariantAutoencoder, SelfLabelling, simulate_shapes
    >>> from equiclust.evaluation import clustering_accuracy
    >>> images, truth = simulate_shapes(40, size=32, classes=("star", "bar"), random_state=0)
    >>> autoencoder = EquivariantAutoencoder(size=32, max_epochs=1, perceptual=None, random_state=0)
    >>> network = autoencoder.fit(images).network_
    >>> clusterer = SelfLabelling(2, network=network, max_iter=5, random_state=0).fit(images)
    >>> clustering_accuracy(truth["kind_index"], clusterer.labels_)
    1.0
    """

    _file_stem = "self_labelling"

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        network: nn.Module | None = None,
        augmentation: Mapping[str, float] | None = None,
        threshold: float = 0.9,
        momentum: float = 0.99,
        max_iter: int = 800,
        batch_size: int = 256,
        learning_rate: float = 5e-4,
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.network = network
        self.augmentation = augmentation
        self.threshold = threshold
        self.momentum = momentum
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.device = device
        self.random_state = random_state

    def fit(
        self,
        X: ImagesLike,
        y: npt.ArrayLike | None = None,
        *,
        on_target_update: Listener | None = None,
        log_folder: PathLike | None = None,
    ) -> Self:
        """Find the clusters, and train the network on them.

        Parameters
        ----------
        X : ImageSet, array-like (n, h, w) or (n, c, h, w), or another of `ImagesLike`
            As the network takes them.
        y : array-like (n,), int, optional
            Classes, to score the history by. Nothing is learned from them.
        on_target_update : callable, optional
            Called with each record of `history_`, for progress bars.
        log_folder : path, optional
            Where they are written for TensorBoard during the fit.

        Returns
        -------
        SelfLabelling
            Itself.

        Raises
        ------
        InputError
            When a parameter or an image cannot be used.
        """
        self._check_parameters()
        if not isinstance(self.network, nn.Module):
            raise InputError(
                "network must be a trained Module for SelfLabelling, got "
                f"{type(self.network).__name__}"
            )
        samples = self._checked_samples(X, y)
        seeds = [int(s) for s in check_random_state(self.random_state).randint(2**31 - 1, size=3)]
        self.notes_: list[str] = []
        self.network_ = copy.deepcopy(self.network).to(choose_device(self.device)).eval()
        with RecordLog(log_folder) as log:
            self._fit(samples, y, seeds, log.listener("clustering", on_target_update))
        return self

    def _fit(
        self, samples: Tensor, y: npt.ArrayLike | None, seeds: list[int], listener: Listener
    ) -> None:
        latents = encode_finite(self.network_, samples, self._device)
        points = latents.double().numpy()
        manifold = make_clusterer("manifold", self.n_clusters, random_state=seeds[0]).fit(points)
        head = fit_head(latents, manifold.predict_proba(points), seed=seeds[0]).to(self._device)
        networks = MeanTeacher(
            self.network_, head, threshold=self.threshold, momentum=self.momentum
        )
        start = copy.deepcopy(networks.teacher)
        self.network_, self._head = networks.teacher.network, networks.teacher.head
        before = Neighbourhood(points, seed=seeds[0])
        initial_labels = self._memberships(samples).argmax(axis=1)
        self._train(networks, samples, y, before, seeds[1], listener)
        after = Neighbourhood(
            encode_all(self.network_, samples, self._device).double().numpy(), seed=seeds[0]
        )
        final_labels = self._memberships(samples).argmax(axis=1)
        self._keep_the_better(start, Evidence.of(before, after, initial_labels, final_labels))
        labels = self._memberships(samples).argmax(axis=1)
        self._reorder(canonical_order(labels, self.n_clusters))
        self.labels_ = self._memberships(samples).argmax(axis=1)

    def _train(
        self,
        networks: MeanTeacher,
        samples: Tensor,
        y: npt.ArrayLike | None,
        before: Neighbourhood,
        seed: int,
        listener: Listener,
    ) -> None:
        """Train student and teacher, and write the history."""
        self.history_: list[Record] = []
        batches = self._batches(samples, seed, self.augmentation or {})

        def loss(chosen: Tensor, views: Tensor) -> Tensor | None:
            return networks.loss(samples[chosen].to(views.device), views)

        def evaluate(step: int) -> bool:
            self.history_.append(self._record(step, samples, y, before))
            listener(self.history_[-1])
            return False

        loop = TrainingLoop(
            networks.student.parameters(),
            batches,
            max_iter=self.max_iter,
            learning_rate=self.learning_rate,
        )
        loop.run(
            loss,
            evaluate,
            interval=batches.update_interval,
            after_step=networks.update_teacher,
        )

    def _record(
        self, step: int, samples: Tensor, y: npt.ArrayLike | None, before: Neighbourhood
    ) -> Record:
        memberships = self._memberships(samples)
        labels = memberships.argmax(axis=1)
        sizes = np.bincount(labels, minlength=self.n_clusters)
        return {
            "step": float(step),
            "sure": float(np.mean(memberships.max(axis=1) > self.threshold)),
            "neighbour_agreement": before.agreement(labels),
            "live": float(np.sum(sizes > 0)),
            "smallest": float(sizes.min()),
            **label_scores(y, labels),
        }

    def _keep_the_better(self, start: EncoderWithHead, evidence: Evidence) -> None:
        """Restore the initial clustering if the final one is worse, and note what to do."""
        first, last = self.history_[0], self.history_[-1]
        lost = last["live"] < first["live"] or last["smallest"] < _LOST_SHARE * first["smallest"]
        self.kept_initialisation_ = bool(lost or evidence.is_worse)
        if lost:
            self._note(
                f"Self-labelling left the smallest cluster {last['smallest']:.0f} of "
                f"{first['smallest']:.0f} members, so the initial clustering was kept: use weaker "
                "augmentation, a higher threshold, or fewer clusters."
            )
        elif self.kept_initialisation_:
            self._note(
                "Self-labelling separated more neighbours than the initial clustering did "
                f"(agreement {evidence.final:.3f} after {evidence.initial:.3f}), so the initial "
                "clustering was kept: use weaker augmentation, or train the network for longer."
            )
        if self.kept_initialisation_:
            self.network_, self._head = start.network, start.head
        live = int((first if self.kept_initialisation_ else last)["live"])
        if live < self.n_clusters:
            self._note(
                f"Only {live} of {self.n_clusters} clusters have members: set n_clusters to {live}."
            )

    def _reorder(self, order: IntArray) -> None:
        """Give cluster `order[k]` the label `k`."""
        chosen = torch.from_numpy(order).to(self._device)
        with torch.no_grad():
            self._head.weight.copy_(self._head.weight[chosen].clone())
            self._head.bias.copy_(self._head.bias[chosen].clone())

    @property
    def _n_features_out(self) -> int:
        return int(self._head.in_features)

    def _memberships(self, samples: Tensor) -> Float64Array:
        latents = encode_all(self.network_, samples, self._device).double()
        weight, bias = (p.detach().cpu().double() for p in (self._head.weight, self._head.bias))
        return np.asarray((latents @ weight.T + bias).softmax(dim=1).numpy())

    def _check_parameters(self) -> None:
        for name in ("n_clusters", "max_iter", "batch_size"):
            check_whole(name, getattr(self, name))
        check_share("threshold", self.threshold)
        check_share("momentum", self.momentum)
        check_positive("learning_rate", self.learning_rate)
        self._check_machine()
        self._check_network()
        self._check_augmentation()

    def _own_arrays(self) -> dict[str, Array]:
        weight, bias = self._head.weight.detach().cpu(), self._head.bias.detach().cpu()
        return {"weight": weight.numpy(), "bias": bias.numpy(), "labels": self.labels_}

    def _own_learned(self) -> dict[str, Any]:
        return {"history": self.history_, "kept_initialisation": self.kept_initialisation_}

    def _restore_own(self, arrays: dict[str, Array], learned: Mapping[str, Any]) -> None:
        check_ranks(arrays, {"weight": 2, "bias": 1, "labels": 1})
        n_clusters, n_latents = arrays["weight"].shape
        check_fits(n_clusters == self.n_clusters == len(arrays["bias"]), "head and n_clusters")
        self._head = nn.Linear(n_latents, n_clusters)
        with torch.no_grad():
            self._head.weight.copy_(torch.from_numpy(arrays["weight"]))
            self._head.bias.copy_(torch.from_numpy(arrays["bias"]))
        self.labels_, self.history_ = arrays["labels"], list(learned["history"])
        self.kept_initialisation_ = bool(learned["kept_initialisation"])
