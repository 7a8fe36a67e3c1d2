"""What the layers refuse, in one sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from equiclust.exceptions import InputError
from equiclust.nn.groups import Group

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["check_channels", "check_divisible", "check_group"]


def check_group(group: object) -> None:
    """Refuse what is not a `Group`."""
    if not isinstance(group, Group):
        raise InputError(f"group must be a Group such as Group('D8'), got {group!r}")


def check_channels(x: Tensor, channels: int) -> None:
    """Refuse an input that is not `(n, channels, h, w)`."""
    if x.ndim != 4 or x.shape[1] != channels:
        raise InputError(f"input must have shape (n, {channels}, h, w), got {tuple(x.shape)}")


def check_divisible(x: Tensor, group: Group) -> None:
    """Refuse an input whose channels are not whole fields."""
    if x.ndim != 4 or x.shape[1] % group.order:
        raise InputError(
            f"input must have shape (n, fields * {group.order}, h, w) for {group.name}, "
            f"got {tuple(x.shape)}"
        )
