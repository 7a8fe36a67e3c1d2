"""A small AlexNet, whose weights come with equiclust: it learned AlexNet's features of textures.

How it learned them, from images made by rules, is in `equiclust.encoders.distillation`.
"""

from __future__ import annotations

import torch.nn.functional as functional
from torch import Tensor, nn

__all__ = ["SmallAlexNet"]

_WIDTHS = (40, 112, 192, 160, 256)


class SmallAlexNet(nn.Module):
    """The convolutions of AlexNet (Krizhevsky et al. 2012) with two fifths of its weights.

    Filters and strides are AlexNet's, so that it sees the same part of an image, and its last
    convolution has as many channels. It knows no colours.
    """

    def __init__(self) -> None:
        super().__init__()
        first, second, third, fourth, fifth = _WIDTHS
        self.conv1 = nn.Conv2d(1, first, 11, stride=4, padding=2)
        self.conv2 = nn.Conv2d(first, second, 5, padding=2)
        self.conv3 = nn.Conv2d(second, third, 3, padding=1)
        self.conv4 = nn.Conv2d(third, fourth, 3, padding=1)
        self.conv5 = nn.Conv2d(fourth, fifth, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """Features of images.

        Parameters
        ----------
        images : Tensor (n, c, h, w)
            Less 0.45, over 0.22. Of several channels the mean is taken.

        Returns
        -------
        Tensor (n, 256, h / 16, w / 16)
            As AlexNet's fifth convolution gives them, before its ReLU.
        """
        grey = images.mean(dim=1, keepdim=True)
        x = functional.max_pool2d(functional.relu(self.conv1(grey)), 3, stride=2)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 3, stride=2)
        x = functional.relu(self.conv4(functional.relu(self.conv3(x))))
        features: Tensor = self.conv5(x)
        return features
