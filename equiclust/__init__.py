"""Sorts scientific images by shape, at any orientation."""

import logging

from equiclust import _deprecated
from equiclust._lazy import lazy_names
from equiclust._version import __version__

__all__ = [
    "DeepEmbeddedClustering",
    "EquivariantAutoencoder",
    "GroupAveraged",
    "Image",
    "ImageSet",
    "LatentClusterer",
    "LatentIndex",
    "Preprocessor",
    "Run",
    "SelfLabelling",
    "SpectralClustering",
    "__version__",
    "assert_invariant",
    "certify",
    "get_encoder",
    "make_clusterer",
    "measure_inclinations",
    "open_run",
    "read",
    "run",
    "simulate_cloud_cube",
    "simulate_cloud_map",
    "simulate_cloud_patches",
    "simulate_discs",
    "simulate_shapes",
    "simulate_views",
]

# Without a handler of the program's own, Python would print the warnings of the log.
for _name in ("equiclust", "data_adapters", "ensembles"):
    logging.getLogger(_name).addHandler(logging.NullHandler())

_deprecated.install()

__getattr__, __dir__ = lazy_names(
    __name__,
    __all__,
    {
        "DeepEmbeddedClustering": "equiclust.clustering.deep",
        "EquivariantAutoencoder": "equiclust.autoencoder.estimator",
        "GroupAveraged": "equiclust.encoders",
        "Image": "equiclust.images",
        "ImageSet": "equiclust.images",
        "LatentClusterer": "equiclust.clustering",
        "LatentIndex": "equiclust.evaluation.similarity",
        "Preprocessor": "equiclust.preprocessing",
        "Run": "equiclust.pipeline.results",
        "SelfLabelling": "equiclust.clustering.deep",
        "SpectralClustering": "equiclust.clustering",
        "assert_invariant": "equiclust.evaluation.invariance",
        "certify": "equiclust.evaluation.invariance",
        "get_encoder": "equiclust.encoders",
        "make_clusterer": "equiclust.clustering",
        "measure_inclinations": "equiclust.preprocessing.inclination",
        "open_run": "equiclust.pipeline.results",
        "read": "data_adapters",
        "run": "equiclust.pipeline.execution",
        "simulate_cloud_cube": "equiclust.simulation.cloud_cubes",
        "simulate_cloud_map": "equiclust.simulation.cloud_maps",
        "simulate_cloud_patches": "equiclust.simulation.textures",
        "simulate_discs": "equiclust.simulation.discs",
        "simulate_shapes": "equiclust.simulation.shapes",
        "simulate_views": "equiclust.simulation.discs",
    },
)
