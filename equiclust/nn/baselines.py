"""The fully connected autoencoder of the first deep clustering papers."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.validation import check_whole

__all__ = [
    "BottleneckAutoencoder",
    "ConvolutionalAutoencoder",
    "ConvolutionalConfig",
    "DenseAutoencoder",
    "DenseConfig",
]


class BottleneckAutoencoder(nn.Module):
    """An encoder to a vector and a decoder that has nothing but the vector.

    Parameters
    ----------
    encoder, decoder : Module
        Images `(n, c, size, size)` to latents `(n, embedding_dim)`, and back.
    image_shape : tuple of int
        `(c, size, size)`.
    """

    def __init__(
        self, encoder: nn.Module, decoder: nn.Module, image_shape: tuple[int, int, int]
    ) -> None:
        super().__init__()
        self.image_shape = image_shape
        self.encoder = encoder
        self.decoder = decoder

    def encode(self, images: Tensor) -> Tensor:
        """Encode images.

        Parameters
        ----------
        images : Tensor (n, c, size, size)

        Returns
        -------
        Tensor (n, embedding_dim)
            Latents.

        Raises
        ------
        InputError
            When the images have another shape.
        """
        self._check(images)
        latents: Tensor = self.encoder(images)
        return latents

    def _check(self, images: Tensor) -> None:
        if images.ndim != 4 or tuple(images.shape[1:]) != self.image_shape:
            raise InputError(
                f"images must have shape (n, {', '.join(map(str, self.image_shape))}), got "
                f"{tuple(images.shape)}"
            )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Encode and reconstruct images.

        Parameters
        ----------
        images : Tensor (n, c, size, size)

        Returns
        -------
        latents : Tensor (n, embedding_dim)
        reconstructions : Tensor (n, c, size, size)
        """
        latents = self.encode(images)
        return latents, self.decoder(latents)


@checks_types
@dataclass(frozen=True)
class ConvolutionalConfig:
    """Architecture of a convolutional autoencoder.

    Parameters
    ----------
    size : int, default 32
        Side of the images in pixels, any.
    in_channels : int, default 1
        Channels of the images.
    embedding_dim : int, default 10
        Length of the latents.
    filters : tuple of int, default (32, 64, 128)
        Channels after each convolution, from the image inwards.
    kernel_sizes : tuple of int, default (5, 5, 3)
        Side of the filter of each convolution in pixels, odd.
    strides : tuple of int, default (2, 2, 2)
        Stride of each convolution.

    Raises
    ------
    InputError
        When a number is not a positive integer, a kernel is even, or the three tuples differ in
        length.

    Examples
    --------
    >>> from equiclust.nn import ConvolutionalConfig
    >>> ConvolutionalConfig(size=32).sides
    [32, 16, 8, 4]
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

    Examples
    --------
    >>> import torch
    >>> from equiclust.nn import ConvolutionalAutoencoder, ConvolutionalConfig
    >>> network = ConvolutionalAutoencoder(ConvolutionalConfig(size=32, embedding_dim=4))
    >>> latents, reconstructions = network(torch.rand(3, 1, 32, 32))
    >>> latents.shape, reconstructions.shape
    (torch.Size([3, 4]), torch.Size([3, 1, 32, 32]))
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


@checks_types
@dataclass(frozen=True)
class DenseConfig:
    """Architecture of a fully connected autoencoder.

    Parameters
    ----------
    size : int, default 32
        Side of the images in pixels.
    in_channels : int, default 1
        Channels of the images.
    embedding_dim : int, default 10
        Length of the latents.
    widths : tuple of int, default (500, 500, 2000)
        Units of the hidden layers, from the image inwards.

    Raises
    ------
    InputError
        When a number is not a positive integer.

    Examples
    --------
    >>> from equiclust.nn import DenseAutoencoder, DenseConfig
    >>> network = DenseAutoencoder(DenseConfig(size=16, embedding_dim=4, widths=(32, 16)))
    >>> sum(weights.numel() for weights in network.parameters())
    17892
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

    Examples
    --------
    >>> import torch
    >>> from equiclust.nn import DenseAutoencoder, DenseConfig
    >>> network = DenseAutoencoder(DenseConfig(size=16, embedding_dim=4, widths=(32, 16)))
    >>> latents, reconstructions = network(torch.rand(3, 1, 16, 16))
    >>> latents.shape, reconstructions.shape
    (torch.Size([3, 4]), torch.Size([3, 1, 16, 16]))
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
    """Linear layers of the given widths, with a ReLU after all but the last."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(sides):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return layers[:-1]
