"""A torch network behind the one face that deep clustering needs, whoever wrote it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from equiclust.exceptions import InputError
from equiclust.images import ImageSet
from equiclust.nn.baselines import (
    ConvolutionalAutoencoder,
    ConvolutionalConfig,
    DenseAutoencoder,
    DenseConfig,
)
from equiclust.nn.device import full_precision

__all__ = [
    "DEEP_METHODS",
    "Method",
    "as_samples",
    "encode",
    "encode_all",
    "encode_and_decode",
    "finite_latents",
    "n_distinct",
    "plain_network",
]

Method = Literal["dec", "idec", "dcec"]
DEEP_METHODS = get_args(Method)


def as_samples(given: ImageSet | npt.ArrayLike) -> Tensor:
    """Finite float32 samples of their own: images `(n, c, h, w)`, or rows `(n, d)`.

    Pixels that an `ImageSet` masks are 0.

    Raises
    ------
    InputError
        When they are not such an array.
    """
    array = _as_array(given)
    if array.dtype.kind not in "fiub" or array.ndim not in (2, 3, 4) or not array.size:
        raise InputError(
            "X must be numbers of shape (n, d), (n, h, w) or (n, c, h, w), got shape "
            f"{array.shape} and dtype {array.dtype}"
        )
    with np.errstate(over="ignore"):
        # A copy: what becomes of it is no matter of the caller's.
        samples = np.array(array, dtype=np.float32, order="C")
    finite = np.isfinite(samples.reshape(len(samples), -1)).all(axis=1)
    if not finite.all():
        wrong = int(np.flatnonzero(~finite)[0])
        raise InputError(
            f"X must be finite in float32, but sample {wrong} is not; mask or leave it out first"
        )
    return torch.from_numpy(samples[:, None] if samples.ndim == 3 else samples)


def _as_array(given: ImageSet | npt.ArrayLike) -> npt.NDArray[Any]:
    """The numbers, masked pixels 0 as preprocessing leaves them."""
    if isinstance(given, ImageSet):
        return np.where(given.mask[:, None], np.float32(0.0), given.pixels)
    try:
        return np.asarray(given)
    except ValueError as error:
        raise InputError(f"X must be an array: {error}") from error


def n_distinct(samples: Tensor) -> int:
    """How many of the samples differ."""
    return len({hashlib.blake2b(row.tobytes()).digest() for row in samples.numpy()})


def plain_network(samples: Tensor, method: Method, embedding_dim: int) -> nn.Module:
    """The network that the method was published with, for images of this size.

    Raises
    ------
    InputError
        When the samples are no square images.
    """
    if samples.ndim != 4 or samples.shape[2] != samples.shape[3]:
        raise InputError(
            "without a network X must be square images (n, h, h) or (n, c, h, h), got shape "
            f"{tuple(samples.shape)}; hand in a network"
        )
    channels, size = samples.shape[1:3]
    if method == "dcec":
        return ConvolutionalAutoencoder(
            ConvolutionalConfig(size=size, in_channels=channels, embedding_dim=embedding_dim)
        )
    return DenseAutoencoder(
        DenseConfig(size=size, in_channels=channels, embedding_dim=embedding_dim)
    )


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
