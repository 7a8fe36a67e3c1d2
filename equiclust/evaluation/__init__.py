"""Evaluation: metrics, invariance, confounders and similarity of images."""

from equiclust.evaluation.confounders import (
    ConfounderRemoval,
    association,
    audit,
    measure_confounders,
    perturb,
    perturbation_stability,
    remove_confounders,
)
from equiclust.evaluation.invariance import Certificate, assert_invariant, certify
from equiclust.evaluation.metrics import (
    adjusted_rand_index,
    clustering_accuracy,
    normalized_mutual_information,
    reconstruction_scores,
)
from equiclust.evaluation.similarity import LatentIndex

__all__ = [
    "Certificate",
    "ConfounderRemoval",
    "LatentIndex",
    "adjusted_rand_index",
    "assert_invariant",
    "association",
    "audit",
    "certify",
    "clustering_accuracy",
    "measure_confounders",
    "normalized_mutual_information",
    "perturb",
    "perturbation_stability",
    "reconstruction_scores",
    "remove_confounders",
]
