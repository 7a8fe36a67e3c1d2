"""The second half of deep clustering: network and centres drawn to a target that they set."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as functional
from scipy.spatial.distance import cdist
from torch import Tensor, nn

from equiclust.autoencoder.schedule import WARM_UP, warm_cosine
from equiclust.clustering.deep.dec_loss import (
    assigned,
    clustering_loss,
    soft_assignment,
    target_distribution,
)
from equiclust.clustering.deep.encoding import encode, encode_all, encode_and_decode
from equiclust.clustering.deep.evidence import Evidence, Neighbourhood
from equiclust.clustering.deep.initialization import Batches
from equiclust.clustering.labels import kmeans_centres

__all__ = ["DECConfig", "DECTrainer", "TargetUpdate", "absorbed", "n_live", "revived"]

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

# Two centres that are nearer than this share of the spread about centres are one place.
_ONE_PLACE = 0.1


def n_live(labels: Labels) -> int:
    """Clusters that have a member."""
    return len(np.unique(labels))


def absorbed(points: Array, centres: Array, labels: Labels) -> Labels:
    """Labels in which of two clusters that have merged the smaller one is empty.

    They have when their centres are nearer than a tenth of the root mean square distance of the
    points to their own centres: what lies where they lie is divided by chance.

    Parameters
    ----------
    points : ndarray (n, d)
    centres : ndarray (k, d)
    labels : ndarray (n,), int

    Returns
    -------
    ndarray (n,), int
        A copy.
    """
    spread = float(np.sqrt(np.square(points - centres[labels]).sum(axis=1).mean()))
    given, sizes = labels.copy(), np.bincount(labels, minlength=len(centres))
    distances = cdist(centres, centres)
    # The smallest first, each into the largest of those near it.
    for small in np.argsort(sizes, kind="stable"):
        near = np.flatnonzero((distances[small] < _ONE_PLACE * spread) & (sizes > 0))
        near = near[near != small]
        if sizes[small] and len(near):
            into = near[np.argmax(sizes[near])]
            given[given == small] = into
            sizes[into] += sizes[small]
            sizes[small] = 0
    return given


def revived(points: Array, centres: Array, labels: Labels, *, seed: int) -> tuple[Array, Labels]:
    """Centres of which none is without members: each empty cluster gets half of the widest.

    The cluster with the largest sum of squared distances to its centre is divided by 2-means, as in
    the bisecting k-means of Steinbach, Karypis & Kumar (2000); one half keeps its name.

    Parameters
    ----------
    points : ndarray (n, d)
    centres : ndarray (k, d)
    labels : ndarray (n,), int
        The nearest centre of each point.
    seed : int

    Returns
    -------
    centres : ndarray (k, d)
        A copy.
    labels : ndarray (n,), int
        Fewer names than `k` only where the points have fewer distinct places.
    """
    places, given = centres.copy(), labels.copy()
    for empty in np.setdiff1d(np.arange(len(centres)), labels):
        widest = int(np.argmax(_sums_of_squares(points, places, given)))
        members = np.flatnonzero(given == widest)
        if len(np.unique(points[members], axis=0)) < 2:
            continue
        once = np.ones(len(members), dtype=np.int64)
        halves = kmeans_centres(points[members], once, 2, n_init=4, seed=seed)
        distances = np.square(points[members, None] - halves[None]).sum(axis=2)
        places[[widest, empty]] = halves
        given[members[distances.argmin(axis=1) == 1]] = empty
    return places, given


def _sums_of_squares(points: Array, centres: Array, labels: Labels) -> Array:
    squared = np.square(points - centres[labels]).sum(axis=1)
    return np.asarray(
        np.bincount(labels, weights=squared, minlength=len(centres)), dtype=np.float64
    )


Record = dict[str, float]

# A cluster that empties again and again is none.
_MOST_REVIVALS = 5


@dataclass(frozen=True)
class DECConfig:
    """How the rounds go.

    Parameters
    ----------
    gamma : float, optional
        Weight of the clustering beside the reconstruction; None for no reconstruction.
    degrees_of_freedom : float
    learning_rate : float
        The highest.
    update_interval : int
        Steps from one target to the next.
    max_iter : int
        Steps in all.
    tol : float
        Share of labels that may change from one target to the next when, after the warm-up of the
        learning rate, it is time to stop.
    """

    gamma: float | None
    degrees_of_freedom: float
    learning_rate: float
    update_interval: int
    max_iter: int
    tol: float


@dataclass(frozen=True, eq=False)
class TargetUpdate:
    """What is known when a target is set.

    Attributes
    ----------
    record : dict
        One row of the history.
    latents : Tensor (n, d)
    labels : ndarray (n,), int
    """

    record: Record
    latents: Tensor
    labels: Labels


class DECTrainer:
    """Trains a network and its centres, and keeps watch over the clusters.

    The network stays in evaluation mode: statistics of batches would make the latents of a sample
    depend on its company, and the target stale before it is used.

    Parameters
    ----------
    network : Module
        Trained in place.
    centres : Tensor (k, d)
        In units of `scale`.
    scale : float
        What latents are divided by.
    plan : Plan
    batches : Batches
        All samples.
    neighbourhood : Neighbourhood
        Of the samples before the first step.

    Attributes
    ----------
    labels : ndarray (n,), int
    history : list of dict
        One record a target.
    beginning : (dict, Tensor)
        State of the network, and centres, before the first step.
    diverged : bool
        The latents were no numbers any more, and the run ended.
    n_revivals : int
        How often clusters that had lost their members, or merged with others, were given new ones.
    """

    labels: Labels
    beginning: tuple[dict[str, Tensor], Tensor]

    def __init__(
        self,
        network: nn.Module,
        centres: Tensor,
        scale: float,
        plan: DECConfig,
        batches: Batches,
        neighbourhood: Neighbourhood,
    ) -> None:
        self.network = network.eval()
        self.centres = nn.Parameter(centres.to(batches.device))
        self.scale, self.plan, self.batches = scale, plan, batches
        self.neighbourhood = neighbourhood
        self.history: list[Record] = []
        self.n_revivals = 0
        self.diverged = False
        trained = [p for p in network.parameters() if p.requires_grad]
        self._optimizer = torch.optim.Adam([*trained, self.centres], lr=plan.learning_rate)
        self._schedule = warm_cosine(self._optimizer, plan.max_iter)
        self._losses: list[Tensor] = []
        self._started = perf_counter()

    def run(self, on_target_update: Callable[[TargetUpdate], None] | None = None) -> Labels:
        """Train to the end; the labels of all samples by what was learned.

        Parameters
        ----------
        on_target_update : callable, optional
            Gets each `TargetUpdate`.
        """
        source = self.batches.forever()
        # While the steps are small, few labels can change.
        warm = WARM_UP * self.plan.max_iter
        for step in range(self.plan.max_iter + 1):
            last = step == self.plan.max_iter
            if last or step % self.plan.update_interval == 0:
                latents = encode_all(self.network, self.batches.samples, self.batches.device)
                if not bool(torch.isfinite(latents).all()):
                    self.diverged = True
                    break
                found = self._update_target(step, latents)
                if on_target_update is not None:
                    on_target_update(found)
                if last or (step >= warm and found.record["changed"] <= self.plan.tol):
                    break
            self._step(*next(source))
        return self.labels

    def evidence(self) -> Evidence:
        """How the end of a run compares with its beginning."""
        latents = encode_all(self.network, self.batches.samples, self.batches.device)
        after = Neighbourhood(latents.numpy(), seed=self.batches.seed)
        return Evidence.of(self.neighbourhood, after, self._first, self.labels)

    def go_back(self) -> None:
        """Network and centres as they were before the first step."""
        state, centres = self.beginning
        self.network.load_state_dict(state)
        with torch.no_grad():
            self.centres.copy_(centres)

    def _step(self, chosen: Tensor, views: Tensor) -> None:
        target = self._target[chosen].to(views.device)
        if self.plan.gamma is None:
            loss = clustering_loss(self._assign(encode(self.network, views)), target)
        else:
            latents, made = encode_and_decode(self.network, views)
            reconstruction = functional.mse_loss(made, views)
            self._losses.append(reconstruction.detach())
            divergence = clustering_loss(self._assign(latents), target)
            loss = reconstruction + self.plan.gamma * divergence
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self._schedule.step()

    def _assign(self, latents: Tensor) -> Tensor:
        return soft_assignment(latents / self.scale, self.centres, self.plan.degrees_of_freedom)

    def _update_target(self, step: int, latents: Tensor) -> TargetUpdate:
        """Look at all samples, bring empty clusters back, and set the next target."""
        labels = self._labels_of(latents)
        may_revive = self.plan.max_iter and self.n_revivals < _MOST_REVIVALS
        if may_revive and self._revive(latents, labels, seed=step):
            labels = self._labels_of(latents)
        assignment = self._assigned(latents)
        self._target = target_distribution(assignment)
        changed = float(np.mean(labels != self.labels)) if step else 1.0
        self.labels = labels
        if not step:
            self.beginning = copy.deepcopy(self.network.state_dict()), self.centres.detach().clone()
            self._first = labels
        self.history.append(self._record(step, assignment, changed))
        return TargetUpdate(self.history[-1], latents, labels)

    def _assigned(self, latents: Tensor) -> Tensor:
        points = latents.to(self.centres.device) / self.scale
        return assigned(points, self.centres, self.plan.degrees_of_freedom).cpu()

    def _labels_of(self, latents: Tensor) -> Labels:
        return self._assigned(latents).argmax(dim=1).numpy()

    def _revive(self, latents: Tensor, labels: Labels, *, seed: int) -> bool:
        """Give members to clusters that have none of their own; whether there were any."""
        points = (latents / self.scale).double().numpy()
        centres = self.centres.detach().cpu().double().numpy()
        own = absorbed(points, centres, labels)
        if n_live(own) == len(centres):
            return False
        places, _ = revived(points, centres, own, seed=seed)
        if np.array_equal(places, centres):
            return False
        with torch.no_grad():
            self.centres.copy_(torch.from_numpy(places).float())
        # The momentum was that of the centres that are gone.
        self._optimizer.state.pop(self.centres, None)
        self.n_revivals += 1
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
            "learning_rate": float(self._schedule.get_last_lr()[0]),
            "seconds": perf_counter() - self._started,
        }
        if self._losses:
            record["mse"] = float(torch.stack(self._losses).mean())
            self._losses = []
        return record
