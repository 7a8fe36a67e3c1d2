"""Invariance: how much an embedding changes when images are rotated and mirrored."""

from equiclust.evaluation.invariance.assertion import assert_invariant
from equiclust.evaluation.invariance.certificate import Certificate, FamilyError, Measurement
from equiclust.evaluation.invariance.certify import certify
from equiclust.evaluation.invariance.error_measures import Summary
from equiclust.evaluation.invariance.transforms import (
    Element,
    quarter_turns,
    rotate_spline,
    taper_corners,
)

__all__ = [
    "Certificate",
    "Element",
    "FamilyError",
    "Measurement",
    "Summary",
    "assert_invariant",
    "certify",
    "quarter_turns",
    "rotate_spline",
    "taper_corners",
]
