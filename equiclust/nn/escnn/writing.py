"""Layers and whole autoencoders to escnn, with the same weights and the same output."""

from __future__ import annotations

from collections import OrderedDict
from copy import deepcopy
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn
from torch.nn.utils import parametrize

from equiclust.exceptions import InputError
from equiclust.nn.blocks import FieldBatchNorm2d, SeparableBlock
from equiclust.nn.convolution import (
    DepthwiseGroupConv2d,
    LiftingConv2d,
    ProjectionConv2d,
)
from equiclust.nn.decoder import Decoder, DetailCode
from equiclust.nn.escnn.autoencoder import EscnnAutoencoder
from equiclust.nn.escnn.coefficients import BiasScale, Coefficients, change_of_basis
from equiclust.nn.escnn.field_types import field_type
from equiclust.nn.escnn.installation import import_escnn
from equiclust.nn.expansion import ExpandedConv2d
from equiclust.nn.filters import rings
from equiclust.nn.network import AutoencoderNetwork
from equiclust.nn.resampling import BinomialBlur2d, CenteredUpsample2d

if TYPE_CHECKING:
    from equiclust.nn.escnn import modules

__all__ = ["to_escnn"]


def to_escnn(network: object) -> nn.Module:
    """Convert a network to modules of escnn that compute the same, in training too.

    Every convolution becomes an `escnn.nn.R2Conv` or `R2ConvTransposed` whose `weights` are
    parametrised (`torch.nn.utils.parametrize`) by the weights of the layer. So an optimiser takes
    the same steps on both sides, and a depthwise convolution stays one.
    `parametrize.remove_parametrizations(module, "weights")` leaves escnn's own weights, with which
    the output is the same but training is not.

    Parameters
    ----------
    network : EquivariantAutoencoder, AutoencoderNetwork, ExpandedConv2d or FieldBatchNorm2d
        A fitted autoencoder, its network, a lifting, group, depthwise, pointwise or projecting
        convolution, or a normalisation. It is not changed.

    Returns
    -------
    torch.nn.Module
        An `R2Conv` or an `InnerBatchNorm` for a layer. For an autoencoder a module that is called
        like an `AutoencoderNetwork`, with tensors, and whose parts `encoder`, `narrow`, `detail`,
        `decoder` and `pooling` are each an `escnn.nn.EquivariantModule`. In the mode, precision and
        on the device of the network; running statistics are copied.

    Raises
    ------
    InputError
        When the network is of another kind, or not fitted.
    ImportError
        When escnn is not installed.

    Examples
    --------
    >>> import torch
    >>> from equiclust.nn import Group, LiftingConv2d, to_escnn
    >>> layer = LiftingConv2d(Group("C4"), in_channels=1, out_fields=2, kernel_size=5)
    >>> theirs = to_escnn(layer)
    >>> theirs.in_type.size, theirs.out_type.size
    (1, 8)
    >>> images = torch.rand(2, 1, 16, 16)
    >>> torch.allclose(theirs(theirs.in_type(images)).tensor, layer(images), atol=1e-5)
    True
    """
    import_escnn()
    given = getattr(network, "network_", network)
    with torch.no_grad():
        if isinstance(given, AutoencoderNetwork):
            module: nn.Module = _autoencoder(given)
        elif isinstance(given, FieldBatchNorm2d):
            module = _norm(given)
        elif isinstance(given, ExpandedConv2d):
            module = _convolution(given)
        else:
            raise InputError(
                "network must be a fitted EquivariantAutoencoder, an AutoencoderNetwork or a layer "
                f"of equiclust.nn, got {type(given).__name__}: no escnn module corresponds to it"
            )
        return module.train(given.training)


def _autoencoder(network: AutoencoderNetwork) -> EscnnAutoencoder:
    from equiclust.nn.escnn import modules

    group = network.narrow.group
    images = field_type(group, network.config.in_channels, regular=False)
    encoder = _parts(images, stem=network.encoder.stem, stages=network.encoder.stages)
    return EscnnAutoencoder(
        network.config,
        encoder=encoder,
        narrow=_convolution(network.narrow),
        detail=_detail(network.detail),
        decoder=_decoder(network.decoder),
        pooling=modules.FieldStatistics(encoder.out_type, network.pooling),
        head=deepcopy(network.head),
    )


def _detail(detail: DetailCode) -> modules.DetailCode:
    from equiclust.nn.escnn import modules

    step, padding = detail.step, detail.step // 2
    return modules.DetailCode(
        _convolution(detail.analysis, stride=step, padding=padding),
        _transposed(detail.synthesis, stride=step, padding=padding),
    )


def _decoder(decoder: Decoder) -> modules.Decoder:
    from equiclust.nn.escnn import modules

    join = _convolution(decoder.join)
    first = cast(ExpandedConv2d, decoder.coarse[0])
    coarse = _sequence(_field_types(first)[0], decoder.coarse)
    last = _transposed(
        decoder.last, stride=decoder.last.stride, padding=decoder.last.padding, bias=True
    )
    last.bias.copy_(decoder.level.flatten())
    return modules.Decoder(coarse, join, _sequence(join.out_type, decoder.fine), last)


