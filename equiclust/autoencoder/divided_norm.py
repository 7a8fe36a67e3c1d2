"""Batch normalisation by the statistics of a batch that is divided over processes."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, distributed, nn
from torch.autograd.function import once_differentiable

__all__ = ["DividedBatchNorm1d", "divide_norms"]


class DividedBatchNorm1d(nn.BatchNorm1d):
    """`torch.nn.BatchNorm1d` whose batch is that of all processes together.

    Unlike `torch.nn.SyncBatchNorm` it also computes on the CPU. In evaluation mode it is the same
    as its base class, and no process waits for another.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise features.

        Parameters
        ----------
        x : Tensor (n, features) or (n, features, length)
            The part of the batch that this process has; in training every process calls this.

        Returns
        -------
        Tensor
            Of the same shape.
        """
        if not self.training:
            return super().forward(x)
        y, mean, variance, count = _Normalized.apply(  # type: ignore[no-untyped-call]
            x, self.weight, self.bias, self.eps
        )
        self._follow(mean, variance * count / (count - 1))
        return cast(Tensor, y)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        known = cast(Tensor, self.num_batches_tracked).add_(1)
        share = 1.0 / float(known) if self.momentum is None else self.momentum
        cast(Tensor, self.running_mean).lerp_(mean, share)
        cast(Tensor, self.running_var).lerp_(variance, share)


def divide_norms(network: nn.Module) -> None:
    """Replace every `torch.nn.BatchNorm1d` of a network by one that divides its batch.

    Parameters
    ----------
    network : torch.nn.Module
        Changed in place; names and values of its parameters stay as they are.
    """
    for module in list(network.modules()):
        for name, child in module.named_children():
            if type(child) is nn.BatchNorm1d:
                divided = DividedBatchNorm1d(child.num_features, child.eps, child.momentum)
                divided.load_state_dict(child.state_dict())
                setattr(module, name, divided.train(child.training))


class _Normalized(torch.autograd.Function):
    r"""With the number, mean and variance :math:`n_r, m_r, v_r` of every process's values.

    .. math::

        n = \sum n_r, \qquad m = \frac1n \sum n_r m_r, \qquad
        v = \frac1n \sum n_r (v_r + (m_r - m)^2)

    (Chan, Golub & LeVeque 1979).
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        values = x.to(weight.dtype)
        mean, variance, count = _moments(values)
        inverse = torch.rsqrt(variance + eps)
        scale = weight * inverse
        ctx.save_for_backward(values, mean, inverse, scale, count)
        ctx.dtype = x.dtype
        ctx.mark_non_differentiable(mean, variance, count)
        y = torch.addcmul(_column(bias - mean * scale, x), values, _column(scale, x))
        return y.to(x.dtype), mean, variance, count

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Tensor, *unused: Tensor) -> tuple[Tensor | None, ...]:
        x, mean, inverse, scale, count = ctx.saved_tensors
        gradient = gradient.to(x.dtype)
        of_weight = _sum((x - _column(mean, x)).mul_(gradient)) * inverse
        of_bias = _sum(gradient)
        # Those of the parameters stay as they are: DDP sums them up.
        sums = torch.stack([of_weight, of_bias])
        distributed.all_reduce(sums)
        along, common = sums / count
        slope = -scale * inverse * along
        offset = -scale * common - slope * mean
        of_x = torch.addcmul(_column(offset, x), x, _column(slope, x))
        of_x.addcmul_(gradient, _column(scale, x))
        return of_x.to(ctx.dtype), of_weight, of_bias, None


def _moments(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and variance of every feature over all processes, and how many values these are of."""
    n = x.numel() // x.shape[1]
    mean = _sum(x) / n
    variance = _sum((x - _column(mean, x)).square_()) / n
    here = torch.stack([torch.full_like(mean, n), mean, variance])
    parts = [torch.empty_like(here) for _ in range(distributed.get_world_size())]
    distributed.all_gather(parts, here)
    counts, means, variances = torch.stack(parts, dim=1)
    count = counts.sum(dim=0)
    mean = (counts * means).sum(dim=0) / count
    variance = (counts * (variances + (means - mean).square())).sum(dim=0) / count
    return mean, variance, count


def _sum(x: Tensor) -> Tensor:
    """Over all but the features; row by row, which is the faster way on the CPU."""
    by_row = x.sum(dim=0)
    return by_row if x.ndim == 2 else by_row.sum(dim=1)


def _column(values: Tensor, x: Tensor) -> Tensor:
    return values if x.ndim == 2 else values[:, None]
