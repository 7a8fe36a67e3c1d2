"""Metrics of clusterings, retrieval and reconstructions: pure functions."""

from equiclust.evaluation.metrics.clustering import (
    adjusted_rand_index,
    clustering_accuracy,
    many_to_one_accuracy,
    match_one_to_one,
    normalized_mutual_information,
)
from equiclust.evaluation.metrics.confusion import (
    ClassScores,
    class_scores,
    confusion_matrix,
    matched_classes,
)
from equiclust.evaluation.metrics.reconstruction import reconstruction_scores
from equiclust.evaluation.metrics.retrieval import mean_average_precision, recall_at_k

__all__ = [
    "ClassScores",
    "adjusted_rand_index",
    "class_scores",
    "clustering_accuracy",
    "confusion_matrix",
    "many_to_one_accuracy",
    "match_one_to_one",
    "matched_classes",
    "mean_average_precision",
    "normalized_mutual_information",
    "recall_at_k",
    "reconstruction_scores",
]
