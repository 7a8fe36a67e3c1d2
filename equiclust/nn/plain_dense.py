"""The fully connected autoencoder of the first deep clustering papers."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from equiclust.arguments import check_whole
from equiclust.nn.plain import BottleneckAutoencoder

__all__ = ["DenseAutoencoder", "DenseConfig"]


@dataclass(frozen=True)
class DenseConfig:
    """Everything that shapes the network.

    Parameters
    ----------
    size : int
        Side of the images.
    in_channels : int
    embedding_dim : int
    widths : tuple of int
        Of the hidden layers, from the image inwards.

    Raises
    ------
    InputError
        When a number is not a positive integer.
    """

    size: int = 32
    in_channels: int = 1
    embedding_dim: int = 10
    widths: tuple[int, ...] = (500, 500, 2000)

    def __post_init__(self) -> None:
        for name in ("size", "in_channels", "embedding_dim"):
            check_whole(name, getattr(self, name))
        for width in self.widths:
            check_whole("widths", width)


class DenseAutoencoder(BottleneckAutoencoder):
    """Fully connected layers down to a vector and back, ReLU between them.

    The network of DEC (Xie, Girshick & Farhadi 2016) and IDEC (Guo et al. 2017), trained as a whole
    and not layer by layer.

    Parameters
    ----------
    config : DenseConfig
    """

    def __init__(self, config: DenseConfig) -> None:
        shape = (config.in_channels, config.size, config.size)
        n_pixels = config.in_channels * config.size**2
        sides = (n_pixels, *config.widths, config.embedding_dim)
        super().__init__(
            nn.Sequential(nn.Flatten(), *_layers(sides)),
            nn.Sequential(*_layers(sides[::-1]), nn.Unflatten(1, shape)),
            shape,
        )
        self.config = config


def _layers(sides: Sequence[int]) -> list[nn.Module]:
    """Linear layers between so many numbers, ReLU after all but the last."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(sides):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return layers[:-1]
