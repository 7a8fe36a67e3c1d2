"""Normalisation of fields with the channels last, by the fast kernels that torch has for them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

__all__ = ["normalize_fields"]


def normalize_fields(
    x: Tensor, weight: Tensor, bias: Tensor, *, order: int, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """`y = (x - m) / sqrt(v + eps) * weight + bias`, by the mean and variance of every field.

    The gradient is that of batch normalisation (Ioffe & Szegedy 2015, arXiv:1502.03167). It cannot
    be differentiated again.

    Parameters
    ----------
    x : Tensor (n, fields * order, h, w)
        On the CPU.
    weight, bias : Tensor (fields,)
        Of the same type.
    order : int
        Channels of a field.
    eps : float
        Added to the variance.

    Returns
    -------
    y : Tensor (n, fields * order, h, w)
    mean, variance : Tensor (fields,)
        Without a gradient.
    """
    made: tuple[Tensor, Tensor, Tensor] = _Normalized.apply(  # type: ignore[no-untyped-call]
        x, weight, bias, order, eps
    )
    return made


class _Normalized(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, order: int, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        mean, variance = _moments(x, order)
        inverse = torch.rsqrt(variance + eps)
        scale, shift = weight * inverse, bias - mean * weight * inverse
        ctx.save_for_backward(x, weight, mean, inverse)
        ctx.order = order
        ctx.mark_non_differentiable(mean, variance)
        return _scaled(x, _each(scale, order), _each(shift, order)), mean, variance

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Tensor, *unused: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, inverse = ctx.saved_tensors
        order = ctx.order
        of_weight, of_bias = _sums(gradient, x, _each(mean, order), _each(inverse, order))
        of_weight, of_bias = (v.view(-1, order).sum(dim=1) for v in (of_weight, of_bias))
        count = x.numel() // len(mean)
        scale = weight * inverse
        slope = -scale * inverse * of_weight / count
        offset = -scale * of_bias / count - slope * mean
        of_x = torch.addcmul(_column(offset, order), x, _column(slope, order))
        return of_x.addcmul_(gradient, _column(scale, order)), of_weight, of_bias, None, None


def _moments(x: Tensor, order: int) -> tuple[Tensor, Tensor]:
    """Mean and variance of every field; torch's kernel for channels last sums too roughly."""
    mean = x.mean(dim=(0, 2, 3)).view(-1, order).mean(dim=1)
    squares = (x - _column(mean, order)).square_()
    return mean, squares.mean(dim=(0, 2, 3)).view(-1, order).mean(dim=1)


def _each(values: Tensor, order: int) -> Tensor:
    """The value of its field for every channel."""
    return values.repeat_interleave(order)


def _column(values: Tensor, order: int) -> Tensor:
    return _each(values, order)[:, None, None]


def _scaled(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    nothing = torch.zeros_like(scale)
    return F.batch_norm(x, nothing, torch.ones_like(scale), scale, shift, training=False, eps=0.0)


def _sums(gradient: Tensor, x: Tensor, mean: Tensor, inverse: Tensor) -> tuple[Tensor, Tensor]:
    """Of `gradient * (x - mean) * inverse` and of `gradient`, over each channel."""
    wanted = [False, True, True]
    _, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
        gradient, x, torch.ones_like(mean), mean, inverse, mean, inverse, True, 0.0, wanted
    )
    return of_weight, of_bias
