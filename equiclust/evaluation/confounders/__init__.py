"""Confounders: whether clusters are shapes, or only sizes, noise, ...; and their removal."""

from equiclust.evaluation.confounders.association import Association, association, holm
from equiclust.evaluation.confounders.audit import audit, is_suspect
from equiclust.evaluation.confounders.image_properties import measure_confounders
from equiclust.evaluation.confounders.perturbation import perturb, perturbation_stability
from equiclust.evaluation.confounders.removal import ConfounderRemoval, remove_confounders

__all__ = [
    "Association",
    "ConfounderRemoval",
    "association",
    "audit",
    "holm",
    "is_suspect",
    "measure_confounders",
    "perturb",
    "perturbation_stability",
    "remove_confounders",
]
