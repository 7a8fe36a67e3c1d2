"""Deep embedded clustering: DEC, IDEC and DCEC on any network."""

from equiclust.clustering.deep.estimator import DeepEmbeddedClustering, Frame
from equiclust.clustering.deep.evidence import Neighbourhood
from equiclust.clustering.deep.history import history_table, moving_average

__all__ = [
    "DeepEmbeddedClustering",
    "Frame",
    "Neighbourhood",
    "history_table",
    "moving_average",
]
