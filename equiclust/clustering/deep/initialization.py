"""What deep clustering begins with: a network that reconstructs, and the first centres."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from equiclust.clustering.deep.encoding import encode_and_decode
from equiclust.clustering.deep.training_loop import Batches, TrainingLoop
from equiclust.clustering.labels import kmeans_centres, within_cluster_variance
from equiclust.exceptions import InputError
from equiclust.nn.device import seeded
from equiclust.typing import Float64Array

__all__ = ["Init", "first_centres", "latent_scale", "pretrain"]

Init = Literal["k-means", "random"]

_N_INIT = 20


def pretrain(
    network: nn.Module,
    batches: Batches,
    *,
    epochs: int,
    learning_rate: float,
    on_epoch: Callable[[dict[str, float]], None] | None = None,
) -> list[dict[str, float]]:
    """Train a network in place to reconstruct the samples.

    Parameters
    ----------
    network : Module
        Returns a pair of latents and reconstructions.
    batches : Batches
        What it is trained on.
    epochs : int
        Passes over the samples, at least 1.
    learning_rate : float
        The highest learning rate.
    on_epoch : callable, optional
        Called with each record.

    Returns
    -------
    list of dict
        One record for each epoch: `epoch`, from 0, and `mse`, the mean squared error.

    Raises
    ------
    InputError
        When no parameter of the network requires gradients, or it does not reconstruct.
    """
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise InputError("network must have parameters that require gradients to be pretrained")
    with seeded(batches.seed):
        return _pretrain(network.train(), batches, epochs, learning_rate, on_epoch)


def _pretrain(
    network: nn.Module,
    batches: Batches,
    epochs: int,
    learning_rate: float,
    on_epoch: Callable[[dict[str, float]], None] | None,
) -> list[dict[str, float]]:
    per_epoch = batches.per_epoch
    total = torch.zeros((), device=batches.device)
    history: list[dict[str, float]] = []

    def loss(_: Tensor, views: Tensor) -> Tensor:
        error = functional.mse_loss(encode_and_decode(network, views)[1], views)
        total.add_(error.detach())
        return error

    def evaluate(step: int) -> bool:
        if step:
            epoch = step // per_epoch - 1
            history.append({"epoch": float(epoch), "mse": float(total) / per_epoch})
            total.zero_()
            if on_epoch is not None:
                on_epoch(history[-1])
        return False

    loop = TrainingLoop(
        network.parameters(), batches, max_iter=epochs * per_epoch, learning_rate=learning_rate
    )
    loop.run(loss, evaluate, interval=per_epoch)
    return history


def first_centres(
    points: Float64Array, n_clusters: int, init: Init | npt.ArrayLike, *, seed: int
) -> Float64Array:
    """Centres to begin with.

    Parameters
    ----------
    points : ndarray (n, d)
        Latents.
    n_clusters : int
        Number of centres.
    init : {"k-means", "random"} or array-like (n_clusters, d)
        The best of twenty runs of k-means, samples drawn at random, or the centres themselves.
    seed : int
        For k-means and the draw.

    Returns
    -------
    ndarray (n_clusters, d)

    Raises
    ------
    InputError
        When `init` is another word, or centres of another shape, or not finite.
    """
    if isinstance(init, str) and init == "k-means":
        counts = np.ones(len(points), dtype=np.int64)
        return kmeans_centres(points, counts, n_clusters, n_init=_N_INIT, seed=seed)
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


def latent_scale(points: Float64Array, centres: Float64Array) -> float:
    """Standard deviation of a coordinate within clusters.

    Parameters
    ----------
    points : ndarray (n, d)
        Latents.
    centres : ndarray (k, d)
        Cluster centres.

    Returns
    -------
    float
        1 where all samples lie on centres.
    """
    scale = float(np.sqrt(within_cluster_variance(points, centres)))
    return scale if scale > 1e-6 * max(float(np.abs(points).max()), 1e-30) else 1.0
