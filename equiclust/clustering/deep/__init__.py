"""Clusters that shape the network: DEC, IDEC and DCEC, and self-labelling, on any network."""

from equiclust.clustering.deep.encoding import DEEP_METHODS
from equiclust.clustering.deep.estimator import DeepEmbeddedClustering, Frame
from equiclust.clustering.deep.evidence import Neighbourhood
from equiclust.clustering.deep.history import history_table, moving_average
from equiclust.clustering.deep.self_labelling import SelfLabelling

__all__ = [
    "DEEP_METHODS",
    "DeepEmbeddedClustering",
    "Frame",
    "Neighbourhood",
    "SelfLabelling",
    "history_table",
    "moving_average",
]
