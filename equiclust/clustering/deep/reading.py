"""A torch network behind the one face that deep clustering needs, whoever wrote it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from equiclust.exceptions import InputError
from equiclust.nn.device import full_precision

__all__ = ["encode", "encode_all", "encode_and_decode", "finite_latents"]

# Large enough to be fast, small enough for the memory of a laptop.
_BATCH = 256


def encode(network: nn.Module, samples: Tensor) -> Tensor:
    """Latents `(n, d)`: what `network.encode` gives if there is one, else the network itself.

    Raises
    ------
    InputError
        When they are no such tensor.
    """
    function: Callable[[Tensor], object] = getattr(network, "encode", network)
    latents = function(samples)
    if isinstance(latents, tuple) and latents:
        latents = latents[0]
    if not isinstance(latents, Tensor) or latents.ndim != 2 or len(latents) != len(samples):
        told = tuple(latents.shape) if isinstance(latents, Tensor) else type(latents).__name__
        raise InputError(
            f"network must give latents of shape ({len(samples)}, d) for {len(samples)} samples, "
            f"got {told}"
        )
    return latents


def encode_and_decode(network: nn.Module, samples: Tensor) -> tuple[Tensor, Tensor]:
    """Latents `(n, d)` and reconstructions of the samples' shape, by the network itself.

    Raises
    ------
    InputError
        When the network does not give both.
    """
    given = network(samples)
    if not isinstance(given, tuple) or len(given) != 2:
        raise InputError(
            "network must give a pair of latents and reconstructions where these are trained on, "
            f"got {type(given).__name__}; method='dec' with pretrain_epochs=0 needs none"
        )
    latents, made = given
    if made.shape != samples.shape:
        raise InputError(
            f"network must reconstruct samples of shape {tuple(samples.shape)}, got "
            f"{tuple(made.shape)}"
        )
    return latents, made


def encode_all(network: nn.Module, samples: Tensor, device: torch.device) -> Tensor:
    """Latents of any number of samples, `(n, d)` on the processor, in evaluation mode."""
    network.eval()
    with torch.inference_mode(), full_precision(device):
        # A copy: a network may work in place.
        done = [
            encode(network, part.to(device, copy=True)).cpu()
            for part in torch.split(samples, _BATCH)
        ]
    return torch.cat(done)


def finite_latents(network: nn.Module, samples: Tensor, device: torch.device) -> Tensor:
    """As `encode_all`.

    Raises
    ------
    InputError
        When a latent is not finite.
    """
    latents = encode_all(network, samples, device)
    if not bool(torch.isfinite(latents).all()):
        raise InputError(
            "network gives latents that are not finite: lower the learning rate of its training, "
            "or bring the samples to about 0 to 1"
        )
    return latents
