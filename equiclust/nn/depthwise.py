"""Convolutions of every channel by its own filter, whose gradients processors compute fast."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from equiclust.typing import Array

__all__ = ["depthwise_convolution"]


def depthwise_convolution(x: Tensor, filters: Tensor, bias: Tensor | None) -> Tensor:
    """The same as `torch.nn.functional.conv2d` with zeros around the maps, whose size is kept.

    On a processor the gradient of the filters is computed in compiled loops, four times as fast as
    by torch; it cannot be differentiated again.

    Parameters
    ----------
    x : Tensor (n, c, h, w)
    filters : Tensor (c, 1, k, k)
        Of an odd side.
    bias : Tensor (c,) or None

    Returns
    -------
    Tensor (n, c, h, w)
    """
    if not _is_trained(x, filters):
        return _convolved(x, filters, bias)
    made: Tensor = _Depthwise.apply(x, filters)  # type: ignore[no-untyped-call]
    return made if bias is None else made + bias[:, None, None]


def _is_trained(x: Tensor, filters: Tensor) -> bool:
    """Whether gradients of float32 filters are wanted on a processor, by torch as it is."""
    return (
        torch.is_grad_enabled()
        and filters.requires_grad
        and x.device.type == "cpu"
        and x.dtype == filters.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
    )


def _convolved(x: Tensor, filters: Tensor, bias: Tensor | None) -> Tensor:
    return F.conv2d(x, filters, bias, padding=filters.shape[-1] // 2, groups=x.shape[1])


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, filters: Tensor) -> Tensor:
        ctx.save_for_backward(x, filters)
        return _convolved(x, filters, None)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, filters = ctx.saved_tensors
        of_x = None
        if ctx.needs_input_grad[0]:
            # A convolution by the filters turned around.
            of_x = _convolved(gradient, filters.flip(2, 3), None)
        return of_x, _of_filters(x, gradient, filters.shape[-1])


def _of_filters(x: Tensor, gradient: Tensor, side: int) -> Tensor:
    from equiclust.nn.fused.depthwise_gradient import depthwise_gradient

    found = depthwise_gradient(_channels_last(x), _channels_last(gradient), side)
    return torch.from_numpy(found).permute(2, 0, 1)[:, None]


def _channels_last(maps: Tensor) -> Array:
    array: Array = np.ascontiguousarray(maps.detach().permute(0, 2, 3, 1).numpy())
    return array
