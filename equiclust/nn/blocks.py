"""The steps that encoder and decoder are made of."""

from __future__ import annotations

from torch import Tensor, nn

from equiclust.nn.convolution import DepthwiseGroupConv2d, PointwiseGroupConv2d
from equiclust.nn.groups import Group
from equiclust.nn.normalization import FieldBatchNorm2d

__all__ = ["SeparableBlock"]


class SeparableBlock(nn.Module):
    """`y = gelu(norm(pointwise(depthwise(x))))`, plus `x` where the fields stay as many.

    The separable convolution of Chollet (2017, arXiv:1610.02357) carried over to group
    convolutions: a turned filter for every channel, then a mixing of fields and orientations at
    every pixel. It costs a small part of the full group convolution and is as exact.

    Parameters
    ----------
    group : Group
    in_fields, out_fields : int
    kernel_size : int, optional
        Side of the depthwise filter, odd.
    """

    def __init__(
        self, group: Group, in_fields: int, out_fields: int, *, kernel_size: int = 5
    ) -> None:
        super().__init__()
        self.depthwise = DepthwiseGroupConv2d(group, in_fields, kernel_size)
        self.pointwise = PointwiseGroupConv2d(group, in_fields, out_fields, bias=False)
        self.norm = FieldBatchNorm2d(group, out_fields)
        self.activation = nn.GELU()
        self.residual = in_fields == out_fields

    def forward(self, x: Tensor) -> Tensor:
        """From `(n, in_fields * order, h, w)` to `(n, out_fields * order, h, w)`."""
        y: Tensor = self.activation(self.norm(self.pointwise(self.depthwise(x))))
        return x + y if self.residual else y
