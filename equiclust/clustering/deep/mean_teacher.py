"""A teacher that follows its student: one step of self-labelling."""

from __future__ import annotations

import copy

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from equiclust.autoencoder.schedule import warm_cosine
from equiclust.clustering.deep.encoding import encode
from equiclust.nn.device import seeded

__all__ = ["EncoderWithHead", "MeanTeacher", "fitted_head"]

_HEAD_STEPS, _HEAD_RATE = 300, 1e-2
_CONSTANT = 1e-6
# No cluster counts more than so many times its share, however rare it is in a batch.
_MOST_WEIGHT = 5.0


def fitted_head(latents: Tensor, shares: npt.NDArray[np.float64], *, seed: int) -> nn.Linear:
    """A linear layer from latents `(n, d)` to the logarithms of memberships `(n, k)`."""
    spread = latents.std(dim=0).clamp(min=_CONSTANT)
    points, wanted = (latents - latents.mean(dim=0)) / spread, torch.from_numpy(shares).float()
    with seeded(seed):
        head = nn.Linear(latents.shape[1], shares.shape[1])
    optimizer = torch.optim.Adam(head.parameters(), lr=_HEAD_RATE)
    for _ in range(_HEAD_STEPS):
        loss = functional.cross_entropy(head(points), wanted)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        head.weight.div_(spread)
        # A latent that never changes has taught nothing.
        head.weight[:, latents.std(dim=0) <= _CONSTANT] = 0.0
        head.bias.sub_(head.weight @ latents.mean(dim=0))
    return head


class EncoderWithHead(nn.Module):
    """An encoder and a linear layer from its latents to the clusters.

    Parameters
    ----------
    network : Module
    head : Linear
    """

    def __init__(self, network: nn.Module, head: nn.Linear) -> None:
        super().__init__()
        self.network = network
        self.head = head

    def forward(self, images: Tensor) -> Tensor:
        """Logits `(n, n_clusters)`."""
        logits: Tensor = self.head(encode(self.network, images))
        return logits


class MeanTeacher:
    """Encoder and head twice: the student learns, the teacher is its running mean.

    Parameters
    ----------
    network : Module
        The student's encoder; it stays in evaluation mode.
    head : Linear
        From its latents to the clusters.
    threshold : float
        Least membership with which the teacher is sure.
    momentum : float
        Share of the teacher that stays at each step.
    learning_rate : float
        The highest.
    steps : int
        Length of the training.
    """

    def __init__(
        self,
        network: nn.Module,
        head: nn.Linear,
        *,
        threshold: float,
        momentum: float,
        learning_rate: float,
        steps: int,
    ) -> None:
        self.student = EncoderWithHead(network, head).eval()
        self.teacher = copy.deepcopy(self.student)
        self.threshold, self.momentum = threshold, momentum
        trained = [p for p in self.student.parameters() if p.requires_grad]
        self._optimizer = torch.optim.Adam(trained, lr=learning_rate)
        self._schedule = warm_cosine(self._optimizer, steps)

    def learn(self, images: Tensor, views: Tensor) -> None:
        """One step: the teacher sees the images, the student views of them."""
        with torch.no_grad():
            certainty, labels = self.teacher(images).softmax(dim=1).max(dim=1)
        weights = self._weights(certainty >= self.threshold, labels)
        self._optimizer.zero_grad(set_to_none=True)
        if bool(weights.any()):
            losses = functional.cross_entropy(self.student(views), labels, reduction="none")
            loss = (losses * weights).sum() / weights.sum()
            loss.backward()  # type: ignore[no-untyped-call]
        # Where the teacher is sure of nothing, nothing has a gradient and nothing moves.
        self._optimizer.step()
        self._schedule.step()
        with torch.no_grad():
            pairs = zip(self.teacher.parameters(), self.student.parameters(), strict=True)
            for slow, fast in pairs:
                slow.lerp_(fast, 1.0 - self.momentum)

    def _weights(self, sure: Tensor, labels: Tensor) -> Tensor:
        """Of each image: one over how many of its cluster are sure, and nothing for the unsure."""
        n_clusters = self.student.head.out_features
        counts = torch.bincount(labels[sure], minlength=n_clusters)
        fair = sure.sum() / (n_clusters * counts.clamp(min=1))
        return fair.clamp(max=_MOST_WEIGHT)[labels] * sure
