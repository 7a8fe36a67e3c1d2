"""The steps that encoder and decoder are made of."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from equiclust.nn.convolution import DepthwiseGroupConv2d, PointwiseGroupConv2d
from equiclust.nn.field_norm import normalize_fields
from equiclust.nn.groups import Group, check_channels, check_group
from equiclust.validation import check_whole

__all__ = ["FieldBatchNorm2d", "ScaleShift", "SeparableBlock"]


class ScaleShift(NamedTuple):
    """`y = scale * x + shift` for every channel.

    Attributes
    ----------
    scale, shift : Tensor (channels,)
    """

    scale: Tensor
    shift: Tensor


class FieldBatchNorm2d(nn.Module):
    """Batch normalisation with one mean, variance, scale and shift for each field.

    The statistics are over batch, group and space. Rotating the image only moves values within a
    field, so they do not change. The same as escnn's `InnerBatchNorm` on regular fields.

    Parameters
    ----------
    group : Group
        Group of the fields.
    fields : int
        Number of fields, `group.order` channels each.
    eps : float, default 1e-5
        Added to the variance.
    momentum : float, default 0.1
        Weight of the new batch in the running statistics.

    Raises
    ------
    InputError
        When `fields` is not a positive integer.

    Examples
    --------
    >>> import torch
    >>> from equiclust.nn import FieldBatchNorm2d, Group
    >>> norm = FieldBatchNorm2d(Group("C4"), fields=2)
    >>> x = norm(3.0 + torch.rand(8, 2 * 4, 16, 16))
    >>> x.shape, abs(x.mean().item()) < 1e-4
    (torch.Size([8, 8, 16, 16]), True)
    """

    def __init__(
        self, group: Group, fields: int, *, eps: float = 1e-5, momentum: float = 0.1
    ) -> None:
        super().__init__()
        check_group(group)
        check_whole("fields", fields)
        self.group = group
        # A part, not a base class: `convert_sync_batchnorm` can then replace it.
        self.norm = nn.BatchNorm1d(fields, eps=eps, momentum=momentum)

    @property
    def fields(self) -> int:
        """Number of fields."""
        return self.norm.num_features

    def expanded_scale_shift(self) -> ScaleShift:
        """Scale and shift of every channel in evaluation mode, `(fields * order,)` each."""
        mean, variance, weight, bias = self._expanded()
        scale = weight / torch.sqrt(variance + self.norm.eps)
        return ScaleShift(scale, bias - mean * scale)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise feature maps.

        Parameters
        ----------
        x : Tensor (n, fields * order, h, w)
            Contiguous or channels last; not copied.

        Returns
        -------
        Tensor (n, fields * order, h, w)

        Raises
        ------
        InputError
            When the channels do not fit.
        """
        check_channels(x, self.fields * self.group.order)
        if not self.training:
            return F.batch_norm(x, *self._expanded(), training=False, eps=self.norm.eps)
        n, _, h, w = x.shape
        if x.is_contiguous():
            by_field = x.view(n, self.fields, self.group.order * h * w)
            return self._normalised(by_field).view_as(x)
        if self._has_fast_kernels(x):
            return self._normalised_on_cpu(x)
        by_pixel = x.permute(0, 2, 3, 1).reshape(n * h * w, self.fields, self.group.order)
        return self._normalised(by_pixel).view(n, h, w, -1).permute(0, 3, 1, 2)

    def extra_repr(self) -> str:
        """Group and number of fields."""
        return f"{self.group.name}, {self.fields}"

    def _has_fast_kernels(self, x: Tensor) -> bool:
        plain = type(self.norm) is nn.BatchNorm1d and x.dtype == self.norm.weight.dtype
        return plain and x.device.type == "cpu" and x.numel() > self.fields

    def _normalised_on_cpu(self, x: Tensor) -> Tensor:
        norm, order = self.norm, self.group.order
        normalised, mean, variance = normalize_fields(
            x, norm.weight, norm.bias, order=order, eps=norm.eps
        )
        self._follow(mean, variance, count=x.numel() // len(mean))
        return normalised

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor, *, count: int) -> None:
        """Move the running statistics towards those of a batch, as `torch.nn.BatchNorm1d` does."""
        norm = self.norm
        known = cast(Tensor, norm.num_batches_tracked).add_(1)
        share = 1.0 / float(known) if norm.momentum is None else norm.momentum
        cast(Tensor, norm.running_mean).lerp_(mean, share)
        cast(Tensor, norm.running_var).lerp_(variance * (count / (count - 1)), share)

    def _normalised(self, x: Tensor) -> Tensor:
        normalised: Tensor = self.norm(x)
        return normalised

    def _expanded(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Running mean and variance, weight and bias, of every channel."""
        norm = self.norm
        mean, variance, weight, bias = (
            cast(Tensor, values).unsqueeze(1).expand(-1, self.group.order).flatten()
            for values in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
        )
        return mean, variance, weight, bias


class SeparableBlock(nn.Module):
    """Separable convolution, `y = gelu(norm(pointwise(depthwise(x))))`, plus `x` if it fits.

    The separable convolution of Chollet (2017, arXiv:1610.02357) carried over to group
    convolutions: a rotated filter for every channel, then a mixing of fields and orientations at
    every pixel. It costs a small part of the full group convolution and is as exact. The input is
    added where there are as many fields after it as before.

    Parameters
    ----------
    group : Group
    in_fields, out_fields : int
    kernel_size : int, default 5
        Side of the depthwise filter, odd.

    Examples
    --------
    >>> import torch
    >>> from equiclust.nn import Group, SeparableBlock
    >>> block = SeparableBlock(Group("D4"), in_fields=2, out_fields=3)
    >>> block(torch.rand(1, 2 * 8, 16, 16)).shape
    torch.Size([1, 24, 16, 16])
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
        """Apply the block.

        Parameters
        ----------
        x : Tensor (n, in_fields * order, h, w)

        Returns
        -------
        Tensor (n, out_fields * order, h, w)
        """
        y: Tensor = self.activation(self.norm(self.pointwise(self.depthwise(x))))
        return x + y if self.residual else y
