"""The encoder in plain torch: convolutions with their filters written out and norms folded in."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from equiclust.nn.blocks import FieldBatchNorm2d, SeparableBlock
from equiclust.nn.expansion import ExpandedConv2d
from equiclust.nn.groups import Group
from equiclust.nn.network import AutoencoderNetwork, NetworkConfig
from equiclust.nn.rotation import SplineRotation

__all__ = ["ExportedEncoder", "export_encoder"]


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
    r"""Images `(n, c, size, size)` to invariant latents `(n, latent_dim)`; only for inference.

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
    """
    encoder = network.encoder
    lifting, norm, activation = encoder.stem
    layers = [_merged(lifting, norm), deepcopy(activation)]
    for stage in encoder.stages:
        layers.append(
            _merged_block(stage) if isinstance(stage, SeparableBlock) else deepcopy(stage)
        )
    exported = ExportedEncoder(
        nn.Sequential(*layers),
        deepcopy(network.pooling),
        deepcopy(network.head),
        _rotations(network.config) if average else [],
    ).to(next(network.parameters()))
    return exported.to(memory_format=torch.channels_last).eval().requires_grad_(False)


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


def _merged(layer: nn.Module, norm: nn.Module | None = None) -> nn.Conv2d:
    """One ordinary convolution for a group convolution and the norm behind it."""
    if not isinstance(layer, ExpandedConv2d):
        raise TypeError(f"cannot export a {type(layer).__name__}")
    weight, bias, stride, padding, groups = layer.expanded()
    if isinstance(norm, FieldBatchNorm2d):
        scale, shift = norm.expanded_scale_shift()
        weight = weight * scale[:, None, None, None]
        bias = shift if bias is None else shift + scale * bias
    merged = nn.Conv2d(
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
    merged.weight.copy_(weight)
    if merged.bias is not None and bias is not None:
        merged.bias.copy_(bias)
    return merged
