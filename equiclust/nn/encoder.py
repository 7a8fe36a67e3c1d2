"""Images to an equivariant map."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from equiclust.exceptions import InputError
from equiclust.nn.blocks import FieldBatchNorm2d, SeparableBlock
from equiclust.nn.convolution import LiftingConv2d
from equiclust.nn.groups import Group
from equiclust.nn.resampling import BinomialBlur2d

__all__ = ["MAP_SIZE", "Encoder", "legal_size", "n_halvings"]

MAP_SIZE = 8
"""Side of the equivariant map in pixels."""

_SMALLEST_SIZE = 32
_STEM_KERNEL = 8
_BLUR_TAPS = 6


def legal_size(size: int) -> int:
    """Legal side of images nearest to a size, the larger one in a tie: 32, 64, 128, 256, ...

    Parameters
    ----------
    size : int
        Side in pixels.

    Returns
    -------
    int
        Side in pixels.
    """
    legal = _SMALLEST_SIZE
    while 2 * legal - size <= size - legal:
        legal *= 2
    return legal


def n_halvings(size: int) -> int:
    """Number of times an image is halved until it is a map of side `MAP_SIZE`.

    Parameters
    ----------
    size : int
        Side of the image in pixels.

    Returns
    -------
    int

    Raises
    ------
    InputError
        When no number of halvings leads to that side: the sampling grid could not stay centred.
    """
    if size < _SMALLEST_SIZE or legal_size(size) != size:
        raise InputError(
            f"size must be {_SMALLEST_SIZE} times a power of two for exact invariance, "
            f"got {size}; the nearest is {legal_size(size)}"
        )
    return (size // MAP_SIZE).bit_length() - 1


class Encoder(nn.Module):
    """Encoder from images `(n, c, size, size)` to fields `(n, fields[-1] * order, 8, 8)`.

    The image is halved twice at once, by the lifting convolution with an even kernel and by a
    blur, since everything that is done at full size is paid for `group.order` times. After that a
    separable block and a blur alternate until the map has its size.

    Parameters
    ----------
    group : Group
    in_channels : int
        Channels of the images.
    size : int
        Side of the images; see `legal_size`.
    fields : sequence of int
        Fields at each size, from half the image's side downwards; the last one is repeated.

    Examples
    --------
    >>> import torch
    >>> from equiclust.nn import Encoder, Group
    >>> encoder = Encoder(Group("D8"), in_channels=1, size=64, fields=(2, 4, 6))
    >>> encoder(torch.rand(3, 1, 64, 64)).shape
    torch.Size([3, 96, 8, 8])
    """

    def __init__(self, group: Group, in_channels: int, size: int, fields: Sequence[int]) -> None:
        super().__init__()
        widths = stage_widths(fields, n_halvings(size))
        self.stem = nn.Sequential(
            LiftingConv2d(group, in_channels, widths[0], _STEM_KERNEL, stride=2, bias=False),
            FieldBatchNorm2d(group, widths[0]),
            nn.GELU(),
        )
        stages: list[nn.Module] = []
        for width, following in itertools.pairwise(widths):
            stages += [BinomialBlur2d(_BLUR_TAPS), SeparableBlock(group, width, following)]
        self.stages = nn.Sequential(*stages)
        self.out_fields = widths[-1]

    def forward(self, images: Tensor) -> Tensor:
        """Encode images to an equivariant map.

        Parameters
        ----------
        images : Tensor (n, c, size, size)

        Returns
        -------
        Tensor
            Map, as described in the class.
        """
        # Separable convolutions are several times faster with the channels last, which the stem
        # gives on processors.
        fields = self.stem(images).contiguous(memory_format=torch.channels_last)
        encoded: Tensor = self.stages(fields)
        return encoded


def stage_widths(fields: Sequence[int], stages: int) -> tuple[int, ...]:
    """Fields of every stage: the last given number is repeated, what is too many left out."""
    given = tuple(fields)[:stages]
    return given + given[-1:] * (stages - len(given))
