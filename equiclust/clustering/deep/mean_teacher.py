"""A teacher network that follows its student, for self-labelling."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as functional
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from equiclust.clustering.deep.encoding import encode
from equiclust.nn.device import seeded
from equiclust.typing import Float64Array

__all__ = ["EncoderWithHead", "MeanTeacher", "fit_head"]

_HEAD_STEPS, _HEAD_LEARNING_RATE = 300, 1e-2
_CONSTANT = 1e-6
# Largest weight of a cluster in the loss, however rare it is in a batch.
_MAX_WEIGHT = 5.0


def fit_head(latents: Tensor, memberships: Float64Array, *, seed: int) -> nn.Linear:
    """A linear layer from latents to the logarithms of memberships, fitted by Adam.

    Parameters
    ----------
    latents : Tensor (n, d)
        Of all samples.
    memberships : ndarray (n, k)
        What the softmax of the layer is fitted to; rows sum to one.
    seed : int
        For the first weights.

    Returns
    -------
    Linear
        With `d` inputs and `k` outputs; a latent that is constant has weight 0.
    """
    spread = latents.std(dim=0).clamp(min=_CONSTANT)
    points, wanted = (latents - latents.mean(dim=0)) / spread, torch.from_numpy(memberships).float()
    with seeded(seed):
        head = nn.Linear(latents.shape[1], memberships.shape[1])
    optimizer = torch.optim.Adam(head.parameters(), lr=_HEAD_LEARNING_RATE)
    for _ in range(_HEAD_STEPS):
        loss = functional.cross_entropy(head(points), wanted)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        head.weight.div_(spread)
        # What a constant latent has learned is noise.
        head.weight[:, latents.std(dim=0) <= _CONSTANT] = 0.0
        head.bias.sub_(head.weight @ latents.mean(dim=0))
    return head


class EncoderWithHead(nn.Module):
    """An encoder and a linear layer from its latents to the clusters.

    Parameters
    ----------
    network : Module
        Images `(n, c, h, w)` to latents `(n, d)`.
    head : Linear
        Latents to logits `(n, k)`.
    """

    def __init__(self, network: nn.Module, head: nn.Linear) -> None:
        super().__init__()
        self.network = network
        self.head = head

    def forward(self, images: Tensor) -> Tensor:
        """Logits `(n, k)` of images.

        Parameters
        ----------
        images : Tensor (n, c, h, w)
            As the network takes them.
        """
        logits: Tensor = self.head(encode(self.network, images))
        return logits


class MeanTeacher:
    """Encoder and head twice: the student is trained, the teacher is its running mean.

    Tarvainen, A. & Valpola, H. 2017, "Mean teachers are better role models", NeurIPS,
    arXiv:1703.01780.

    Parameters
    ----------
    network : Module
        The student's encoder; it stays in evaluation mode.
    head : Linear
        From its latents to the clusters.
    threshold : float
        Least membership, 0 to 1, of a label of the teacher that the student learns.
    momentum : float
        Share of the teacher, 0 to 1, that stays at each step.
    """

    def __init__(
        self, network: nn.Module, head: nn.Linear, *, threshold: float, momentum: float
    ) -> None:
        self.student = EncoderWithHead(network, head).eval()
        self.threshold = threshold
        average = get_ema_multi_avg_fn(momentum)  # type: ignore[no-untyped-call]
        self._average = AveragedModel(self.student, multi_avg_fn=average)
        # The first update copies the student, from which the teacher does not differ yet.
        self._average.update_parameters(self.student)

    @property
    def teacher(self) -> EncoderWithHead:
        """The running mean of the student."""
        return cast(EncoderWithHead, self._average.module)

    def loss(self, images: Tensor, views: Tensor) -> Tensor | None:
        """Cross-entropy of the student on views, by the teacher's labels of the images.

        Parameters
        ----------
        images, views : Tensor (b, c, h, w)
            Images, and an augmented view of each.

        Returns
        -------
        Tensor () or None
            None where the teacher is certain of no image.
        """
        with torch.no_grad():
            certainty, labels = self.teacher(images).softmax(dim=1).max(dim=1)
        weights = self._weights(certainty >= self.threshold, labels)
        if not bool(weights.any()):
            return None
        losses = functional.cross_entropy(self.student(views), labels, reduction="none")
        return (losses * weights).sum() / weights.sum()

    def update_teacher(self) -> None:
        """Move the teacher towards the student, after a step of the latter."""
        self._average.update_parameters(self.student)

    def _weights(self, certain: Tensor, labels: Tensor) -> Tensor:
        """One over the number of certain images of the same cluster; 0 for uncertain images."""
        n_clusters = self.student.head.out_features
        counts = torch.bincount(labels[certain], minlength=n_clusters)
        balanced = certain.sum() / (n_clusters * counts.clamp(min=1))
        return balanced.clamp(max=_MAX_WEIGHT)[labels] * certain