def _parts(in_type: Any, **parts: nn.Sequential) -> Any:
    """A sequence of named sequences."""
    written = OrderedDict()
    for name, part in parts.items():
        written[name] = _sequence(in_type, part)
        in_type = written[name].out_type
    return import_escnn().nn.SequentialModule(written)


def _sequence(in_type: Any, layers: nn.Sequential) -> Any:
    sequence = import_escnn().nn.SequentialModule()
    for name, layer in layers.named_children():
        sequence.add_module(name, _module(layer, in_type))
        in_type = sequence.out_type
    return sequence


def _module(layer: nn.Module, in_type: Any) -> Any:
    """The module for a layer of encoder or decoder that takes fields of a type."""
    from equiclust.nn.escnn import modules

    if isinstance(layer, ExpandedConv2d):
        return _convolution(layer)
    if isinstance(layer, FieldBatchNorm2d):
        return _norm(layer)
    if isinstance(layer, SeparableBlock):
        return _block(layer)
    if isinstance(layer, BinomialBlur2d):
        return modules.BinomialPool(in_type, layer)
    if isinstance(layer, CenteredUpsample2d):
        return import_escnn().nn.R2Upsampling(in_type, scale_factor=2, mode=layer.mode)
    if isinstance(layer, nn.GELU):
        return modules.GELU(in_type)
    raise TypeError(f"cannot write a {type(layer).__name__} for escnn")


def _block(block: SeparableBlock) -> modules.SeparableBlock:
    from equiclust.nn.escnn import modules

    norm = _norm(block.norm)
    return modules.SeparableBlock(
        _convolution(block.depthwise),
        _convolution(block.pointwise),
        norm,
        modules.GELU(norm.out_type),
    )


def _convolution(
    layer: ExpandedConv2d, *, stride: int | None = None, padding: int | None = None
) -> Any:
    in_type, out_type = _field_types(layer)
    module = import_escnn().nn.R2Conv(
        in_type,
        out_type,
        layer.kernel_size,
        stride=layer.stride if stride is None else stride,
        padding=layer.padding if padding is None else padding,
        groups=len(in_type) if isinstance(layer, DepthwiseGroupConv2d) else 1,
        bias=layer.bias is not None,
        initialize=False,
        **_basis_options(layer.kernel_size),
    )
    _share_weights(layer, module)
    return module


def _transposed(layer: LiftingConv2d, *, stride: int, padding: int, bias: bool = False) -> Any:
    """A lifting convolution read backwards, from fields to images."""
    in_type, out_type = _field_types(layer)
    module = import_escnn().nn.R2ConvTransposed(
        out_type,
        in_type,
        layer.kernel_size,
        stride=stride,
        padding=padding,
        bias=bias,
        initialize=False,
        **_basis_options(layer.kernel_size),
    )
    _share_weights(layer, module)
    return module


def _share_weights(layer: ExpandedConv2d, module: Any) -> None:
    """Parametrise the weights, and the bias over regular fields, by copies of the layer's."""
    # escnn shares the basis between modules, and with it its precision and its device.
    module.add_module("_basisexpansion", deepcopy(module.basisexpansion))
    module.to(layer.weight)
    shape = tuple(layer.weight.shape)
    matrix = change_of_basis(layer, module).to(module.weights)
    backwards = isinstance(module, import_escnn().nn.R2ConvTransposed)
    coefficients = Coefficients(matrix, shape, transposed=backwards)
    parametrize.register_parametrization(module, "weights", coefficients)
    parametrization = cast(Any, module.parametrizations)
    parametrization.weights.original.copy_(layer.weight)
    if layer.bias is None:
        return
    scale = 1.0 / float(module.bias_expansion[0, 0])
    parametrize.register_parametrization(module, "bias", BiasScale(scale))
    parametrization.bias.original.copy_(layer.bias)


def _norm(layer: FieldBatchNorm2d) -> Any:
    norm = layer.norm
    module = import_escnn().nn.InnerBatchNorm(
        field_type(layer.group, layer.fields, regular=True), eps=norm.eps, momentum=norm.momentum
    )
    (part,) = module.children()
    part.to(norm.weight)
    part.load_state_dict(norm.state_dict())
    return module


def _basis_options(kernel_size: int) -> dict[str, Any]:
    """What escnn must be told where its defaults leave no filter."""
    if kernel_size != 2:
        return {}
    (ring,) = rings(kernel_size)
    return {"rings": [ring.radius], "sigma": [ring.width], "frequencies_cutoff": 2.0}


def _field_types(layer: ExpandedConv2d) -> tuple[Any, Any]:
    order = layer.group.order
    lifts, projects = isinstance(layer, LiftingConv2d), isinstance(layer, ProjectionConv2d)
    n_in = layer.in_channels // (1 if lifts else order)
    n_out = layer.out_channels // (1 if projects else order)
    return (
        field_type(layer.group, n_in, regular=not lifts),
        field_type(layer.group, n_out, regular=not projects),
    )
