"""Layers and networks that are equivariant under a group, in plain torch."""

from typing import TYPE_CHECKING

from equiclust._lazy import lazy_names

if TYPE_CHECKING:
    from equiclust.nn.allocator import keep_freed_memory
    from equiclust.nn.baselines import (
        ConvolutionalAutoencoder,
        ConvolutionalConfig,
        DenseAutoencoder,
        DenseConfig,
    )
    from equiclust.nn.blocks import FieldBatchNorm2d, SeparableBlock
    from equiclust.nn.convolution import (
        DepthwiseGroupConv2d,
        GroupConv2d,
        LiftingConv2d,
        PointwiseGroupConv2d,
        ProjectionConv2d,
    )
    from equiclust.nn.decoder import Decoder
    from equiclust.nn.encoder import Encoder
    from equiclust.nn.escnn import from_escnn, to_escnn
    from equiclust.nn.export import ExportedEncoder, export_encoder, export_network
    from equiclust.nn.groups import Group
    from equiclust.nn.network import AutoencoderNetwork, NetworkConfig
    from equiclust.nn.pooling import InvariantPooling
    from equiclust.nn.resampling import BinomialBlur2d, CenteredUpsample2d, SoftDiscMask
    from equiclust.nn.rotation import SplineRotation


__all__ = [
    "AutoencoderNetwork",
    "BinomialBlur2d",
    "CenteredUpsample2d",
    "ConvolutionalAutoencoder",
    "ConvolutionalConfig",
    "Decoder",
    "DenseAutoencoder",
    "DenseConfig",
    "DepthwiseGroupConv2d",
    "Encoder",
    "ExportedEncoder",
    "FieldBatchNorm2d",
    "Group",
    "GroupConv2d",
    "InvariantPooling",
    "LiftingConv2d",
    "NetworkConfig",
    "PointwiseGroupConv2d",
    "ProjectionConv2d",
    "SeparableBlock",
    "SoftDiscMask",
    "SplineRotation",
    "export_encoder",
    "export_network",
    "from_escnn",
    "keep_freed_memory",
    "to_escnn",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    __all__,
    {
        "AutoencoderNetwork": "equiclust.nn.network",
        "BinomialBlur2d": "equiclust.nn.resampling",
        "CenteredUpsample2d": "equiclust.nn.resampling",
        "ConvolutionalAutoencoder": "equiclust.nn.baselines",
        "ConvolutionalConfig": "equiclust.nn.baselines",
        "Decoder": "equiclust.nn.decoder",
        "DenseAutoencoder": "equiclust.nn.baselines",
        "DenseConfig": "equiclust.nn.baselines",
        "DepthwiseGroupConv2d": "equiclust.nn.convolution",
        "Encoder": "equiclust.nn.encoder",
        "ExportedEncoder": "equiclust.nn.export",
        "FieldBatchNorm2d": "equiclust.nn.blocks",
        "Group": "equiclust.nn.groups",
        "GroupConv2d": "equiclust.nn.convolution",
        "InvariantPooling": "equiclust.nn.pooling",
        "LiftingConv2d": "equiclust.nn.convolution",
        "NetworkConfig": "equiclust.nn.network",
        "PointwiseGroupConv2d": "equiclust.nn.convolution",
        "ProjectionConv2d": "equiclust.nn.convolution",
        "SeparableBlock": "equiclust.nn.blocks",
        "SoftDiscMask": "equiclust.nn.resampling",
        "SplineRotation": "equiclust.nn.rotation",
        "export_encoder": "equiclust.nn.export",
        "export_network": "equiclust.nn.export",
        "from_escnn": "equiclust.nn.escnn",
        "keep_freed_memory": "equiclust.nn.allocator",
        "to_escnn": "equiclust.nn.escnn",
    },
)
