"""Networks told in plain values and made again from them, so that none need be pickled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from torch import nn

from equiclust.exceptions import InputError
from equiclust.nn.baselines import (
    ConvolutionalAutoencoder,
    ConvolutionalConfig,
    DenseAutoencoder,
    DenseConfig,
)
from equiclust.nn.device import seeded
from equiclust.nn.network import AutoencoderNetwork, NetworkConfig

__all__ = ["Config", "built", "config_of", "described", "from_description"]

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


def config_of(network: nn.Module) -> Config:
    """The config of one of our networks."""
    config: Config = network.config  # type: ignore[assignment]
    return config


def described(network: nn.Module) -> dict[str, Any] | None:
    """Kind and shape of one of our networks; None for any other."""
    kind = type(network).__name__
    if kind not in _KINDS or not isinstance(network, _KINDS[kind][0]):
        return None
    return {"kind": kind, "config": asdict(config_of(network))}


def from_description(description: Mapping[str, Any]) -> nn.Module:
    """A network of that kind and shape, with random weights.

    Raises
    ------
    InputError
        When there is no such kind, or it has no such shape.
    """
    kind, given = str(description.get("kind")), description.get("config")
    if kind not in _KINDS or not isinstance(given, Mapping):
        raise InputError(f"network must be one of {', '.join(_KINDS)}, got {kind!r}")
    network, config = _KINDS[kind]
    known = [one.name for one in fields(config)]
    if sorted(given) != sorted(known):
        raise InputError(f"a {config.__name__} must have {', '.join(known)}, got {list(given)}")
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
    with seeded(0):
        made: nn.Module = network(config(**values))
    return made
