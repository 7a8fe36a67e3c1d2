"""The learning rate over a training."""

from __future__ import annotations

import warnings

import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR

__all__ = ["WARM_UP", "warm_cosine"]

WARM_UP = 0.2
"""Share of the steps in which the learning rate rises."""


def warm_cosine(optimizer: torch.optim.Optimizer, steps: int) -> SequentialLR:
    r"""Schedule that raises the learning rate over the first fifth and lowers it to 0 after that.

    With :math:`r` steps of the rise out of :math:`s`, the factor on the learning rate in step
    :math:`k` is

    .. math::

        \frac{k + 1}{r} \quad (k < r), \qquad
        \frac12 \left(1 + \cos \pi \frac{k - r}{s - r}\right) \quad (k \ge r)

    (Loshchilov & Hutter 2017, arXiv:1608.03983, without restarts).

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Its learning rate is the highest one.
    steps : int
        Length of the training.

    Returns
    -------
    torch.optim.lr_scheduler.SequentialLR
        To be stepped after every step of the optimizer, `steps` times at most.

    Examples
    --------
    >>> from equiclust.autoencoder import warm_cosine
    >>> from torch import nn, optim
    >>> optimizer = optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> schedule = warm_cosine(optimizer, 6)
    >>> for _ in range(5):
    ...     print(f"{schedule.get_last_lr()[0]:.2f}", end=" ")
    ...     optimizer.step()
    ...     schedule.step()
    1.00 1.00 0.90 0.65 0.35
    """
    rise = max(round(WARM_UP * steps), 1)
    up = LinearLR(optimizer, start_factor=1.0 / rise, total_iters=max(rise - 1, 1))
    down = CosineAnnealingLR(optimizer, T_max=max(steps - rise, 1))
    return _WarmCosine(optimizer, [up, down], milestones=[rise])


class _WarmCosine(SequentialLR):
    def step(self) -> None:  # type: ignore[override]  # as in torch
        if self.last_epoch + 1 not in self._milestones:
            super().step()
            return
        with warnings.catch_warnings():
            # Before version 2.9, torch warns here of a call of its own.
            warnings.filterwarnings("ignore", message="The epoch parameter in")
            super().step()
