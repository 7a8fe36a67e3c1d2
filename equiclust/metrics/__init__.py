"""Scores of clusterings and of reconstructions: pure functions."""

from equiclust.metrics.clustering import (
    adjusted_rand_index,
    clustering_accuracy,
    normalized_mutual_information,
)
from equiclust.metrics.reconstruction import reconstruction_scores

__all__ = [
    "adjusted_rand_index",
    "clustering_accuracy",
    "normalized_mutual_information",
    "reconstruction_scores",
]
