"""Any module of torch, called on arrays: in evaluation mode, in batches, where its weights are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import torch
from torch import Tensor, nn

from equiclust.exceptions import InputError
from equiclust.nn.device import full_precision
from equiclust.typing import Float32Array

__all__ = ["module_features"]


def module_features(module: nn.Module, images: Float32Array, *, batch_size: int = 32) -> Tensor:
    """What a module gives for images, without gradients; its mode is as before afterwards.

    Parameters
    ----------
    module : torch.nn.Module
        From images `(n, c, h, w)` to one tensor with `n` entries.
    images : ndarray (n, c, h, w), float32
    batch_size : int, default 32
        Images that are computed at a time.

    Returns
    -------
    Tensor (n, ...)
        On the CPU.

    Raises
    ------
    InputError
        When the module does not take these images, or gives something else.
    """
    # A network read from escnn may hold its weights as buffers.
    values = chain(module.parameters(), module.buffers())
    first = next((value for value in values if value.is_floating_point()), None)
    device = torch.device("cpu") if first is None else first.device
    pixels = torch.from_numpy(images)
    if first is not None:
        pixels = pixels.to(first.dtype)
    with _evaluating(module), torch.inference_mode(), full_precision(device):
        done = [_checked(module, batch.to(device)) for batch in torch.split(pixels, batch_size)]
    return torch.cat(done)


def _checked(module: nn.Module, batch: Tensor) -> Tensor:
    try:
        features = module(batch)
    except (RuntimeError, ValueError, TypeError, AssertionError, IndexError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"module does not take images of shape {tuple(batch.shape[1:])}: {reason}"
        ) from error
    if not isinstance(features, Tensor) or not features.ndim or len(features) != len(batch):
        found = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
        raise InputError(
            f"module must give one tensor with {len(batch)} entries for {len(batch)} images, "
            f"got {found}"
        )
    return features.cpu()


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Without dropout and with fixed normalisation, in all its parts, until the block ends."""
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True
