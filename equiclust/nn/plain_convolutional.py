"""The plain convolutional autoencoder: strides down to a vector, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from equiclust.arguments import check_whole
from equiclust.exceptions import InputError
from equiclust.nn.plain import BottleneckAutoencoder

__all__ = ["ConvolutionalAutoencoder", "ConvolutionalConfig"]


@dataclass(frozen=True)
class ConvolutionalConfig:
    """Everything that shapes the network.

    Parameters
    ----------
    size : int
        Side of the images, any.
    in_channels : int
    embedding_dim : int
    filters, kernel_sizes, strides : tuple of int
        One number for each convolution, from the image inwards; kernels are odd.

    Raises
    ------
    InputError
        When a number is not a positive integer, a kernel is even, or the three are not as many.
    """

    size: int = 32
    in_channels: int = 1
    embedding_dim: int = 10
    filters: tuple[int, ...] = (32, 64, 128)
    kernel_sizes: tuple[int, ...] = (5, 5, 3)
    strides: tuple[int, ...] = (2, 2, 2)

    def __post_init__(self) -> None:
        for name in ("size", "in_channels", "embedding_dim"):
            check_whole(name, getattr(self, name))
        lists = {name: getattr(self, name) for name in ("filters", "kernel_sizes", "strides")}
        for name, values in lists.items():
            for value in values:
                check_whole(name, value)
        if not self.filters or len({len(values) for values in lists.values()}) > 1:
            raise InputError(
                "filters, kernel_sizes and strides must be as many as one another and at least "
                f"one, got {len(self.filters)}, {len(self.kernel_sizes)} and {len(self.strides)}"
            )
        for kernel in self.kernel_sizes:
            if kernel % 2 == 0:
                raise InputError(f"kernel_sizes must be odd, got {kernel}")

    @property
    def sides(self) -> list[int]:
        """Side of the image and of every map after it."""
        sides = [self.size]
        for stride in self.strides:
            sides.append(-(-sides[-1] // stride))
        return sides


class ConvolutionalAutoencoder(BottleneckAutoencoder):
    """Strided convolutions and one linear layer down to a vector, and their mirror image back.

    The network of DCEC (Guo et al. 2017, ICONIP). It knows of no rotation.

    Parameters
    ----------
    config : ConvolutionalConfig
    """

    def __init__(self, config: ConvolutionalConfig) -> None:
        channels = (config.in_channels, *config.filters)
        inner = (channels[-1], config.sides[-1], config.sides[-1])
        flat = inner[0] * inner[1] ** 2
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        steps = zip(config.kernel_sizes, config.strides, strict=True)
        for i, (kernel, stride) in enumerate(steps):
            before, after, side = channels[i], channels[i + 1], config.sides[i]
            down += [nn.Conv2d(before, after, kernel, stride, kernel // 2), nn.ReLU()]
            up += [nn.ReLU(), _Widening(after, before, kernel, stride, side)]
        super().__init__(
            nn.Sequential(*down, nn.Flatten(), nn.Linear(flat, config.embedding_dim)),
            nn.Sequential(
                nn.Linear(config.embedding_dim, flat), nn.Unflatten(1, inner), *_mirrored(up)
            ),
            (config.in_channels, config.size, config.size),
        )
        self.config = config


def _mirrored(steps: Sequence[nn.Module]) -> list[nn.Module]:
    """Pairs of activation and convolution in reverse order, each pair as it is."""
    pairs = [steps[i : i + 2] for i in range(0, len(steps), 2)]
    return [module for pair in reversed(pairs) for module in pair]


class _Widening(nn.ConvTranspose2d):
    """The transpose of a convolution that came from maps of a given side."""

    def __init__(self, before: int, after: int, kernel: int, stride: int, side: int) -> None:
        super().__init__(before, after, kernel, stride, kernel // 2)
        self.side = side

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        return super().forward(x, output_size=[self.side, self.side])
