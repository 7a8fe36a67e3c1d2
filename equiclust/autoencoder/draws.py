"""Random numbers for the images of a batch, or of a part of it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["BatchPart", "Draws"]


class BatchPart(NamedTuple):
    """Some images of a batch.

    Attributes
    ----------
    n : int
        Images in the batch.
    rows : slice, optional
        Those that the part has; by default all.
    """

    n: int
    rows: slice = slice(None)


class Draws(NamedTuple):
    """Random numbers for the images of a part.

    They are drawn for the whole batch, so that an image gets the same ones in every part.

    Attributes
    ----------
    generator : torch.Generator
        On the CPU.
    part : BatchPart
    """

    generator: torch.Generator
    part: BatchPart

    def uniform(self, *before: int) -> Tensor:
        """Numbers in 0 to 1.

        Parameters
        ----------
        *before : int
            Axes before that of the images.

        Returns
        -------
        Tensor (*before, n)
        """
        drawn = torch.rand(*before, self.part.n, generator=self.generator)
        return drawn[..., self.part.rows]

    def normal(self, *after: int) -> Tensor:
        """Numbers of the normal distribution of mean 0 and variance 1.

        Parameters
        ----------
        *after : int
            Axes after that of the images.

        Returns
        -------
        Tensor (n, *after)
        """
        drawn = torch.randn(self.part.n, *after, generator=self.generator)
        return drawn[self.part.rows]
