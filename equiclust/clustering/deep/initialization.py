"""The first half of deep clustering: an autoencoder that reconstructs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from equiclust.autoencoder.augmentation import Augmentation
from equiclust.autoencoder.schedule import warm_cosine
from equiclust.clustering.deep.encoding import encode_and_decode
from equiclust.clustering.labels import kmeans_centres, within_cluster_variance
from equiclust.exceptions import InputError
from equiclust.nn.device import seeded

__all__ = ["Batches", "Init", "first_centres", "pretrain", "scale_of"]

Array = npt.NDArray[np.float64]
Init = Literal["k-means", "random"]

_N_STARTS = 20


def first_centres(
    points: Array, n_clusters: int, init: Init | npt.ArrayLike, *, seed: int
) -> Array:
    """Centres `(n_clusters, d)` by the best of twenty k-means, by samples drawn, or as given.

    Raises
    ------
    InputError
        When what is given has another shape or is not finite.
    """
    if isinstance(init, str) and init == "k-means":
        once = np.ones(len(points), dtype=np.int64)
        return kmeans_centres(points, once, n_clusters, n_init=_N_STARTS, seed=seed)
    if isinstance(init, str) and init == "random":
        drawn = np.random.default_rng(seed).choice(len(points), n_clusters, replace=False)
        return points[drawn]
    if isinstance(init, str):
        raise InputError(f"init must be 'k-means', 'random' or centres, got {init!r}")
    centres = np.asarray(init, dtype=np.float64)
    expected = (n_clusters, points.shape[1])
    if centres.shape != expected or not np.all(np.isfinite(centres)):
        raise InputError(f"init must be finite centres of shape {expected}, got {centres.shape}")
    return centres


def scale_of(points: Array, centres: Array) -> float:
    """Standard deviation of a coordinate within clusters; 1 where all samples lie on centres."""
    scale = float(np.sqrt(within_cluster_variance(points, centres)))
    return scale if scale > 1e-6 * max(float(np.abs(points).max()), 1e-30) else 1.0


_FEWEST_STEPS, _MOST_STEPS = 20, 140


@dataclass(frozen=True, eq=False)
class Batches:
    """Samples in batches, in a new order every epoch, as they are or as views of them.

    Parameters
    ----------
    samples : Tensor (n, ...)
    batch_size : int
    seed : int
        Decides order and views.
    device : torch.device
        Where the batches go.
    augmentation : Augmentation, optional
        For images `(n, c, h, w)`.
    """

    samples: Tensor
    batch_size: int
    seed: int
    device: torch.device
    augmentation: Augmentation | None = None

    @property
    def in_epoch(self) -> int:
        """Batches of an epoch; a last one that is not full waits for the next order."""
        return max(len(self.samples) // self.batch_size, 1)

    @property
    def between_looks(self) -> int:
        """Steps from one look at all samples to the next: an epoch, but from 20 to 140."""
        return min(max(self.in_epoch, _FEWEST_STEPS), _MOST_STEPS)

    def forever(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Places `(b,)` and views of batch after batch."""
        generator = torch.Generator().manual_seed(self.seed)
        while True:
            order = torch.randperm(len(self.samples), generator=generator)
            for place in range(self.in_epoch):
                chosen = order[place * self.batch_size : (place + 1) * self.batch_size]
                yield chosen, self._views(chosen, generator)

    def _views(self, chosen: Tensor, generator: torch.Generator) -> Tensor:
        samples = self.samples[chosen].to(self.device)
        if self.augmentation is None:
            return samples
        nothing = torch.zeros_like(samples[:, :1], dtype=torch.bool)
        return self.augmentation(samples, nothing, generator)[0]


def pretrain(
    network: nn.Module,
    batches: Batches,
    *,
    epochs: int,
    learning_rate: float,
    on_epoch: Callable[[dict[str, float]], None] | None = None,
) -> list[dict[str, float]]:
    """Train a network in place to reconstruct, by Adam; one record an epoch.

    Parameters
    ----------
    network : Module
        Gives latents and reconstructions.
    batches : Batches
    epochs : int
    learning_rate : float
        The highest.
    on_epoch : callable, optional
        Gets each record.

    Raises
    ------
    InputError
        When nothing in the network may be trained, or it does not reconstruct.
    """
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    if not trained:
        raise InputError("network must have parameters that require gradients to be pretrained")
    with seeded(batches.seed):
        return _pretrained(network.train(), trained, batches, epochs, learning_rate, on_epoch)


def _pretrained(
    network: nn.Module,
    trained: list[nn.Parameter],
    batches: Batches,
    epochs: int,
    learning_rate: float,
    on_epoch: Callable[[dict[str, float]], None] | None,
) -> list[dict[str, float]]:
    optimizer = torch.optim.Adam(trained, lr=learning_rate)
    steps = max(epochs * batches.in_epoch, 1)
    schedule = warm_cosine(optimizer, steps)
    source, history = batches.forever(), []
    for epoch in range(epochs):
        total = torch.zeros((), device=batches.device)
        for _ in range(batches.in_epoch):
            _, views = next(source)
            loss = functional.mse_loss(encode_and_decode(network, views)[1], views)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            total += loss.detach()
        history.append({"epoch": float(epoch), "mse": float(total) / batches.in_epoch})
        if on_epoch is not None:
            on_epoch(history[-1])
    return history
