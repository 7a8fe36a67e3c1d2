"""From the features of a network, a map or tokens, to one vector an image."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from equiclust.exceptions import InputError

__all__ = ["POOLINGS", "Pooling", "pool_features", "pooled_length"]

Pooling = Literal["mean", "max", "mean+max", "token"]
POOLINGS: tuple[str, ...] = get_args(Pooling)
"""Names of the poolings."""


def pooled_length(shape: tuple[int, ...], pooling: str) -> int:
    """Length of the vector that is made of features of this shape.

    Parameters
    ----------
    shape : tuple of int
        Of the features of a batch, `(n, d)`, `(n, c, h, w)` or `(n, t, d)`.
    pooling : {"mean", "max", "mean+max", "token"}

    Returns
    -------
    int

    Raises
    ------
    InputError
        When features of this shape cannot be pooled so.
    """
    return int(pool_features(torch.empty(shape, device="meta"), pooling).shape[1])


def pool_features(features: Tensor, pooling: str) -> Tensor:
    """Mean, maximum, or both one after the other, over the positions of a map or the tokens.

    Parameters
    ----------
    features : Tensor (n, d), (n, c, h, w) or (n, t, d)
        Vectors are returned as they are. Of the tokens of a vision transformer the first one is its
        class token, which "token" takes and the others leave out.
    pooling : {"mean", "max", "mean+max", "token"}

    Returns
    -------
    Tensor (n, d), (n, c) or (n, 2 c)

    Raises
    ------
    InputError
        When features of this shape cannot be pooled so.
    """
    if features.ndim == 2:
        return features
    if features.ndim == 4 and pooling != "token":
        return _over_positions(features.flatten(2), pooling)
    if features.ndim == 3:
        if pooling == "token":
            return features[:, 0]
        return _over_positions(features[:, 1:].transpose(1, 2), pooling)
    raise InputError(
        f"pooling must fit the features of the layer, which have shape {tuple(features.shape)}, "
        f"got {pooling!r}: maps (n, c, h, w) take mean, max or mean+max, and tokens (n, t, d) "
        "these and token"
    )


def _over_positions(features: Tensor, pooling: str) -> Tensor:
    parts = {"mean": features.mean(dim=2), "max": features.amax(dim=2)}
    return torch.cat([parts[name] for name in pooling.split("+")], dim=1)
