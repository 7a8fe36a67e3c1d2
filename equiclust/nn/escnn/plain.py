"""What networks of escnn consist of besides our layers, in plain torch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["FieldMax", "Fixed", "Mask", "Reorder"]


class Fixed(nn.Module):
    """A module that training leaves alone: no parameters, always in evaluation mode.

    Its weights are an expansion in equivariant filters whose coefficients are not kept, so any
    step of an optimiser would lead out of their span, and the invariance would be lost.

    Parameters
    ----------
    module : torch.nn.Module
        Its parameters become buffers.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        for part in module.modules():
            for name, parameter in list(part.named_parameters(recurse=False)):
                delattr(part, name)
                part.register_buffer(name, parameter.detach().clone())
        self.module = module.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Apply the module.

        Parameters
        ----------
        x : Tensor (n, c, h, w)

        Returns
        -------
        Tensor
        """
        y: Tensor = self.module(x)
        return y

    def train(self, mode: bool = True) -> Fixed:
        """Set the mode of this wrapper; the module stays in evaluation mode."""
        super().train(mode)
        self.module.eval()
        return self


class FieldMax(nn.Module):
    """Largest channel of every field, as `escnn.nn.GroupPooling` takes it.

    Parameters
    ----------
    sizes : sequence of int
        Channels of every field.
    """

    channels: Tensor

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        largest, first = max(sizes), 0
        channels = []
        for size in sizes:
            # A shorter field repeats its first channel.
            channels.append([first + (k if k < size else 0) for k in range(largest)])
            first += size
        self.register_buffer("channels", torch.tensor(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Pool fields.

        Parameters
        ----------
        x : Tensor (n, channels, h, w)

        Returns
        -------
        Tensor (n, fields, h, w)
        """
        chosen = x.index_select(1, self.channels.flatten())
        by_field = chosen.reshape(x.shape[0], *self.channels.shape, *x.shape[2:])
        return by_field.max(2).values


class Mask(nn.Module):
    """Multiply feature maps by a fixed image, as `escnn.nn.MaskModule` does.

    Parameters
    ----------
    mask : Tensor (1, 1, size, size)
    """

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """Multiply feature maps.

        Parameters
        ----------
        x : Tensor (n, c, size, size)

        Returns
        -------
        Tensor (n, c, size, size)
        """
        return x * self.mask


class Reorder(nn.Module):
    """Channels in another order, as `escnn.nn.ReshuffleModule` puts them.

    Parameters
    ----------
    indices : Tensor (channels,)
        Which channel comes where.
    """

    indices: Tensor

    def __init__(self, indices: Tensor) -> None:
        super().__init__()
        self.register_buffer("indices", indices.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """Reorder channels.

        Parameters
        ----------
        x : Tensor (n, channels, h, w)

        Returns
        -------
        Tensor (n, channels, h, w)
        """
        return x.index_select(1, self.indices)
