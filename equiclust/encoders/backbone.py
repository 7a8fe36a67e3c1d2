"""Networks of torchvision up to one of their layers, with weights."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from equiclust.encoders.photographs import IMAGENET_MEAN, IMAGENET_STD
from equiclust.exceptions import InputError
from equiclust.nn.device import seeded
from equiclust.nn.disc_views import DiscViews
from equiclust.nn.efficientnet_lite import EfficientNetLite, SamePaddingConv2d, renamed_weights
from equiclust.nn.imagenet_weights import IMAGENET_NETWORKS, find_weights
from equiclust.nn.small_alexnet import SmallAlexNet
from equiclust.validation import check_choice

__all__ = ["BACKBONES", "Backbone", "make_backbone"]

_OUT = "features"
_LITE = "efficientnet_lite0"
# Networks that come with equiclust.
_OWN = {"small_alexnet": SmallAlexNet, "disc_views": DiscViews}
# Of the names of nodes in a message.
_N_SHOWN = 8


class Backbone(NamedTuple):
    """What is to be known of a network.

    Attributes
    ----------
    layer : str
        Node whose output is taken by default: the last features that still have positions.
    smallest_side : int
        Side in pixels below which images are enlarged.
    fixed_side : int, default 0
        The only side in pixels that the network takes; 0 where it takes many.
    mean, std : tuple of float, optional
        By which images in 0 to 1 are brought to what the network was trained on; by default
        ImageNet's.
    """

    layer: str
    smallest_side: int
    fixed_side: int = 0
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD


BACKBONES = {
    "alexnet": Backbone("features.10", 64),
    "vgg16": Backbone("features.28", 64),
    "resnet18": Backbone("layer4", 64),
    "resnet50": Backbone("layer4", 64),
    "efficientnet_b0": Backbone("features", 64),
    "efficientnet_lite0": Backbone("head", 64, 0, (127 / 255,) * 3, (128 / 255,) * 3),
    "convnext_tiny": Backbone("features", 64),
    "vit_b_16": Backbone("encoder.ln", 224, 224),
    "small_alexnet": Backbone("conv5", 64, 0, (0.45,) * 3, (0.22,) * 3),
    "disc_views": Backbone("axes", 64, 0, (0.45,) * 3, (0.22,) * 3),
}
"""Networks by name."""


def make_backbone(
    network: str, layer: str, weights: str | Path | None, *, random_state: int = 0
) -> nn.Module:
    """A network up to one layer, in evaluation mode.

    Weights are needed for what leads to the layer, not for the rest: the convolutional part of a
    file is enough for a convolutional layer.

    Parameters
    ----------
    network : str
        One of `BACKBONES`.
    layer : str
        Name of a node, as torchvision's ``get_graph_node_names`` gives it; that of a module stands
        for its output.
    weights : path-like, optional
        See `find_weights`; "random" draws them.
    random_state : int, default 0
        Of random weights.

    Returns
    -------
    torch.nn.Module
        From images `(n, 3, h, w)` to features.

    Raises
    ------
    InputError
        When network or layer are unknown, or the weights do not fit.
    WeightsNotFoundError
        When there are no weights.
    """
    from torchvision.models.feature_extraction import (
        create_feature_extractor,
        get_graph_node_names,
    )

    check_choice("network", network, IMAGENET_NETWORKS)
    # Without memory: of most networks only a part is needed.
    with torch.device("meta"):
        whole = _whole(network).eval()
    # Its padding follows from the size of the image, which the graph does not know.
    tracing: dict[str, Any] = {"tracer_kwargs": {"leaf_modules": [SamePaddingConv2d]}}
    _check_layer(network, layer, get_graph_node_names(whole, **tracing)[1])
    part = create_feature_extractor(whole, {layer: _OUT}, **tracing).eval()
    if weights == "random":
        _draw(part, random_state)
    else:
        state = find_weights(network, weights)
        _load(part, network, renamed_weights(state) if network == _LITE else state)
    return _OneOutput(part.requires_grad_(False)).eval()


def _whole(network: str) -> nn.Module:
    from torchvision.models import get_model

    if network == _LITE:
        return EfficientNetLite()
    if network in _OWN:
        return _OWN[network]()
    model: nn.Module = get_model(network, weights=None)
    return model


class _OneOutput(nn.Module):
    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.part(images)[_OUT]
        return features


def _check_layer(network: str, layer: str, nodes: Iterable[str]) -> None:
    names = [name for name in nodes if name != "x"]
    if any(name == layer or name.startswith(f"{layer}.") for name in names):
        return
    step = max(1, len(names) // _N_SHOWN)
    raise InputError(
        f"layer must name a node of {network}, such as {', '.join(names[::-step][::-1])}, "
        f"got {layer!r}"
    )


def _load(part: nn.Module, network: str, state: dict[str, Tensor]) -> None:
    for name, wanted in part.state_dict().items():
        if name not in state:
            raise InputError(f"the weights do not fit {network}: the array {name!r} is missing")
        if state[name].shape != wanted.shape:
            raise InputError(
                f"the weights do not fit {network}: the array {name!r} must have shape "
                f"{tuple(wanted.shape)}, got {tuple(state[name].shape)}"
            )
    used = {name: state[name].to(one.dtype) for name, one in part.state_dict().items()}
    part.load_state_dict(used, assign=True)


def _draw(part: nn.Module, random_state: int) -> None:
    """Random weights that keep the size of the signal (He et al. 2015)."""
    part.to_empty(device="cpu")
    with seeded(random_state), torch.no_grad():
        for name, parameter in part.named_parameters():
            if parameter.ndim > 1 and not name.endswith(("token", "embedding", "layer_scale")):
                nn.init.kaiming_normal_(parameter, nonlinearity="relu")
            elif parameter.ndim > 1:
                nn.init.normal_(parameter, std=0.02)
            else:
                nn.init.constant_(parameter, 0.0 if name.endswith("bias") else 1.0)
        for name, buffer in part.named_buffers():
            buffer.fill_(1 if name.endswith("var") else 0)
