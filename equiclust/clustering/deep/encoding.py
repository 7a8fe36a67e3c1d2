"""Networks, of this package or any other, and the latents that they give to samples."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from equiclust.exceptions import InputError
from equiclust.images_like import ImagesLike, known_images
from equiclust.nn.baselines import (
    ConvolutionalAutoencoder,
    ConvolutionalConfig,
    DenseAutoencoder,
    DenseConfig,
)
from equiclust.nn.device import full_precision, seeded
from equiclust.nn.network import AutoencoderNetwork, NetworkConfig
from equiclust.typing import Array

__all__ = [
    "DEEP_METHODS",
    "Config",
    "Method",
    "as_samples",
    "build_network",
    "count_distinct",
    "default_network",
    "describe_network",
    "encode",
    "encode_all",
    "encode_and_decode",
    "encode_finite",
    "network_config",
    "network_from_description",
]

Method = Literal["dec", "idec", "dcec"]
DEEP_METHODS = get_args(Method)

Config = NetworkConfig | ConvolutionalConfig | DenseConfig
"""Parameters that shape one of the networks of this package."""

_NETWORKS: Mapping[str, tuple[type[Any], type[Any]]] = {
    "AutoencoderNetwork": (AutoencoderNetwork, NetworkConfig),
    "ConvolutionalAutoencoder": (ConvolutionalAutoencoder, ConvolutionalConfig),
    "DenseAutoencoder": (DenseAutoencoder, DenseConfig),
}

# Large enough to be fast, small enough for the memory of a laptop.
_BATCH_SIZE = 256


def as_samples(X: ImagesLike) -> Tensor:
    """Finite float32 samples in memory of their own.

    Parameters
    ----------
    X : ImageSet, array-like (n, h, w), (n, c, h, w) or (n, d), or another of `ImagesLike`
        Pixels that an `ImageSet` masks become 0.

    Returns
    -------
    Tensor (n, c, h, w) or (n, d), float32
        `c` = 1 for images `(n, h, w)`.

    Raises
    ------
    InputError
        When `X` has another shape or is not finite.
    """
    array = _as_array(X)
    if array.dtype.kind not in "fiub" or array.ndim not in (2, 3, 4) or not array.size:
        raise InputError(
            "X must be numbers of shape (n, d), (n, h, w) or (n, c, h, w), got shape "
            f"{array.shape} and dtype {array.dtype}"
        )
    with np.errstate(over="ignore"):
        # A copy, so that the caller may change the array afterwards.
        samples = np.array(array, dtype=np.float32, order="C")
    finite = np.isfinite(samples.reshape(len(samples), -1)).all(axis=1)
    if not finite.all():
        first = int(np.flatnonzero(~finite)[0])
        raise InputError(
            f"X must be finite in float32, but sample {first} is not; mask or leave it out first"
        )
    return torch.from_numpy(samples[:, None] if samples.ndim == 3 else samples)


def _as_array(X: ImagesLike) -> Array:
    # Those of two axes are samples, and no image.
    known = None if getattr(X, "ndim", 0) == 2 else known_images(X)
    if known is not None:
        return np.where(known.mask[:, None], np.float32(0.0), known.pixels)
    try:
        return np.asarray(X)
    except ValueError as error:
        raise InputError(f"X must be an array: {error}") from error


def count_distinct(samples: Tensor) -> int:
    """Number of samples that differ.

    Parameters
    ----------
    samples : Tensor (n, ...)
        On the processor.

    Returns
    -------
    int
        From 1 to `n`.
    """
    return len({hashlib.blake2b(row.tobytes()).digest() for row in samples.numpy()})


def default_network(samples: Tensor, method: Method, embedding_dim: int) -> nn.Module:
    """The network that a method was published with, for images of the samples' size.

    Parameters
    ----------
    samples : Tensor (n, c, h, h)
        Square images.
    method : {"dec", "idec", "dcec"}
        Convolutional for "dcec", else fully connected.
    embedding_dim : int
        Length of a latent.

    Returns
    -------
    Module
        With random weights, drawn from torch's global generator.

    Raises
    ------
    InputError
        When the samples are not square images.
    """
    if samples.ndim != 4 or samples.shape[2] != samples.shape[3]:
        raise InputError(
            "without a network X must be square images (n, h, h) or (n, c, h, h), got shape "
            f"{tuple(samples.shape)}; pass network="
        )
    channels, size = samples.shape[1:3]
    if method == "dcec":
        return ConvolutionalAutoencoder(
            ConvolutionalConfig(size=size, in_channels=channels, embedding_dim=embedding_dim)
        )
    return DenseAutoencoder(
        DenseConfig(size=size, in_channels=channels, embedding_dim=embedding_dim)
    )


def build_network(config: Config) -> nn.Module:
    """The network of a config.

    Parameters
    ----------
    config : NetworkConfig, ConvolutionalConfig or DenseConfig
        Parameters that shape it.

    Returns
    -------
    Module
        With random weights, drawn from torch's global generator.
    """
    network: nn.Module = next(
        network for network, own in _NETWORKS.values() if isinstance(config, own)
    )(config)
    return network


def network_config(network: nn.Module) -> Config:
    """The config of a network of this package.

    Parameters
    ----------
    network : AutoencoderNetwork, ConvolutionalAutoencoder or DenseAutoencoder
        A network that `build_network` made.

    Returns
    -------
    NetworkConfig, ConvolutionalConfig or DenseConfig
    """
    config: Config = network.config  # type: ignore[assignment]
    return config


def describe_network(network: nn.Module) -> dict[str, Any] | None:
    """Class and config of a network as plain values, for JSON.

    Parameters
    ----------
    network : Module
        Any network.

    Returns
    -------
    dict or None
        `kind` and `config`; None for a network that is not of this package.
    """
    kind = type(network).__name__
    if kind not in _NETWORKS or not isinstance(network, _NETWORKS[kind][0]):
        return None
    return {"kind": kind, "config": asdict(network_config(network))}


def network_from_description(description: Mapping[str, Any]) -> nn.Module:
    """The network of a description.

    Parameters
    ----------
    description : mapping
        From `describe_network`.

    Returns
    -------
    Module
        With random weights.

    Raises
    ------
    InputError
        When the class is unknown, or its config has other parameters.
    """
    kind, given = str(description.get("kind")), description.get("config")
    if kind not in _NETWORKS or not isinstance(given, Mapping):
        raise InputError(f"network must be one of {', '.join(_NETWORKS)}, got {kind!r}")
    network_class, config_class = _NETWORKS[kind]
    known = [field.name for field in fields(config_class)]
    if sorted(given) != sorted(known):
        raise InputError(
            f"a {config_class.__name__} must have {', '.join(known)}, got {list(given)}"
        )
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
    with seeded(0):
        network: nn.Module = network_class(config_class(**values))
    return network


def encode(network: nn.Module, samples: Tensor) -> Tensor:
    """Latents `(n, d)` of samples: what `network.encode` returns if it exists, else the network.

    Parameters
    ----------
    network : Module
        May return a tuple, of which the first is taken.
    samples : Tensor (n, ...)
        As the network takes them, on its device.

    Raises
    ------
    InputError
        When the network returns no such tensor.
    """
    function: Callable[[Tensor], object] = getattr(network, "encode", network)
    latents = function(samples)
    if isinstance(latents, tuple) and latents:
        latents = latents[0]
    if not isinstance(latents, Tensor) or latents.ndim != 2 or len(latents) != len(samples):
        got = tuple(latents.shape) if isinstance(latents, Tensor) else type(latents).__name__
        raise InputError(
            f"network must give latents of shape ({len(samples)}, d) for {len(samples)} samples, "
            f"got {got}"
        )
    return latents


def encode_and_decode(network: nn.Module, samples: Tensor) -> tuple[Tensor, Tensor]:
    """Latents and reconstructions of samples.

    Parameters
    ----------
    network : Module
        Returns a pair of both.
    samples : Tensor (n, ...)
        As the network takes them, on its device.

    Returns
    -------
    latents : Tensor (n, d)
    reconstructions : Tensor (n, ...)
        Of the samples' shape.

    Raises
    ------
    InputError
        When the network does not return both.
    """
    output = network(samples)
    if not isinstance(output, tuple) or len(output) != 2:
        raise InputError(
            "network must give a pair of latents and reconstructions where these are trained on, "
            f"got {type(output).__name__}; method='dec' with pretrain_epochs=0 needs none"
        )
    latents, reconstructions = output
    if reconstructions.shape != samples.shape:
        raise InputError(
            f"network must reconstruct samples of shape {tuple(samples.shape)}, got "
            f"{tuple(reconstructions.shape)}"
        )
    return latents, reconstructions


def encode_all(network: nn.Module, samples: Tensor, device: torch.device) -> Tensor:
    """Latents `(n, d)` of any number of samples, on the processor.

    Parameters
    ----------
    network : Module
        Set to evaluation mode.
    samples : Tensor (n, ...)
        As the network takes them, on the processor.
    device : torch.device
        Where the network is.
    """
    network.eval()
    with torch.inference_mode(), full_precision(device):
        # A copy, since a network may work in place.
        latents = [
            encode(network, chunk.to(device, copy=True)).cpu()
            for chunk in torch.split(samples, _BATCH_SIZE)
        ]
    return torch.cat(latents)


def encode_finite(network: nn.Module, samples: Tensor, device: torch.device) -> Tensor:
    """Latents `(n, d)` as of `encode_all`, refused where one is not finite.

    Parameters
    ----------
    network : Module
        Set to evaluation mode.
    samples : Tensor (n, ...)
        As the network takes them, on the processor.
    device : torch.device
        Where the network is.

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
