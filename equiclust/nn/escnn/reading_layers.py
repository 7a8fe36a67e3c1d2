"""Convolutions and normalisations of escnn as our layers, or in plain torch where we have none."""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn.utils import parametrize

from equiclust.exceptions import InputError
from equiclust.nn.blocks import FieldBatchNorm2d, SeparableBlock
from equiclust.nn.convolution import (
    DepthwiseGroupConv2d,
    GroupConv2d,
    LiftingConv2d,
    PointwiseGroupConv2d,
    ProjectionConv2d,
)
from equiclust.nn.escnn.coefficients import Coefficients, fill
from equiclust.nn.escnn.exact_filters import exact_filters
from equiclust.nn.escnn.field_types import group_of, is_uniform
from equiclust.nn.escnn.plain import Fixed
from equiclust.nn.expansion import ExpandedConv2d
from equiclust.nn.resampling import centred_padding

__all__ = ["fill_from", "read_block", "read_convolution", "read_norm"]

_Network = TypeVar("_Network", bound=nn.Module)


def read_convolution(module: Any, *, any_size: bool) -> nn.Module:
    """The layer that computes the same as an `R2Conv`.

    Parameters
    ----------
    module : escnn.nn.R2Conv
    any_size : bool
        Whether it must take any size of image: our layers with a stride refuse those on which the
        grid would not stay centred.

    Returns
    -------
    ExpandedConv2d or Fixed
        Our layer, where there is one with this geometry and the same filters.
    """
    strided = module.stride != 1 and not _is_ours(module)
    layer = None if any_size and strided else _same(module)
    if layer is None or not _copy_weights(layer.to(module.weights), module):
        return _dense(module)
    return layer


def fill_from(network: _Network, module: nn.Module) -> _Network:
    """Give a network of ours the weights of one of escnn's whose parts have the same names.

    Parameters
    ----------
    network : torch.nn.Module
    module : torch.nn.Module
        As `to_escnn` made it.

    Returns
    -------
    torch.nn.Module
        The network.

    Raises
    ------
    InputError
        When a convolution has other filters than those of `to_escnn`.
    """
    for name, layer in network.named_modules():
        if isinstance(layer, FieldBatchNorm2d):
            (part,) = module.get_submodule(name).children()
            layer.norm.load_state_dict(part.state_dict())
        elif isinstance(layer, ExpandedConv2d) and not _copy_weights(
            layer, module.get_submodule(name)
        ):
            raise InputError(f"the convolution {name!r} must have the filters of to_escnn")
    return network


def read_block(module: Any) -> SeparableBlock:
    """The block that `to_escnn` made a module of.

    Parameters
    ----------
    module : equiclust.nn.escnn.modules.SeparableBlock

    Returns
    -------
    SeparableBlock
    """
    block = SeparableBlock(
        group_of(module.in_type.gspace),
        len(module.in_type),
        len(module.out_type),
        kernel_size=module.depthwise.kernel_size,
    )
    return fill_from(block.to(module.depthwise.weights), module)


def read_norm(module: Any, place: str) -> nn.Module:
    """The layer that computes the same as an `InnerBatchNorm`.

    Parameters
    ----------
    module : escnn.nn.InnerBatchNorm
    place : str
        What to call it in an error message.

    Returns
    -------
    FieldBatchNorm2d or Fixed
        Our layer on regular fields, with weights.

    Raises
    ------
    InputError
        When it has no running statistics: what it does to an image then depends on the others.
    """
    if not module.track_running_stats:
        raise InputError(f"{place} must have running statistics, got track_running_stats=False")
    if not (module.affine and is_uniform(module.in_type, regular=True)):
        return Fixed(_channel_norm(module))
    group = group_of(module.in_type.gspace)
    layer = FieldBatchNorm2d(group, len(module.in_type), eps=module.eps, momentum=module.momentum)
    (part,) = module.children()
    layer.to(part.running_mean)
    layer.norm.load_state_dict(part.state_dict())
    return layer


def _copy_weights(layer: ExpandedConv2d, module: Any) -> bool:
    """Give a layer the weights of a convolution; `False` when its filters are of another basis."""
    if _is_ours(module) and module.parametrizations.weights[0].shape == layer.weight.shape:
        layer.weight.copy_(module.parametrizations.weights.original)
        if layer.bias is not None and module.bias is not None:
            scaled = parametrize.is_parametrized(module, "bias")
            layer.bias.copy_(module.parametrizations.bias.original if scaled else module.bias)
        return True
    return fill(layer, *module.expand_parameters())


def _is_ours(module: Any) -> bool:
    """Whether `to_escnn` made it."""
    if not parametrize.is_parametrized(module, "weights"):
        return False
    return isinstance(module.parametrizations.weights[0], Coefficients)


def _same(module: Any) -> ExpandedConv2d | None:
    """Our layer of the same geometry, with weights yet to be set; `None` if there is none."""
    side = module.kernel_size
    if (module.padding, module.dilation) != (centred_padding(side), 1):
        return None
    if module.padding_mode != "zeros":
        return None
    kinds = [
        (is_uniform(fields, regular=True), is_uniform(fields, regular=False))
        for fields in (module.in_type, module.out_type)
    ]
    # Fields of the trivial group are both.
    (in_regular, in_trivial), (out_regular, out_trivial) = kinds
    group = group_of(module.in_type.gspace) if out_regular or out_trivial else None
    if group is None:
        return None
    fields = len(module.in_type), len(module.out_type)
    options: dict[str, Any] = {"stride": module.stride, "bias": module.bias is not None}
    if in_regular and out_regular and module.groups == fields[0] == fields[1] > 1:
        return DepthwiseGroupConv2d(group, fields[0], side, **options)
    if module.groups > 1:
        return None
    if in_regular and out_regular:
        if side == module.stride == 1:
            return PointwiseGroupConv2d(group, *fields, bias=module.bias is not None)
        return GroupConv2d(group, *fields, side, **options)
    if in_trivial and out_regular:
        return LiftingConv2d(group, *fields, side, **options)
    if in_regular and out_trivial:
        return ProjectionConv2d(group, *fields, side, **options)
    return None


def _dense(module: Any) -> Fixed:
    """An ordinary convolution with the filters written out."""
    filters, bias = exact_filters(module)
    convolution = nn.Conv2d(
        filters.shape[1] * module.groups,
        len(filters),
        module.kernel_size,
        stride=module.stride,
        padding=module.padding,
        dilation=module.dilation,
        groups=module.groups,
        bias=bias is not None,
        padding_mode=module.padding_mode,
    ).to(filters)
    convolution.weight.copy_(filters)
    if convolution.bias is not None and bias is not None:
        convolution.bias.copy_(bias)
    return Fixed(convolution)


def _channel_norm(module: Any) -> nn.BatchNorm2d:
    """An ordinary normalisation with the statistics of a field at each of its channels."""
    sizes = [representation.size for representation in module.in_type.representations]
    norm = nn.BatchNorm2d(sum(sizes), eps=module.eps, affine=module.affine)
    norm.to(next(module.children()).running_mean)
    for name, values in norm.state_dict().items():
        if values.ndim:
            parts = {
                s: iter(getattr(module, f"batch_norm_[{s}]").state_dict()[name]) for s in sizes
            }
            values.copy_(torch.cat([next(parts[s]).expand(s) for s in sizes]))
    return norm
