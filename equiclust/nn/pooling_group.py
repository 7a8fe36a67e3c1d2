"""Statistics over the group: what stays of a field when its orientation is forgotten."""

from __future__ import annotations

import torch
from torch import Tensor

from equiclust.nn.arguments import check_divisible
from equiclust.nn.groups import Group

__all__ = ["group_mean", "group_std"]


def group_mean(x: Tensor, group: Group) -> Tensor:
    """Mean over the channels of every field.

    Parameters
    ----------
    x : Tensor (n, fields * order, h, w)
        Fields.
    group : Group
        Group of the fields.

    Returns
    -------
    Tensor (n, fields, h, w)
        It turns like an image: nothing moves between channels any more.

    Raises
    ------
    InputError
        When the channels are not whole fields.
    """
    check_divisible(x, group)
    return _by_field(x, group).mean(2)


def group_std(x: Tensor, group: Group) -> Tensor:
    """Standard deviation over the channels of every field, with finite gradient where it is 0.

    Parameters
    ----------
    x : Tensor (n, fields * order, h, w)
        Fields.
    group : Group
        Group of the fields.

    Returns
    -------
    Tensor (n, fields, h, w)
        Population standard deviation, for the group is the whole population.

    Raises
    ------
    InputError
        When the channels are not whole fields.
    """
    check_divisible(x, group)
    variance = _by_field(x, group).var(2, correction=0)
    # Below the smallest normal number the gradient is 0 instead of infinite.
    return variance.clamp_min(torch.finfo(x.dtype).tiny).sqrt()


def _by_field(x: Tensor, group: Group) -> Tensor:
    """View as `(n, fields, order, h, w)`."""
    n, channels, height, width = x.shape
    return x.reshape(n, channels // group.order, group.order, height, width)
