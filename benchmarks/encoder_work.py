"""Arithmetic of the encoder: operations and bytes of an image, as its layers and as it is fused."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from equiclust.nn.export import ExportedEncoder
from equiclust.nn.fused.weights import field_channels

__all__ = ["Work", "fused_work", "layer_work"]

_FLOAT = 4
# Eleven of the polynomials as products and sums, two limits, and what puts them together.
_GELU = 27
# Products that a pixel of a blurred map takes: six along each of two rows, then six across.
_BLUR = 18
_SPLINE_TAPS = 4


class Work(NamedTuple):
    """What one image costs.

    Attributes
    ----------
    operations : float
        A product and its addition are two.
    bytes : float
        Read and written by layers, whether from memory or from a cache that is shared.
    """

    operations: float
    bytes: float


class _Layer(NamedTuple):
    module: nn.Module
    given: int
    made: int
    products: int


def layer_work(exported: ExportedEncoder, size: int) -> Work:
    """Work of one view, layer after layer.

    Parameters
    ----------
    exported : ExportedEncoder
    size : int
        Side of the images in pixels.

    Returns
    -------
    Work
    """
    layers = _layers(exported, size)
    operations = sum(2 * layer.products + _activation(layer) for layer in layers)
    return Work(operations, _FLOAT * sum(layer.given + layer.made for layer in layers))


def fused_work(exported: ExportedEncoder, size: int) -> Work:
    """Work of all views as `FusedEncoder` does it.

    Half of the products of what mixes elements of the group are left, a blur is done along rows and
    then across, and only halved maps are written.

    Parameters
    ----------
    exported : ExportedEncoder
    size : int
        Side of the images in pixels.

    Returns
    -------
    Work
    """
    layers = _layers(exported, size)
    halves = len(field_channels(exported.pooling.group, 1))  # type: ignore[arg-type]
    operations, moved = 0, size**2
    for layer in layers:
        operations += _activation(layer)
        if _is_blur(layer.module):
            operations += 2 * _BLUR * layer.made
            moved += 2 * layer.made
        elif isinstance(layer.module, nn.Conv2d):
            alone = layer.module.groups > 1
            operations += 2 * layer.products // (1 if alone else halves)
    turns = len(exported.rotations)
    operations *= 1 + turns
    if turns:
        sampled = 2 * (_SPLINE_TAPS**2 + _SPLINE_TAPS) * size**2
        operations += 4 * size**3 + turns * sampled
    return Work(operations, _FLOAT * moved * (1 + turns))


def _activation(layer: _Layer) -> int:
    return _GELU * layer.made if isinstance(layer.module, nn.GELU) else 0


def _is_blur(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d) and module.groups > 1 and module.stride == (2, 2)


@torch.no_grad()
def _layers(exported: ExportedEncoder, size: int) -> list[_Layer]:
    """Convolutions and activations of one view of one image."""
    found: list[_Layer] = []

    def note(module: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
        products = 0
        if isinstance(module, nn.Conv2d):
            products = module.weight[0].numel() * made.numel()
        found.append(_Layer(module, given[0].numel(), made.numel(), products))

    parts = [part for part in exported.encoder.modules() if isinstance(part, nn.Conv2d | nn.GELU)]
    hooks = [part.register_forward_hook(note) for part in parts]
    exported.encoder(torch.rand(1, parts[0].in_channels, size, size))  # type: ignore[arg-type]
    for hook in hooks:
        hook.remove()
    return found
