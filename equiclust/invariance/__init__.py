"""The certificate: how invariant an embedding is at the size it is deployed at. No torch."""

from equiclust.invariance.assertion import assert_invariant
from equiclust.invariance.certificate import Certificate, FamilyError, Measurement
from equiclust.invariance.certify import certify
from equiclust.invariance.measures import Summary
from equiclust.invariance.transforms import Element, quarter_turns, rotate_spline, taper_corners

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
