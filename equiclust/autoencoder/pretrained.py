"""Weights that come with the package, trained on simulated images, for networks to start from."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.nn.network import AutoencoderNetwork, NetworkConfig

__all__ = [
    "has_pretrained_weights",
    "pretrained_weights",
    "start_from",
    "upgrade_start",
    "weights_name",
]

logger = logging.getLogger(__name__)

_PARTS = ("encoder", "narrow", "detail", "decoder", "head")
# Which axis counts the channels of the image, and whether they are added up.
_CHANNEL_AXES = {
    "encoder.stem.0.weight": (1, True),
    "detail.analysis.weight": (1, True),
    "detail.synthesis.weight": (1, False),
    "decoder.last.weight": (1, False),
    "decoder.level": (0, False),
}


def upgrade_start(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of version 0.1, with ``pretrained`` for what was called ``start`` then.

    Parameters
    ----------
    parameters : mapping of str to object
        Of a saved autoencoder or of the table ``training`` of a recipe. Others are left as they
        are.

    Returns
    -------
    dict of str to object

    Raises
    ------
    InputError
        When ``start`` is neither "shipped" nor "none", or stands beside ``pretrained``.
    """
    upgraded = dict(parameters)
    if "start" not in upgraded:
        return upgraded
    start = upgraded.pop("start")
    if start not in ("shipped", "none"):
        raise InputError(f"start must be 'shipped' or 'none', got {start!r}")
    if "pretrained" in upgraded:
        raise InputError("start must be left out where pretrained is given")
    return {**upgraded, "pretrained": start == "shipped"}


def weights_name(group: str, size: int) -> str:
    """Name of the file with the weights for networks of one group and size.

    Parameters
    ----------
    group : str
        Name of the group, such as "D8".
    size : int
        Side of the images in pixels.

    Returns
    -------
    str
    """
    return f"{group.lower()}_{size}.safetensors"


@checks_types
def has_pretrained_weights(group: str, size: int) -> bool:
    """Whether weights come with the package for networks of this group and size.

    Parameters
    ----------
    group : str
        Name of the group, such as "D8".
    size : int
        Side of the images in pixels.

    Returns
    -------
    bool

    Examples
    --------
    >>> from equiclust.autoencoder import has_pretrained_weights
    >>> has_pretrained_weights("D8", 64), has_pretrained_weights("D8", 512)
    (True, False)
    """
    return _resource(group, size).is_file()


def _resource(group: str, size: int) -> Traversable:
    return files("equiclust.autoencoder") / "weights" / weights_name(group, size)


def pretrained_weights(config: NetworkConfig) -> dict[str, Tensor]:
    """Weights that come with the package for networks of this group and size.

    They were trained on simulated discs, shapes and clouds by
    ``python -m equiclust.autoencoder.make_pretrained``, which makes them again.

    Parameters
    ----------
    config : NetworkConfig

    Returns
    -------
    dict of str to Tensor
        Empty when there are none.

    Examples
    --------
    >>> from equiclust.autoencoder import pretrained_weights
    >>> from equiclust.nn import AutoencoderNetwork, NetworkConfig
    >>> config = NetworkConfig(group="D8", size=32)
    >>> network = AutoencoderNetwork(config)
    >>> network.load_state_dict(pretrained_weights(config))
    <All keys matched successfully>
    """
    resource = _resource(config.group, config.size)
    if not resource.is_file():
        return {}
    with as_file(resource) as path:
        return load_file(path)


def start_from(network: AutoencoderNetwork, weights: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Give a network the weights of another one, part by part.

    Encoder, narrowing, detail, decoder and head are taken over where every array fits. Weights
    learned on one channel serve any number: all channels are looked at alike, and made alike. If
    the encoder does not fit, nothing is taken over, since the other parts know nothing without it.

    Parameters
    ----------
    network : AutoencoderNetwork
        Changed in place.
    weights : mapping of str to Tensor
        As from `state_dict`.

    Returns
    -------
    tuple of str
        Names of the parts that were taken over.

    Examples
    --------
    >>> from equiclust.autoencoder import pretrained_weights, start_from
    >>> from equiclust.nn import AutoencoderNetwork, NetworkConfig
    >>> config = NetworkConfig(group="D8", size=32, in_channels=3)
    >>> start_from(AutoencoderNetwork(config), pretrained_weights(config))
    ('encoder', 'narrow', 'detail', 'decoder', 'head')
    """
    taken: list[str] = []
    state = network.state_dict()
    channels = network.config.in_channels
    for part in _PARTS:
        names = [name for name in state if name.startswith(f"{part}.")]
        given = {k: _on_channels(k, weights[k], channels) for k in names if k in weights}
        if len(given) < len(names) or any(given[k].shape != state[k].shape for k in names):
            if part == "encoder":
                break
            continue
        network.load_state_dict(given, strict=False)
        taken.append(part)
    logger.info("parts that start from known weights: %s", ", ".join(taken) or "none")
    return tuple(taken)


def _on_channels(name: str, weight: Tensor, channels: int) -> Tensor:
    axis, added = _CHANNEL_AXES.get(name, (0, False))
    if name not in _CHANNEL_AXES or weight.shape[axis] != 1:
        return weight
    repeated = weight.repeat_interleave(channels, dim=axis)
    return repeated / channels if added else repeated
