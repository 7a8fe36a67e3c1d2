"""Networks trained together with their clusters: DEC, IDEC and DCEC, and self-labelling."""

from equiclust.clustering.deep.dec import DeepEmbeddedClustering
from equiclust.clustering.deep.encoding import DEEP_METHODS
from equiclust.clustering.deep.evidence import Neighbourhood
from equiclust.clustering.deep.history import Frame, history_table, moving_average
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
