"""Whether clusters are shapes, or only orientations, levels of brightness, noise, sizes, frames."""

from equiclust.nuisance.association import Association, association, holm
from equiclust.nuisance.audit import audit, is_suspect
from equiclust.nuisance.measures import measure_nuisances
from equiclust.nuisance.perturbation import perturb, perturbation_stability

__all__ = [
    "Association",
    "association",
    "audit",
    "holm",
    "is_suspect",
    "measure_nuisances",
    "perturb",
    "perturbation_stability",
]
