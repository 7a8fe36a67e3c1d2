"""Convolutions with a stride, and their transposes, as processors compute them fast."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

__all__ = ["lifted", "transposed_convolution"]


def lifted(
    images: Tensor, filters: Tensor, bias: Tensor | None, *, stride: int, padding: int
) -> Tensor:
    """The same as `torch.nn.functional.conv2d`, up to the order of the sums, channels last.

    A convolution with a stride is one without it of the image's blocks of `stride` x `stride`
    pixels, whose pixels become channels. Of images with few channels torch would give the channels
    first, and copying them costs as much as the convolution.

    Parameters
    ----------
    images : Tensor (n, c, h, w)
        Whose padded sides are multiples of the stride.
    filters : Tensor (c_out, c, k, k)
        Of a side that is a multiple of the stride.
    bias : Tensor (c_out,) or None
    stride : int
        Step between samples in pixels.
    padding : int
        Pixels added on every side.

    Returns
    -------
    Tensor (n, c_out, h_out, w_out)
    """
    made, given, side, _ = filters.shape
    blocks = side // stride
    arranged = filters.view(made, given, blocks, stride, blocks, stride).permute(0, 1, 3, 5, 2, 4)
    arranged = arranged.reshape(made, given * stride**2, blocks, blocks)
    pixels = F.pixel_unshuffle(F.pad(images, (padding,) * 4), stride)
    return F.conv2d(pixels.contiguous(memory_format=torch.channels_last), arranged, bias)


def transposed_convolution(x: Tensor, filters: Tensor, *, stride: int, padding: int) -> Tensor:
    """The same as `torch.nn.functional.conv_transpose2d`, up to the order of the sums.

    Every pixel of `x` gives a window of the output: one matrix product makes all windows, and
    `torch.nn.functional.fold` adds them up where they overlap. Gradients are torch's own, and
    cannot be differentiated again.

    Parameters
    ----------
    x : Tensor (n, c, h, w)
        Fastest in channels-last order.
    filters : Tensor (c, c_out, k, k)
    stride : int
        Step between windows in pixels.
    padding : int
        Pixels that are cut off on every side.

    Returns
    -------
    Tensor (n, c_out, h_out, w_out)
    """
    if x.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
        return F.conv_transpose2d(x, filters, stride=stride, padding=padding)
    made: Tensor = _ByWindows.apply(x, filters, stride, padding)  # type: ignore[no-untyped-call]
    return made


class _ByWindows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, filters: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x, filters)
        ctx.stride, ctx.padding = stride, padding
        n, given, h, w = x.shape
        side = filters.shape[-1]
        pixels = x.permute(0, 2, 3, 1).reshape(n, h * w, given)
        windows = torch.matmul(filters.reshape(given, -1).T, pixels.transpose(1, 2))
        size = tuple((extent - 1) * stride - 2 * padding + side for extent in (h, w))
        return F.fold(windows, size, side, padding=padding, stride=stride)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, filters = ctx.saved_tensors
        step, rim = [ctx.stride] * 2, [ctx.padding] * 2
        wanted = [*ctx.needs_input_grad[:2], False]
        of_x, of_filters, _ = torch.ops.aten.convolution_backward(
            gradient, x, filters, None, step, rim, [1, 1], True, [0, 0], 1, wanted
        )
        return of_x, of_filters, None, None
