"""An equivariant map to images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from equiclust.nn.blocks import SeparableBlock
from equiclust.nn.convolution import LiftingConv2d, PointwiseGroupConv2d
from equiclust.nn.encoder import n_halvings, stage_widths
from equiclust.nn.groups import Group
from equiclust.nn.resampling import CenteredUpsample2d
from equiclust.nn.strided import transposed_convolution

__all__ = ["DETAIL_SIZE", "Decoder", "DetailCode"]

DETAIL_SIZE = 16
"""Side of the code in windows."""

_INITIAL_CONTRAST = 0.1


class DetailCode(nn.Module):
    """Images `(n, c, size, size)` to fields `(n, fields * order, 16, 16)` and back, both linear.

    Every window is twice as wide as the step between windows, as in the lapped transforms of image
    coding (Malvar & Staelin 1989, IEEE Trans. ASSP 37, 553), and is seen by filters that turn with
    the group. The windows lie centred on the image, so quarter turns and mirrors are exact.

    Parameters
    ----------
    group : Group
    channels : int
        Of the images.
    fields : int
    size : int
        Side of the images, 32 times a power of two.
    """

    def __init__(self, group: Group, channels: int, fields: int, size: int) -> None:
        super().__init__()
        self.step = size // DETAIL_SIZE
        self.analysis = LiftingConv2d(group, channels, fields, 2 * self.step, bias=False)
        self.synthesis = LiftingConv2d(group, channels, fields, 2 * self.step, bias=False)
        with torch.no_grad():
            self.synthesis.weight.mul_(_INITIAL_CONTRAST)

    def encode(self, images: Tensor) -> Tensor:
        """Encode images to their detail code.

        Parameters
        ----------
        images : Tensor (n, c, size, size)

        Returns
        -------
        Tensor
            Code, as described in the class.
        """
        filters = self.analysis.expanded()[0]
        return functional.conv2d(images, filters, stride=self.step, padding=self.step // 2)

    def decode(self, code: Tensor) -> Tensor:
        """Decode a code to a map for the decoder.

        Parameters
        ----------
        code : Tensor
            From `encode`.

        Returns
        -------
        Tensor
            Feature map, as described in the class.
        """
        filters = self.synthesis.expanded()[0]
        return transposed_convolution(code, filters, stride=self.step, padding=self.step // 2)


_LAST_KERNEL = 6
_LAST_FIELDS = 4


class Decoder(nn.Module):
    """Decoder from fields `(n, in_fields * order, 8, 8)` to images `(n, c, size, size)`.

    Separable blocks and doublings alternate up to a quarter of the image's side; there the fields
    are reduced to a few and doubled once more. After the first doubling the detail joins in, so
    that the blocks may make more of it than a linear code can. The last doubling is the transpose
    of a lifting convolution with stride 2, as exact as the convolution itself.

    Parameters
    ----------
    group : Group
    in_fields : int
        Fields of the map.
    detail_fields : int
        Fields of the detail, of twice the side, `(n, detail_fields * order, 16, 16)`.
    out_channels : int
        Channels of the images.
    size : int
        Side of the images.
    fields : sequence of int
        As for the `Encoder`; taken from the end.

    Examples
    --------
    >>> import torch
    >>> from equiclust.nn import Decoder, Group
    >>> decoder = Decoder(
    ...     Group("D4"), in_fields=2, detail_fields=1, out_channels=1, size=64, fields=(2, 4, 6)
    ... )
    >>> decoder(torch.rand(3, 2 * 8, 8, 8), torch.rand(3, 8, 16, 16)).shape
    torch.Size([3, 1, 64, 64])
    """

    def __init__(
        self,
        group: Group,
        in_fields: int,
        detail_fields: int,
        out_channels: int,
        size: int,
        fields: Sequence[int],
    ) -> None:
        super().__init__()
        widths = stage_widths(fields, n_halvings(size))[:0:-1]
        stages: list[nn.Module] = [PointwiseGroupConv2d(group, in_fields, widths[0]), nn.GELU()]
        for i, (width, following) in enumerate(zip(widths, (*widths[1:], widths[-1]), strict=True)):
            stages += [CenteredUpsample2d()] if i else []
            stages += [SeparableBlock(group, width, following)]
        stages += [PointwiseGroupConv2d(group, widths[-1], _LAST_FIELDS), CenteredUpsample2d()]
        after = 1 + next(i for i, s in enumerate(stages) if isinstance(s, CenteredUpsample2d))
        self.coarse = nn.Sequential(*stages[:after])
        self.join = PointwiseGroupConv2d(group, detail_fields, (*widths, _LAST_FIELDS)[1])
        self.fine = nn.Sequential(*stages[after:], nn.GELU())
        self.last = LiftingConv2d(
            group, out_channels, _LAST_FIELDS, _LAST_KERNEL, stride=2, bias=False
        )
        self.level = nn.Parameter(torch.zeros(out_channels, 1, 1))
        with torch.no_grad():
            # Begin near a uniform image, not with noise far beyond the range of the images.
            self.last.weight.mul_(_INITIAL_CONTRAST)

    def forward(self, encoded: Tensor, detail: Tensor) -> Tensor:
        """Decode both maps to images.

        Parameters
        ----------
        encoded : Tensor
            Equivariant map of the encoder, as described in the class.
        detail : Tensor
            Map of the detail code, as described in the class.

        Returns
        -------
        Tensor (n, c, size, size)
            Images.
        """
        fields = self.coarse(encoded.contiguous(memory_format=torch.channels_last))
        fields = self.fine(fields + self.join(detail))
        filters, _, stride, padding, _ = self.last.expanded()
        made = transposed_convolution(fields, filters, stride=stride, padding=padding)
        return made + self.level
