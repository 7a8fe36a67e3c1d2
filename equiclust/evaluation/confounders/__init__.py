"""Confounders: whether clusters are shapes, or only orientations, noise or sizes."""

from equiclust.evaluation.confounders.association import Association, association, holm
from equiclust.evaluation.confounders.audit import audit, is_suspect
from equiclust.evaluation.confounders.image_properties import measure_confounders
from equiclust.evaluation.confounders.perturbation import perturb, perturbation_stability

__all__ = [
    "Association",
    "association",
    "audit",
    "holm",
    "is_suspect",
    "measure_confounders",
    "perturb",
    "perturbation_stability",
]
