"""How the group moves pixels and channels, exactly: what the layers are tested against."""

from __future__ import annotations

import torch
from torch import Tensor

from equiclust.nn.arguments import check_divisible
from equiclust.nn.groups import GridElement, Group

__all__ = ["move_fields", "move_pixels"]


def move_pixels(x: Tensor, element: GridElement) -> Tensor:
    """Mirror left to right if asked, then turn counter-clockwise: `x(g^-1 .)` for `(..., h, w)`."""
    mirrored = x.flip(-1) if element.mirrored else x
    return torch.rot90(mirrored, element.quarter_turns, (-2, -1))


def move_fields(x: Tensor, group: Group, element: GridElement) -> Tensor:
    """Move the pixels of fields `(n, fields * order, h, w)`, and channel `h` to channel `g h`.

    Raises
    ------
    InputError
        When the channels are not whole fields.
    """
    check_divisible(x, group)
    sources = torch.tensor(group.inverse_product[element.index], device=x.device)
    n, channels, height, width = x.shape
    fields = x.reshape(n, channels // group.order, group.order, height, width)
    return move_pixels(fields.index_select(2, sources).flatten(1, 2), element)
