"""`ModuleEncoder`: any module of torch as an encoder."""

from __future__ import annotations

from torch import nn

from equiclust.encoders._pixels import PixelEncoder
from equiclust.encoders.pooling import POOLINGS, Pooling, pool_features
from equiclust.encoders.records import state_digest
from equiclust.exceptions import InputError
from equiclust.nn.module_features import module_features
from equiclust.typing import Float32Array
from equiclust.validation import check_choice, check_whole, shown

__all__ = ["ModuleEncoder"]


class ModuleEncoder(PixelEncoder):
    """A module of torch that turns images `(n, c, h, w)` into vectors, maps or tokens.

    It is called in evaluation mode and without gradients, where its weights are, on pixels as they
    are given: scaling and normalisation are its own affair.

    Parameters
    ----------
    module : torch.nn.Module
        Its output is `(n, d)`, `(n, c, h, w)` or `(n, t, d)`; see `pool_features`.
    pooling : {"mean", "max", "mean+max", "token"}, default "mean"
        Of a map or of tokens.
    batch_size : int, default 32
        Images that are encoded at a time; fewer where they are larger than 256 pixels a side.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from equiclust.encoders import ModuleEncoder
    >>> encoder = ModuleEncoder(nn.Conv2d(1, 4, 3))
    >>> encoder.transform(np.zeros((2, 16, 16))).shape
    (2, 4)
    """

    def __init__(
        self, module: nn.Module, *, pooling: Pooling = "mean", batch_size: int = 32
    ) -> None:
        self.module = module
        self.pooling = pooling
        self.batch_size = batch_size

    @property
    def digest(self) -> str:
        """SHA-256 of the weights."""
        return state_digest(self.module.state_dict())

    def _check_parameters(self) -> None:
        if not isinstance(self.module, nn.Module):
            raise InputError(f"module must be a torch.nn.Module, got {shown(self.module)}")
        check_choice("pooling", self.pooling, POOLINGS)
        check_whole("batch_size", self.batch_size, largest=10**4)

    def _encode(self, pixels: Float32Array) -> Float32Array:
        features = module_features(self.module, pixels, batch_size=self.batch_size)
        latents: Float32Array = pool_features(features, self.pooling).float().numpy()
        return latents
