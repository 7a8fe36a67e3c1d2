"""Scores of clusterings and of reconstructions: pure functions."""

from equiclust.metrics.clustering import (
    adjusted_rand_index,
    clustering_accuracy,
    many_to_one_accuracy,
    normalized_mutual_information,
)
from equiclust.metrics.confusion import (
    ClassScores,
    class_scores,
    confusion_matrix,
    matched_classes,
)
from equiclust.metrics.reconstruction import reconstruction_scores

__all__ = [
    "ClassScores",
    "adjusted_rand_index",
    "class_scores",
    "clustering_accuracy",
    "confusion_matrix",
    "many_to_one_accuracy",
    "matched_classes",
    "normalized_mutual_information",
    "reconstruction_scores",
]
