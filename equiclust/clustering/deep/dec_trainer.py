"""The clustering of DEC: network and centres trained towards a target made of their own result."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import torch
import torch.nn.functional as functional
from scipy.spatial.distance import cdist
from torch import Tensor, nn

from equiclust.autoencoder.schedule import WARM_UP
from equiclust.clustering.deep.dec_loss import (
    assign_all,
    clustering_loss,
    soft_assignment,
    target_distribution,
)
from equiclust.clustering.deep.encoding import encode, encode_all, encode_and_decode
from equiclust.clustering.deep.evidence import Evidence, Neighbourhood
from equiclust.clustering.deep.history import Record
from equiclust.clustering.deep.training_loop import Batches, TrainingLoop
from equiclust.clustering.labels import kmeans_centres
from equiclust.typing import Float64Array, IntArray

__all__ = [
    "DECConfig",
    "DECTrainer",
    "TargetUpdate",
    "empty_merged_clusters",
    "refill_empty_clusters",
]

# Centres that are nearer than this share of the spread about centres have merged.
_MERGED_DISTANCE = 0.1
# A cluster that is empty again after this number of refills does not exist.
_MAX_REFILLS = 5


@dataclass(frozen=True)
class DECConfig:
    """Parameters of the training of network and centres.

    Parameters
    ----------
    gamma : float, optional
        Weight of the clustering beside the reconstruction; None for no reconstruction.
    degrees_of_freedom : float
        Of Student's t-distribution.
    learning_rate : float
        The highest learning rate.
    update_interval : int
        Steps from one target to the next.
    max_iter : int
        Most steps.
    tol : float
        After the warm-up of the learning rate, training ends when at most this share of the labels,
        0 to 1, changes from one target to the next.
    """

    gamma: float | None
    degrees_of_freedom: float
    learning_rate: float
    update_interval: int
    max_iter: int
    tol: float


@dataclass(frozen=True, eq=False)
class TargetUpdate:
    """The state of the clustering when a target is set.

    Attributes
    ----------
    record : dict of str to float
        One row of the history.
    latents : Tensor (n, d)
        Of all samples.
    labels : ndarray (n,), int
        Of all samples.
    """

    record: Record
    latents: Tensor
    labels: IntArray


class DECTrainer:
    """Trains a network and its centres, and refills clusters that lose their members.

    The network stays in evaluation mode: with statistics of batches the latents of a sample would
    depend on its batch, and the target would be out of date before it is used.

    Parameters
    ----------
    network : Module
        Trained in place.
    centres : Tensor (k, d)
        First centres, in units of `scale`.
    scale : float
        What latents are divided by.
    config : DECConfig
        Parameters of the training.
    batches : Batches
        All samples.
    neighbourhood : Neighbourhood
        Of the samples' latents before the first step.

    Attributes
    ----------
    labels : ndarray (n,), int
        Of all samples at the last target.
    history : list of dict
        One record for each target.
    diverged : bool
        Whether the training ended because latents were not finite any more.
    n_refills : int
        How often clusters that had lost their members, or merged with others, were refilled.
    """

    labels: IntArray

    def __init__(
        self,
        network: nn.Module,
        centres: Tensor,
        scale: float,
        config: DECConfig,
        batches: Batches,
        neighbourhood: Neighbourhood,
    ) -> None:
        self.network = network.eval()
        self.centres = nn.Parameter(centres.to(batches.device))
        self.scale, self.config, self.batches = scale, config, batches
        self.neighbourhood = neighbourhood
        self.history: list[Record] = []
        self.n_refills = 0
        self.diverged = False
        self._loop = TrainingLoop(
            [*network.parameters(), self.centres],
            batches,
            max_iter=config.max_iter,
            learning_rate=config.learning_rate,
        )
        self._reconstruction_errors: list[Tensor] = []
        self._started = perf_counter()

    def run(self, on_target_update: Callable[[TargetUpdate], None] | None = None) -> IntArray:
        """Train to the end.

        Parameters
        ----------
        on_target_update : callable, optional
            Called with each `TargetUpdate`.

        Returns
        -------
        ndarray (n,), int
            Labels of all samples at the last target.
        """
        # While the steps are small, few labels can change.
        warm_up = WARM_UP * self.config.max_iter

        def evaluate(step: int) -> bool:
            latents = encode_all(self.network, self.batches.samples, self.batches.device)
            self.diverged = not bool(torch.isfinite(latents).all())
            if self.diverged:
                return True
            update = self._update_target(step, latents)
            if on_target_update is not None:
                on_target_update(update)
            return step >= warm_up and update.record["changed"] <= self.config.tol

        self._loop.run(self._loss, evaluate, interval=self.config.update_interval)
        return self.labels

    def evidence(self) -> Evidence:
        """Compare the clustering at the end with that at the start.

        Returns
        -------
        Evidence
        """
        latents = encode_all(self.network, self.batches.samples, self.batches.device)
        after = Neighbourhood(latents.numpy(), seed=self.batches.seed)
        return Evidence.of(self.neighbourhood, after, self._first_labels, self.labels)

    def restore_start(self) -> None:
        """Set network and centres to what they were before the first step."""
        state, centres = self._start
        self.network.load_state_dict(state)
        with torch.no_grad():
            self.centres.copy_(centres)

    def _loss(self, chosen: Tensor, views: Tensor) -> Tensor:
        target = self._target[chosen].to(views.device)
        if self.config.gamma is None:
            return clustering_loss(self._soft_assignment(encode(self.network, views)), target)
        latents, reconstructions = encode_and_decode(self.network, views)
        error = functional.mse_loss(reconstructions, views)
        self._reconstruction_errors.append(error.detach())
        divergence = clustering_loss(self._soft_assignment(latents), target)
        return error + self.config.gamma * divergence

    def _soft_assignment(self, latents: Tensor) -> Tensor:
        return soft_assignment(latents / self.scale, self.centres, self.config.degrees_of_freedom)

    def _update_target(self, step: int, latents: Tensor) -> TargetUpdate:
        """Assign all samples, refill empty clusters, and set the next target."""
        labels = self._labels_of(latents)
        may_refill = self.config.max_iter and self.n_refills < _MAX_REFILLS
        if may_refill and self._refill(latents, labels, seed=step):
            labels = self._labels_of(latents)
        assignment = self._assign_all(latents)
        self._target = target_distribution(assignment)
        changed = float(np.mean(labels != self.labels)) if step else 1.0
        self.labels = labels
        if not step:
            self._start = copy.deepcopy(self.network.state_dict()), self.centres.detach().clone()
            self._first_labels = labels
        self.history.append(self._record(step, assignment, changed))
        return TargetUpdate(self.history[-1], latents, labels)

    def _assign_all(self, latents: Tensor) -> Tensor:
        points = latents.to(self.centres.device) / self.scale
        return assign_all(points, self.centres, self.config.degrees_of_freedom).cpu()

    def _labels_of(self, latents: Tensor) -> IntArray:
        return self._assign_all(latents).argmax(dim=1).numpy()

    def _refill(self, latents: Tensor, labels: IntArray, *, seed: int) -> bool:
        """Whether a cluster was empty or had merged, and centres were replaced."""
        points = (latents / self.scale).double().numpy()
        centres = self.centres.detach().cpu().double().numpy()
        own = empty_merged_clusters(points, centres, labels)
        if len(np.unique(own)) == len(centres):
            return False
        refilled, _ = refill_empty_clusters(points, centres, own, seed=seed)
        if np.array_equal(refilled, centres):
            return False
        with torch.no_grad():
            self.centres.copy_(torch.from_numpy(refilled).float())
        self._loop.reset_momentum(self.centres)
        self.n_refills += 1
        return True

    def _record(self, step: int, assignment: Tensor, changed: float) -> Record:
        sizes = np.bincount(self.labels, minlength=len(self.centres))
        record = {
            "step": float(step),
            "kl": float(clustering_loss(assignment, self._target)),
            "changed": changed,
            "neighbour_agreement": self.neighbourhood.agreement(self.labels),
            "live": float(np.sum(sizes > 0)),
            "smallest": float(sizes.min()),
            "learning_rate": self._loop.learning_rate,
            "seconds": perf_counter() - self._started,
        }
        if self._reconstruction_errors:
            record["mse"] = float(torch.stack(self._reconstruction_errors).mean())
            self._reconstruction_errors = []
        return record


def empty_merged_clusters(
    points: Float64Array, centres: Float64Array, labels: IntArray
) -> IntArray:
    """Labels in which of two clusters that have merged the smaller one is empty.

    Clusters have merged when their centres are nearer than a tenth of the root mean square distance
    of the points to their own centres: samples there are divided between them by chance.

    Parameters
    ----------
    points : ndarray (n, d)
        Samples.
    centres : ndarray (k, d)
        Cluster centres.
    labels : ndarray (n,), int
        The nearest centre of each sample.

    Returns
    -------
    ndarray (n,), int
        A copy.
    """
    spread = float(np.sqrt(np.square(points - centres[labels]).sum(axis=1).mean()))
    merged, sizes = labels.copy(), np.bincount(labels, minlength=len(centres))
    distances = cdist(centres, centres)
    # The smallest first, each into the largest of those near it.
    for small in np.argsort(sizes, kind="stable"):
        near = np.flatnonzero((distances[small] < _MERGED_DISTANCE * spread) & (sizes > 0))
        near = near[near != small]
        if sizes[small] and len(near):
            into = near[np.argmax(sizes[near])]
            merged[merged == small] = into
            sizes[into] += sizes[small]
            sizes[small] = 0
    return merged


def refill_empty_clusters(
    points: Float64Array, centres: Float64Array, labels: IntArray, *, seed: int
) -> tuple[Float64Array, IntArray]:
    """Centres and labels after each empty cluster was given half of the widest cluster.

    The cluster with the largest sum of squared distances to its centre is divided by 2-means, as in
    the bisecting k-means of Steinbach, Karypis & Kumar (2000); one half keeps its label.

    Parameters
    ----------
    points : ndarray (n, d)
        Samples.
    centres : ndarray (k, d)
        Cluster centres.
    labels : ndarray (n,), int
        The nearest centre of each sample.
    seed : int
        For 2-means.

    Returns
    -------
    centres : ndarray (k, d)
        A copy.
    labels : ndarray (n,), int
        All `k` occur, unless fewer of the points differ.
    """
    centres, labels = centres.copy(), labels.copy()
    for empty in np.setdiff1d(np.arange(len(centres)), labels):
        widest = int(np.argmax(_sums_of_squares(points, centres, labels)))
        members = np.flatnonzero(labels == widest)
        if len(np.unique(points[members], axis=0)) < 2:
            continue
        counts = np.ones(len(members), dtype=np.int64)
        halves = kmeans_centres(points[members], counts, 2, n_init=4, seed=seed)
        distances = np.square(points[members, None] - halves[None]).sum(axis=2)
        centres[[widest, empty]] = halves
        labels[members[distances.argmin(axis=1) == 1]] = empty
    return centres, labels


def _sums_of_squares(points: Float64Array, centres: Float64Array, labels: IntArray) -> Float64Array:
    squared = np.square(points - centres[labels]).sum(axis=1)
    return np.asarray(
        np.bincount(labels, weights=squared, minlength=len(centres)), dtype=np.float64
    )
