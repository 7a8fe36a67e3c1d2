"""`SelfLabelling`: a network that learns its own confident labels, after a manifold began them."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from sklearn.utils import check_random_state
from torch import Tensor, nn

from equiclust.clustering.deep.base import DeepClusterer, scored
from equiclust.clustering.deep.encoding import encode_all, finite_latents
from equiclust.clustering.deep.evidence import Evidence, Neighbourhood
from equiclust.clustering.deep.history import Listener, Record, RecordLog
from equiclust.clustering.deep.mean_teacher import EncoderWithHead, MeanTeacher, fitted_head
from equiclust.clustering.labels import canonical_order
from equiclust.clustering.latent_clusterer import make_clusterer
from equiclust.exceptions import InputError
from equiclust.images import ImageSet
from equiclust.io.estimators import check_fits, check_ranks
from equiclust.nn.device import choose_device
from equiclust.validation import check_positive, check_share, check_whole

__all__ = ["SelfLabelling"]

Labels = npt.NDArray[np.int64]

# Fewer members than this share of what they were at first: a cluster is all but lost.
_ALL_BUT_LOST = 0.1


class SelfLabelling(DeepClusterer):
    r"""Clusters on the manifold of the latents, sharpened by a teacher and a student.

    The latents of a trained network are clustered by a mixture in their UMAP embedding (N2D [1]_,
    see `equiclust.clustering.manifold`). A linear head is fitted to the memberships. Then, as in
    SCAN's self-labelling [2]_ and with the averaged teacher of [3]_, the teacher labels the images
    that it is sure of, and the student learns these labels from augmented views:

    .. math::

        L = -\frac{1}{\sum_i w_{y_i}} \sum_{i: \max p_i > \tau} w_{y_i} \log q_{y_i}(v_i),
        \qquad y_i = \arg\max p_i, \quad w_k \propto 1 / n_k

    with :math:`p` by the teacher, :math:`q` by the student, :math:`v_i` a view of image :math:`i`
    and :math:`n_k` the confident images of cluster :math:`k` in the batch. The teacher follows the
    student slowly. It needs augmentations that do not change what an image is.

    Parameters
    ----------
    n_clusters : int
    network : Module
        Trained; images to latents, such as `EquivariantAutoencoder.network_`. It is copied.
    augmentation : mapping, optional
        Limits that differ from `Augmentation`; by default none do.
    threshold : float
        Least membership, 0 to 1, with which the teacher is sure.
    momentum : float
        Share of the teacher that stays at each step, 0 to 1.
    max_iter : int
        Steps.
    batch_size : int
    learning_rate : float
        The highest of a warm-up and a cosine, for Adam.
    device : {"auto", "cpu", "cuda", "mps"}
    random_state : int, RandomState or None

    Attributes
    ----------
    labels_ : ndarray (n,), int
        The largest cluster is 0.
    network_ : Module
        The teacher's.
    history_ : list of dict
        One record for every look at all images.
    kept_initialisation_ : bool
        It made it worse, or all but lost a cluster: network and head are those before it.
    notes_ : list of str
        What the user should know.

    References
    ----------
    .. [1] McConville, R. et al. 2021, ICPR, arXiv:1908.05968.
    .. [2] Van Gansbeke, W. et al. 2020, ECCV, arXiv:2005.12320.
    .. [3] Tarvainen, A. & Valpola, H. 2017, NeurIPS, arXiv:1703.01780.
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
        X: ImageSet | npt.ArrayLike,
        y: npt.ArrayLike | None = None,
        *,
        on_target_update: Listener | None = None,
        log_folder: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Find the clusters and learn them.

        Parameters
        ----------
        X : ImageSet or array-like (n, h, w) or (n, c, h, w)
            As the network takes them.
        y : array-like (n,), int, optional
            Classes, to score the history by. Nothing is learned from them.
        on_target_update : callable, optional
            Gets each record of `history_`, for progress bars.
        log_folder : path, optional
            Where TensorBoard finds them while they come in.

        Raises
        ------
        InputError
            When a parameter or an image cannot be used.
        """
        self._check_parameters()
        if not isinstance(self.network, nn.Module):
            raise InputError(
                f"SelfLabelling needs a trained network, got {type(self.network).__name__}; hand "
                "one in"
            )
        samples = self._checked_samples(X, y)
        seeds = [int(s) for s in check_random_state(self.random_state).randint(2**31 - 1, size=3)]
        self.notes_: list[str] = []
        self.network_ = copy.deepcopy(self.network).to(choose_device(self.device)).eval()
        with RecordLog(log_folder) as log:
            self._learn(samples, y, seeds, log.also("clustering", on_target_update))
        return self

    def _learn(
        self, samples: Tensor, y: npt.ArrayLike | None, seeds: list[int], listener: Listener
    ) -> None:
        latents = finite_latents(self.network_, samples, self._device)
        places = latents.double().numpy()
        begun = make_clusterer("manifold", self.n_clusters, random_state=seeds[0]).fit(places)
        head = fitted_head(latents, begun.predict_proba(places), seed=seeds[0]).to(self._device)
        mean_teacher = MeanTeacher(
            self.network_,
            head,
            threshold=self.threshold,
            momentum=self.momentum,
            learning_rate=self.learning_rate,
            steps=self.max_iter,
        )
        beginning = copy.deepcopy(mean_teacher.teacher)
        self.network_, self._head = mean_teacher.teacher.network, mean_teacher.teacher.head
        neighbourhood = Neighbourhood(places, seed=seeds[0])
        begun_labels = self._assigned(samples).argmax(axis=1)
        self.history_: list[Record] = []
        batches = self._batches(samples, seeds[1], self.augmentation or {})
        interval = batches.between_looks
        source = batches.forever()
        for step in range(self.max_iter + 1):
            if step % interval == 0 or step == self.max_iter:
                self._look(samples, y, neighbourhood, step, listener)
            if step < self.max_iter:
                chosen, views = next(source)
                mean_teacher.learn(samples[chosen].to(views.device), views)
        after = encode_all(self.network_, samples, self._device).double().numpy()
        first, last = begun_labels, self._assigned(samples).argmax(axis=1)
        self._judge(
            beginning, Evidence.of(neighbourhood, Neighbourhood(after, seed=seeds[0]), first, last)
        )
        labels = self._assigned(samples).argmax(axis=1)
        self._rename(canonical_order(labels, self.n_clusters))
        self.labels_ = self._assigned(samples).argmax(axis=1)

    def _look(
        self,
        samples: Tensor,
        y: npt.ArrayLike | None,
        neighbourhood: Neighbourhood,
        step: int,
        listener: Listener,
    ) -> None:
        """Write down how things are."""
        shares = self._assigned(samples)
        labels = shares.argmax(axis=1)
        sizes = np.bincount(labels, minlength=self.n_clusters)
        record = {
            "step": float(step),
            "sure": float(np.mean(shares.max(axis=1) > self.threshold)),
            "neighbour_agreement": neighbourhood.agreement(labels),
            "live": float(np.sum(sizes > 0)),
            "smallest": float(sizes.min()),
            **scored(y, labels),
        }
        self.history_.append(record)
        listener(record)

    def _judge(self, beginning: EncoderWithHead, evidence: Evidence) -> None:
        """Keep the beginning where the end is worse, and say what there is to say."""
        first, last = self.history_[0], self.history_[-1]
        lost = last["live"] < first["live"] or last["smallest"] < _ALL_BUT_LOST * first["smallest"]
        self.kept_initialisation_ = bool(lost or evidence.is_worse)
        if lost:
            self._note(
                f"Self-labelling left the smallest cluster {last['smallest']:.0f} of "
                f"{first['smallest']:.0f} members, so its beginning was kept: use weaker "
                "augmentations, a higher threshold, or fewer clusters."
            )
        elif self.kept_initialisation_:
            self._note(
                "Self-labelling divides more neighbours than its beginning did (agreement "
                f"{evidence.end:.3f} after {evidence.beginning:.3f}), so its beginning was kept: "
                "use weaker augmentations or train the network for longer."
            )
        if self.kept_initialisation_:
            self.network_, self._head = beginning.network, beginning.head
        live = int((first if self.kept_initialisation_ else last)["live"])
        if live < self.n_clusters:
            self._note(
                f"Only {live} of the {self.n_clusters} clusters asked for have members: ask for "
                "fewer."
            )

    def _rename(self, order: Labels) -> None:
        """Call cluster `order[k]` `k`."""
        chosen = torch.from_numpy(order).to(self._device)
        with torch.no_grad():
            self._head.weight.copy_(self._head.weight[chosen].clone())
            self._head.bias.copy_(self._head.bias[chosen].clone())

    def _assigned(self, samples: Tensor) -> npt.NDArray[np.float64]:
        latents = encode_all(self.network_, samples, self._device).double()
        weight, bias = (p.detach().cpu().double() for p in (self._head.weight, self._head.bias))
        return np.asarray((latents @ weight.T + bias).softmax(dim=1).numpy())

    def _check_parameters(self) -> None:
        for name in ("n_clusters", "max_iter", "batch_size"):
            check_whole(name, getattr(self, name))
        check_share("threshold", self.threshold)
        check_share("momentum", self.momentum)
        check_positive("learning_rate", self.learning_rate)
        self._check_network()
        self._check_augmentation()

    def _own_arrays(self) -> dict[str, npt.NDArray[Any]]:
        weight, bias = self._head.weight.detach().cpu(), self._head.bias.detach().cpu()
        return {"weight": weight.numpy(), "bias": bias.numpy(), "labels": self.labels_}

    def _own_learned(self) -> dict[str, Any]:
        return {"history": self.history_, "kept_initialisation": self.kept_initialisation_}

    def _restore_own(self, arrays: dict[str, npt.NDArray[Any]], learned: Mapping[str, Any]) -> None:
        check_ranks(arrays, {"weight": 2, "bias": 1, "labels": 1})
        n_clusters, n_latents = arrays["weight"].shape
        check_fits(n_clusters == self.n_clusters == len(arrays["bias"]), "head and n_clusters")
        self._head = nn.Linear(n_latents, n_clusters)
        with torch.no_grad():
            self._head.weight.copy_(torch.from_numpy(arrays["weight"]))
            self._head.bias.copy_(torch.from_numpy(arrays["bias"]))
        self.labels_, self.history_ = arrays["labels"], list(learned["history"])
        self.kept_initialisation_ = bool(learned["kept_initialisation"])
