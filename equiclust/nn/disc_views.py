"""A small AlexNet with a linear layer that was learned from pairs of views of simulated discs.

How it was learned is in `equiclust.encoders.distillation.make_disc_views`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from equiclust.nn.small_alexnet import SmallAlexNet

__all__ = ["N_AXES", "DiscViews"]

N_AXES = 24
"""Length of a vector."""

_N_FEATURES = 512


class DiscViews(SmallAlexNet):
    """Vectors that views of one disc share, from the features of a `SmallAlexNet`.

    Each number is in units of its standard deviation between two views of the same disc, face-on
    and at one size, through other beams and in other noise. No class of discs was looked at.
    """

    def __init__(self) -> None:
        super().__init__()
        self.axes = nn.Linear(_N_FEATURES, N_AXES)

    def forward(self, images: Tensor) -> Tensor:
        """Vectors of images.

        Parameters
        ----------
        images : Tensor (n, c, h, w)
            Less 0.45, over 0.22. Of several channels the mean is taken.

        Returns
        -------
        Tensor (n, 24)
            Of mean and maximum over the positions of the features.
        """
        features = super().forward(images)
        pooled = torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], dim=1)
        vectors: Tensor = self.axes(pooled)
        return vectors
