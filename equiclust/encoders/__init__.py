"""Any network as an encoder: images to vectors, and averaged over a group invariant ones."""

from typing import TYPE_CHECKING

from equiclust._lazy import lazy_names

if TYPE_CHECKING:
    from equiclust.encoders.canonicalized import Canonicalized
    from equiclust.encoders.given_vectors import GivenVectors
    from equiclust.encoders.group_averaged import GroupAveraged
    from equiclust.encoders.latent_files import read_latents
    from equiclust.encoders.latent_table import LatentTable
    from equiclust.encoders.module_encoder import ModuleEncoder
    from equiclust.encoders.onnx_encoder import OnnxEncoder
    from equiclust.encoders.protocol import Encoder
    from equiclust.encoders.records import encoder_from_record, encoder_record
    from equiclust.encoders.registry import encoder_names, get_encoder
    from equiclust.encoders.torchvision_encoder import TorchvisionEncoder
    from equiclust.encoders.whitened import WhitenedEncoder

__all__ = [
    "Canonicalized",
    "Encoder",
    "GivenVectors",
    "GroupAveraged",
    "LatentTable",
    "ModuleEncoder",
    "OnnxEncoder",
    "TorchvisionEncoder",
    "WhitenedEncoder",
    "encoder_from_record",
    "encoder_names",
    "encoder_record",
    "get_encoder",
    "read_latents",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    __all__,
    {
        "Canonicalized": "equiclust.encoders.canonicalized",
        "Encoder": "equiclust.encoders.protocol",
        "GivenVectors": "equiclust.encoders.given_vectors",
        "GroupAveraged": "equiclust.encoders.group_averaged",
        "LatentTable": "equiclust.encoders.latent_table",
        "ModuleEncoder": "equiclust.encoders.module_encoder",
        "OnnxEncoder": "equiclust.encoders.onnx_encoder",
        "TorchvisionEncoder": "equiclust.encoders.torchvision_encoder",
        "WhitenedEncoder": "equiclust.encoders.whitened",
        "encoder_from_record": "equiclust.encoders.records",
        "encoder_names": "equiclust.encoders.registry",
        "encoder_record": "equiclust.encoders.records",
        "get_encoder": "equiclust.encoders.registry",
        "read_latents": "equiclust.encoders.latent_files",
    },
)
