"""Division of every training batch over processes, so that they train as one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, distributed

__all__ = ["Division"]


@dataclass(frozen=True)
class Division:
    r"""The images of every batch of which one process takes care.

    Of `n` images, process :math:`r` of :math:`s` takes the rows :math:`r, r + s, r + 2s, \dots`, so
    that the first images of a batch are divided as evenly as all of them.

    Parameters
    ----------
    rank : int, default 0
        Number of this process.
    size : int, default 1
        Number of processes; those of more than one are in `torch.distributed`'s default group.
    """

    rank: int = 0
    size: int = 1

    def rows(self, n: int) -> slice:
        """Rows of this process.

        Parameters
        ----------
        n : int
            Images in the batch.

        Returns
        -------
        slice
        """
        return slice(self.rank, n, self.size)

    def count(self, n: int) -> int:
        """Number of rows of this process.

        Parameters
        ----------
        n : int
            Images in the batch.

        Returns
        -------
        int
        """
        return len(range(self.rank, n, self.size))

    def total(self, values: Tensor) -> Tensor:
        """Sum over the processes, without a gradient.

        Parameters
        ----------
        values : Tensor
            Of the same shape in every process.

        Returns
        -------
        Tensor
            The same in every process; `values` themselves when there is only one.
        """
        if self.size == 1:
            return values
        summed = values.detach().clone()
        distributed.all_reduce(summed)
        return summed

    def whole(self, mine: Tensor, n: int) -> Tensor:
        """Rows of all processes; only those of this one have a gradient.

        Where every process computes the same from all rows, the sum over the processes of the
        gradients that each has by its own rows is the whole gradient.

        Parameters
        ----------
        mine : Tensor (count(n), ...)
        n : int
            Images in the batch.

        Returns
        -------
        Tensor (n, ...)
            In the order of the batch; `mine` itself when there is only one process.
        """
        if self.size == 1:
            return mine
        most = -(-n // self.size)
        padded = mine.new_zeros(most, *mine.shape[1:])
        padded[: len(mine)] = mine.detach()
        parts = [torch.empty_like(padded) for _ in range(self.size)]
        distributed.all_gather(parts, padded)
        # One row of each process after another is the order of the batch.
        rows = torch.stack(parts, dim=1).flatten(0, 1)[:n]
        rows[self.rows(n)] = mine
        return rows
