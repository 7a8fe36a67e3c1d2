"""Invariant numbers from an equivariant map: pooling over the group, and over angle."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from equiclust.nn.arguments import check_count
from equiclust.nn.groups import Group
from equiclust.nn.pooling_group import group_mean, group_std

__all__ = ["InvariantPooling", "annulus_weights", "cell_weights"]

# Cells to a side, where the place is kept.
_CELLS = 4


def annulus_weights(size: int, annuli: int) -> Tensor:
    """Weights `(annuli, size, size)` of overlapping rings about the centre, each of sum one.

    Ring `k` falls linearly from its own radius to its neighbours'; the radii go from the centre to
    the middle of the image's rim in even steps. One ring alone is the whole disc.

    Parameters
    ----------
    size : int
        Side of the map in pixels.
    annuli : int
        Number of rings.
    """
    offset = (torch.arange(size, dtype=torch.float64) - (size - 1) / 2) / (size / 2)
    radius = torch.hypot(offset[:, None], offset[None, :])
    if annuli == 1:
        weights = (radius <= 1.0).to(torch.float64)[None]
    else:
        step = 1.0 / (annuli - 1)
        middles = torch.arange(annuli, dtype=torch.float64) * step
        weights = (1.0 - (radius[None] - middles[:, None, None]).abs() / step).clamp(min=0.0)
    return weights / weights.sum(dim=(1, 2), keepdim=True)


def cell_weights(size: int) -> Tensor:
    """Weights `(16, size, size)` of the cells of a grid of 4 x 4, each of sum one; 4 | size."""
    cell = torch.arange(size) * _CELLS // size
    inside = torch.nn.functional.one_hot(cell, _CELLS).to(torch.float64).T
    weights = torch.einsum("ih,jw->ijhw", inside, inside).reshape(-1, size, size)
    return weights / weights.sum(dim=(1, 2), keepdim=True)


class InvariantPooling(nn.Module):
    """Mean, and spread, over the group at every pixel, then the mean over each annulus.

    Objects sit at the centre of their images, and turning the image turns it about its centre, so
    what is gathered from an annulus is invariant and still knows the radius. Mean and standard
    deviation over a regular field do not change when its channels are permuted.

    Parameters
    ----------
    group : Group
    fields : int
        Fields of the map.
    size : int
        Side of the map in pixels.
    annuli : int
        Number of rings; 0 keeps the place, by a grid of 4 x 4 cells, of which only the trivial
        group makes an invariant.
    spread : bool
        Whether the standard deviation over the group is taken beside the mean; the trivial group
        has none.
    """

    weights: Tensor

    def __init__(
        self, group: Group, fields: int, size: int, *, annuli: int = 4, spread: bool = True
    ) -> None:
        super().__init__()
        for name, value in (("fields", fields), ("size", size)):
            check_count(name, value)
        if annuli or group.order > 1:
            check_count("annuli", annuli)
        self.group = group
        self.spread = spread and group.order > 1
        weights = (annulus_weights(size, annuli) if annuli else cell_weights(size)).float()
        self.out_features = fields * len(weights) * (1 + self.spread)
        self.register_buffer("weights", weights, persistent=False)

    def forward(self, encoded: Tensor) -> Tensor:
        """From `(n, fields * order, size, size)` to `(n, out_features)`."""
        statistics = [group_mean(encoded, self.group)]
        if self.spread:
            statistics.append(group_std(encoded, self.group))
        stacked = torch.cat(statistics, dim=1)
        return torch.einsum("nfhw,ahw->nfa", stacked, self.weights.to(stacked)).flatten(1)
