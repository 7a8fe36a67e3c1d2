"""Several folds, one answer: a jury of networks, its consensus, and a confidence one can use."""

from ensembles.consensus_clustering import ConsensusClustering, ConsensusResult
from ensembles.kfold import KFoldEnsemble

__all__ = ["ConsensusClustering", "ConsensusResult", "KFoldEnsemble"]
