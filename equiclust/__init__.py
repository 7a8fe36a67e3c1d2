"""Sorts scientific images by shape, whatever way they happen to lie on the sky."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Where each public name lives. Looked up on first use: importing this package imports no torch.
_HOMES = {
    "DeepEmbeddedClustering": "equiclust.clustering.deep",
    "EquivariantAutoencoder": "equiclust.autoencoder.estimator",
    "Image": "equiclust.images",
    "ImageSet": "equiclust.images",
    "LatentClusterer": "equiclust.clustering",
    "LatentIndex": "equiclust.evaluation.similarity",
    "Preprocessor": "equiclust.preprocessing",
    "SelfLabelling": "equiclust.clustering.deep",
    "SpectralClustering": "equiclust.clustering",
    "assert_invariant": "equiclust.evaluation.invariance",
    "certify": "equiclust.evaluation.invariance",
    "make_clusterer": "equiclust.clustering",
    "measure_inclinations": "equiclust.preprocessing.inclination",
    "read": "data_adapters",
    "simulate_cloud_cube": "equiclust.simulation.cloud_cubes",
    "simulate_cloud_map": "equiclust.simulation.cloud_maps",
    "simulate_cloud_patches": "equiclust.simulation.textures",
    "simulate_discs": "equiclust.simulation.discs",
    "simulate_shapes": "equiclust.simulation.shapes",
    "simulate_views": "equiclust.simulation.discs",
}

__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'equiclust' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
