"""Networks in plain torch: convolutions with their filters written out and norms folded in."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from equiclust.exceptions import InputError
from equiclust.nn.blocks import FieldBatchNorm2d, SeparableBlock
from equiclust.nn.escnn.plain import Fixed
from equiclust.nn.expansion import ExpandedConv2d
from equiclust.nn.groups import Group
from equiclust.nn.network import AutoencoderNetwork, NetworkConfig
from equiclust.nn.resampling import BinomialBlur2d
from equiclust.nn.rotation import SplineRotation

__all__ = ["ExportedEncoder", "export_encoder", "export_network"]


# Of a group with more than the four quarter turns; larger groups use all of theirs.
_AVERAGED_ROTATIONS = 16


class _Residual(nn.Module):
    def __init__(self, body: nn.Sequential) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return x + y


class ExportedEncoder(nn.Module):
    r"""Encoder from images `(n, c, size, size)` to latents `(n, latent_dim)`, for inference only.

    The layers are exact under the elements of the group that map the pixel grid onto itself. The
    latent is averaged over sixteen rotations, so that it is invariant under all of them, up to the
    interpolation of the image (frame averaging, Puny et al. 2022):

    .. math::

        \bar z(x) = \frac1m \sum_{k=0}^{m-1} z(R_{90 k / m} x)

    with `m = 4`, since four of them are exact already. What is left of the error at all other
    angles has a quarter of its period, and most of it is gone.

    Parameters
    ----------
    encoder, pooling, head : Module
    rotations : sequence of Module
        The `m - 1` rotations.

    Examples
    --------
    >>> import torch
    >>> from equiclust.nn import AutoencoderNetwork, NetworkConfig, export_encoder
    >>> network = AutoencoderNetwork(NetworkConfig(size=32, latent_dim=8))
    >>> encoder = export_encoder(network)
    >>> images = torch.rand(5, 1, 32, 32)
    >>> latents = encoder(images)
    >>> latents.shape
    torch.Size([5, 8])
    >>> torch.allclose(encoder(images.rot90(1, (2, 3))), latents, atol=1e-4)
    True

    No layer of the group is left: ``torch.export.export(encoder, (images,))`` can follow it.
    """

    def __init__(
        self,
        encoder: nn.Module,
        pooling: nn.Module,
        head: nn.Module,
        rotations: Sequence[nn.Module],
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.pooling = pooling
        self.head = head
        self.rotations = nn.ModuleList(rotations)

    def forward(self, images: Tensor) -> Tensor:
        """Encode images.

        Parameters
        ----------
        images : Tensor (n, c, size, size)

        Returns
        -------
        Tensor (n, latent_dim)
            Latents.
        """
        views = (images, *(rotate(images) for rotate in self.rotations))
        latents = [self._latents(view) for view in views]
        return torch.stack(latents).mean(dim=0)

    def _latents(self, images: Tensor) -> Tensor:
        images = images.contiguous(memory_format=torch.channels_last)
        encoded = self.encoder(images)
        if encoded.device.type != "mps":
            # The order of the sums rotates with the image: in double precision it leaves no trace.
            encoded = encoded.double()
        latents: Tensor = self.head(self.pooling(encoded).to(images.dtype))
        return latents


@torch.no_grad()
def export_encoder(network: AutoencoderNetwork, *, average: bool = True) -> ExportedEncoder:
    """Copy encoder, pooling and head into a module without the layers of the group.

    It gives the latents of the network in evaluation mode, up to rounding, averaged over sixteen
    rotations if the group has more than the four that are exact on the pixel grid.

    Parameters
    ----------
    network : AutoencoderNetwork
        Not changed; its mode does not matter.
    average : bool, default True
        Whether latents are averaged over rotations. Without it one view is encoded, at a quarter of
        the cost.

    Returns
    -------
    ExportedEncoder

    Examples
    --------
    >>> import torch
    >>> from equiclust.nn import AutoencoderNetwork, NetworkConfig, export_encoder
    >>> network = AutoencoderNetwork(NetworkConfig(size=32, latent_dim=8)).eval()
    >>> encoder = export_encoder(network, average=False)
    >>> images = torch.rand(2, 1, 32, 32)
    >>> torch.allclose(encoder(images), network.encode(images), atol=1e-4)
    True
    """
    encoder = network.encoder
    exported = ExportedEncoder(
        nn.Sequential(_plain(encoder.stem), _plain(encoder.stages)),
        deepcopy(network.pooling),
        deepcopy(network.head),
        _rotations(network.config) if average else [],
    ).to(next(network.parameters()))
    return exported.to(memory_format=torch.channels_last).eval().requires_grad_(False)


@torch.no_grad()
def export_network(network: nn.Module) -> nn.Module:
    """Copy a sequence of layers, such as `from_escnn` gives, into one without layers of the group.

    It gives the output of the network in evaluation mode, up to rounding, and consists of modules
    of torch that `torch.export`, `torch.jit.trace` and `torch.onnx` can follow.

    Parameters
    ----------
    network : torch.nn.Module
        A `torch.nn.Sequential` of layers of this package and of torch, or one of them. Not changed;
        its mode does not matter.

    Returns
    -------
    torch.nn.Module
        Only for inference.

    Raises
    ------
    InputError
        When layers of this package lie within a module of another kind.

    Examples
    --------
    >>> import torch
    >>> from equiclust.nn import Group, LiftingConv2d, ProjectionConv2d, export_network
    >>> group = Group("D4")
    >>> layers = [LiftingConv2d(group, 1, 2, 3), torch.nn.GELU(), ProjectionConv2d(group, 2, 1, 3)]
    >>> network = torch.nn.Sequential(*layers)
    >>> plain = export_network(network)
    >>> images = torch.rand(2, 1, 32, 32)
    >>> torch.allclose(plain(images), network(images), atol=1e-5)
    True
    >>> [type(layer).__name__ for layer in plain]
    ['Conv2d', 'GELU', 'Conv2d']
    """
    return _plain(network).eval().requires_grad_(False)


def _plain(module: nn.Module) -> nn.Module:
    if isinstance(module, nn.Sequential):
        return nn.Sequential(*_plain_sequence(list(module)))
    if isinstance(module, SeparableBlock):
        return _merged_block(module)
    if isinstance(module, FieldBatchNorm2d):
        return _scaling(module)
    if isinstance(module, ExpandedConv2d):
        return _merged(module)
    if isinstance(module, Fixed):
        return deepcopy(module.module)
    if any(isinstance(part, (ExpandedConv2d, FieldBatchNorm2d)) for part in module.modules()):
        raise InputError(
            f"network must be a torch.nn.Sequential, or a layer, to be exported, got "
            f"{type(module).__name__}"
        )
    return deepcopy(module)


def _plain_sequence(modules: list[nn.Module]) -> list[nn.Module]:
    """The modules in plain torch, every convolution with the norm that follows it."""
    layers: list[nn.Module] = []
    before: nn.Module | None = None
    for module, after in itertools.zip_longest(modules, modules[1:]):
        if isinstance(module, FieldBatchNorm2d) and before is not None and _is_convolution(before):
            layers[-1] = _merged(before, module)
        elif isinstance(module, BinomialBlur2d) and isinstance(after, SeparableBlock):
            layers.append(_blurring(module, after.depthwise.in_channels))
        else:
            layers.append(_plain(module))
        before = module
    return layers


def _rotations(config: NetworkConfig) -> list[SplineRotation]:
    """Rotations within the first quarter turn, but for none at all."""
    n_rotations = Group(config.group).n_rotations
    in_quarter = max(n_rotations, _AVERAGED_ROTATIONS) // 4 if n_rotations > 4 else 1
    return [SplineRotation(config.size, 90.0 * k / in_quarter) for k in range(1, in_quarter)]


def _merged_block(block: SeparableBlock) -> nn.Module:
    body = nn.Sequential(
        _merged(block.depthwise), _merged(block.pointwise, block.norm), deepcopy(block.activation)
    )
    return _Residual(body) if block.residual else body


def _blurring(blur: BinomialBlur2d, channels: int) -> nn.Conv2d:
    """An ordinary convolution for a blur; ONNX must know the number of channels."""
    convolution = nn.Conv2d(
        channels,
        channels,
        blur.taps,
        stride=blur.stride,
        padding=blur.padding,
        groups=channels,
        bias=False,
    ).to(blur.kernel)
    convolution.weight.copy_(blur.kernel.expand(channels, -1, -1, -1))
    return convolution


def _is_convolution(module: nn.Module) -> bool:
    fixed = isinstance(module, Fixed) and isinstance(module.module, nn.Conv2d)
    return fixed or isinstance(module, ExpandedConv2d)


def _merged(layer: nn.Module, norm: nn.Module | None = None) -> nn.Conv2d:
    """One ordinary convolution for a convolution and the norm behind it."""
    merged = _ordinary(layer)
    if isinstance(norm, FieldBatchNorm2d):
        scale, shift = norm.expanded_scale_shift()
        bias = merged.bias
        merged.weight = nn.Parameter(merged.weight * scale[:, None, None, None])
        merged.bias = nn.Parameter(shift if bias is None else shift + scale * bias)
    return merged


def _ordinary(layer: nn.Module) -> nn.Conv2d:
    """An ordinary convolution with the filters of a layer."""
    if isinstance(layer, Fixed) and isinstance(layer.module, nn.Conv2d):
        return deepcopy(layer.module)
    if not isinstance(layer, ExpandedConv2d):
        raise TypeError(f"cannot export a {type(layer).__name__}")
    weight, bias, stride, padding, groups = layer.expanded()
    ordinary = nn.Conv2d(
        layer.in_channels,
        layer.out_channels,
        layer.kernel_size,
        stride=stride,
        padding=padding,
        groups=groups,
        bias=bias is not None,
        dtype=weight.dtype,
        device=weight.device,
    )
    ordinary.weight.copy_(weight)
    if ordinary.bias is not None and bias is not None:
        ordinary.bias.copy_(bias)
    return ordinary


def _scaling(norm: FieldBatchNorm2d) -> nn.Conv2d:
    """A norm that follows no convolution: one number times every channel, plus one."""
    scale, shift = norm.expanded_scale_shift()
    channels = len(scale)
    scaling = nn.Conv2d(channels, channels, 1, groups=channels).to(scale)
    scaling.weight.copy_(scale[:, None, None, None])
    scaling.bias = nn.Parameter(shift)
    return scaling
