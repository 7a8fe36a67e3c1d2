"""Single modules of escnn in plain torch."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from copy import deepcopy
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from equiclust.exceptions import InputError
from equiclust.nn.escnn.following import class_of
from equiclust.nn.escnn.installation import import_escnn
from equiclust.nn.escnn.plain import FieldMax, Fixed, Mask, Reorder
from equiclust.nn.escnn.reading_layers import read_block, read_convolution, read_norm

__all__ = ["called", "difference", "read_module"]

_FUNCTIONS = {"relu": nn.ReLU, "elu": nn.ELU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}
_TOLERANCE = 1e-5
_TRIAL_SIZE = 12


def read_module(module: Any, place: str, *, alone: bool) -> nn.Module:
    """The counterpart of a module of escnn that is no sequence, in the mode of the module.

    Parameters
    ----------
    module : escnn.nn.EquivariantModule
    place : str
        Where it is in its network, for an error message.
    alone : bool
        Whether it is the whole network.

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    InputError
        When there is none.
    """
    escnn_nn = import_escnn().nn
    kind = class_of(module)
    if kind is escnn_nn.R2Conv:
        read = read_convolution(module, any_size=not alone)
    elif kind is escnn_nn.InnerBatchNorm:
        read = read_norm(module, called(module, place))
    elif kind in (readers := _readers(escnn_nn)):
        read = readers[kind](module)
    elif kind is escnn_nn.FieldDropout and not module.training:
        read = nn.Identity()
    else:
        read = _exported(module, called(module, place))
    value = _value_of(module)
    return (read if value is None else read.to(value.device)).train(module.training)


def called(module: nn.Module, place: str) -> str:
    """A module and its place, for an error message.

    Parameters
    ----------
    module : torch.nn.Module
    place : str
        Its name in the network; empty for the whole network.

    Returns
    -------
    str
    """
    name = class_of(module).__name__
    return f"the {name} at {place!r}" if place else f"the {name}"


def difference(theirs: Tensor, ours: Tensor) -> float:
    """Largest difference in units of the largest value.

    Parameters
    ----------
    theirs, ours : Tensor

    Returns
    -------
    float
        Infinite when the shapes differ.
    """
    if theirs.shape != ours.shape:
        return float("inf")
    return float((theirs - ours).abs().max() / theirs.abs().max().clamp_min(1e-30))


def _readers(escnn_nn: Any) -> dict[type[nn.Module], Callable[[Any], nn.Module]]:
    """By the very class: one that is derived from it may compute anything."""
    from equiclust.nn.escnn import modules

    return {
        escnn_nn.PointwiseNonLinearity: lambda m: _FUNCTIONS[m._function.__name__](),
        escnn_nn.PointwiseMaxPool2D: lambda m: _max(m, m.stride),
        escnn_nn.PointwiseMaxPoolAntialiased2D: _antialiased_max,
        escnn_nn.PointwiseAvgPool2D: _average,
        escnn_nn.PointwiseAvgPoolAntialiased2D: lambda m: _blur(m, m.padding),
        escnn_nn.GroupPooling: lambda m: FieldMax([r.size for r in m.in_type.representations]),
        escnn_nn.MaskModule: lambda m: Mask(m.mask),
        escnn_nn.ReshuffleModule: lambda m: Reorder(m.indices),
        modules.SeparableBlock: read_block,
        modules.FieldStatistics: lambda m: deepcopy(m.pooling),
    }


def _average(module: Any) -> nn.Module:
    return nn.AvgPool2d(
        module.kernel_size, module.stride, module.padding, ceil_mode=module.ceil_mode
    )


def _max(module: Any, stride: Any) -> nn.Module:
    return nn.MaxPool2d(
        module.kernel_size, stride, module.padding, module.dilation, ceil_mode=module.ceil_mode
    )


def _antialiased_max(module: Any) -> nn.Module:
    return nn.Sequential(OrderedDict(max=_max(module, 1), blur=_blur(module, module._pad)))


def _blur(module: Any, padding: Any) -> nn.Module:
    kernel = module.filter
    channels = len(kernel)
    blur = nn.Conv2d(
        channels,
        channels,
        kernel.shape[2:],
        stride=module.stride,
        padding=padding,
        groups=channels,
        bias=False,
    )
    blur.weight = nn.Parameter(kernel.clone())
    return Fixed(blur)


def _exported(module: Any, place: str) -> nn.Module:
    """What escnn makes of a module itself; training leaves it alone if it has weights."""
    training = module.training
    try:
        made: nn.Module | None = module.export()
    except (NotImplementedError, ValueError):
        made = None
    agree = made is not None and _agree(module, made)
    module.train(training)
    if made is None:
        raise InputError(f"{place} cannot be converted: no layer corresponds, nor has it export()")
    if not agree:
        raise InputError(f"{place} cannot be converted: its export() gives another output")
    value = _value_of(module)
    if value is None or not made.state_dict():
        return deepcopy(made)
    # escnn makes modules of single precision.
    return Fixed(made.to(value))


def _agree(module: Any, made: nn.Module) -> bool:
    """Whether what was made of a module, now in evaluation mode, gives the same output."""
    noise = torch.Generator().manual_seed(0)
    x = torch.randn(2, module.in_type.size, _TRIAL_SIZE, _TRIAL_SIZE, generator=noise)
    value = _value_of(module)
    typed = module.in_type(x if value is None else x.to(value))
    found = made(x if value is None else x.to(value.device))
    return difference(module(typed).tensor, found) <= _TOLERANCE


def _value_of(module: nn.Module) -> Tensor | None:
    """Some number of a module, for its precision and its device."""
    values = chain(module.parameters(), module.buffers())
    return next((value for value in values if value.is_floating_point()), None)
