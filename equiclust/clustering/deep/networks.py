"""Networks told in plain values and made again from them, so that none need be pickled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from torch import nn

from equiclust.exceptions import InputError
from equiclust.nn.network import AutoencoderNetwork, NetworkConfig
from equiclust.nn.plain_convolutional import ConvolutionalAutoencoder, ConvolutionalConfig
from equiclust.nn.plain_dense import DenseAutoencoder, DenseConfig

__all__ = ["Config", "built", "described", "from_description"]

Config = NetworkConfig | ConvolutionalConfig | DenseConfig
"""What shapes one of our networks."""

_KINDS: Mapping[str, tuple[type[Any], type[Any]]] = {
    "AutoencoderNetwork": (AutoencoderNetwork, NetworkConfig),
    "ConvolutionalAutoencoder": (ConvolutionalAutoencoder, ConvolutionalConfig),
    "DenseAutoencoder": (DenseAutoencoder, DenseConfig),
}


def built(config: Config) -> nn.Module:
    """The network that the config shapes, with random weights."""
    made: nn.Module = next(net for net, own in _KINDS.values() if isinstance(config, own))(config)
    return made


def described(network: nn.Module) -> dict[str, Any] | None:
    """Kind and shape of one of our networks; None for any other."""
    kind = type(network).__name__
    if kind not in _KINDS or not isinstance(network, _KINDS[kind][0]):
        return None
    return {"kind": kind, "config": asdict(network.config)}  # type: ignore[call-overload]


def from_description(description: Mapping[str, Any]) -> nn.Module:
    """A network of that kind and shape, with random weights.

    Raises
    ------
    InputError
        When there is no such kind.
    """
    kind = description["kind"]
    if kind not in _KINDS:
        raise InputError(f"network must be one of {', '.join(_KINDS)}, got {kind!r}")
    network, config = _KINDS[kind]
    values = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in description["config"].items()
    }
    made: nn.Module = network(config(**values))
    return made
