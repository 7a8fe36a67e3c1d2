"""Latents to labels: clusterers that can label samples they were not fitted on."""

from equiclust.clustering.latent_clusterer import LatentClusterer, make_clusterer
from equiclust.clustering.selection import Choice, choose_n_clusters
from equiclust.clustering.spectral import SpectralClustering

__all__ = [
    "Choice",
    "LatentClusterer",
    "SpectralClustering",
    "choose_n_clusters",
    "make_clusterer",
]
