"""Latents to labels: clusterers that can label samples they were not fitted on."""

from equiclust.clustering.pipeline import LatentClusterer, make_clusterer
from equiclust.clustering.spectral import SpectralClustering

__all__ = ["LatentClusterer", "SpectralClustering", "make_clusterer"]
