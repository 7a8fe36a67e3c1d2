"""Ensembles of networks by K folds, consensus clustering of their latents, and recipes."""

from ensembles.consensus_clustering import ConsensusClustering
from ensembles.consensus_result import ConsensusResult
from ensembles.kfold import KFoldEnsemble

__all__ = ["ConsensusClustering", "ConsensusResult", "KFoldEnsemble"]
