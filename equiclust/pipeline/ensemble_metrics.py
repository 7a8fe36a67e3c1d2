"""What `metrics.json` says of the networks, their consensus and its clusters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ensembles import ConsensusResult, KFoldEnsemble
from ensembles.calibration import coverage_curve
from ensembles.reconstruction import ReconstructionEvaluation
from ensembles.refinement import DEEP_METHODS
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.encoders.records import encoder_record
from equiclust.encoders.whitened import WhitenedEncoder

__all__ = ["cluster_metrics", "consensus_metrics", "network_metrics"]

Record = dict[str, Any]


def network_metrics(ensemble: KFoldEnsemble) -> Record:
    """Encoders, and of autoencoders the training and the numbers of a latent.

    Parameters
    ----------
    ensemble : KFoldEnsemble
        Fitted.

    Returns
    -------
    dict of str to object
    """
    encoders = [
        encoder_record(one.used_encoder)
        for one in ensemble.members_
        if isinstance(one, WhitenedEncoder)
    ]
    networks = [one for one in ensemble.members_ if isinstance(one, EquivariantAutoencoder)]
    record: Record = {"encoders": encoders} if encoders else {}
    if not networks:
        return record
    config = networks[0].network_.config
    return {
        **record,
        "histories": [[_finite(epoch) for epoch in member.history_] for member in networks],
        "started_from": networks[0].started_from_,
        "size": {
            "image": config.image_numbers,
            "map": config.map_numbers,
            "latent": config.latent_dim,
        },
    }


def consensus_metrics(
    ensemble: KFoldEnsemble, result: ConsensusResult, evaluated: ReconstructionEvaluation
) -> Record:
    """The members, how well they reconstruct and agree, and how stable the labels are.

    Parameters
    ----------
    ensemble : KFoldEnsemble
        Fitted.
    result : ConsensusResult
        Labels of the images.
    evaluated : ReconstructionEvaluation

    Returns
    -------
    dict of str to object
        Empty for a single network.
    """
    consensus = ensemble.consensus_
    if len(ensemble.members_) == 1:
        return {}
    held_out = ensemble.held_out_.sum(axis=1)
    agreement = (result.member_labels == consensus.best_labels_).mean(axis=1)
    members = [
        {
            "fold": k,
            "n_training": int(ensemble.held_out_.shape[1] - apart),
            "n_held_out": int(apart),
            "held_out": evaluated.members[k],
            "seconds": ensemble.seconds_[k],
            "agreement": float(agreement[k]),
        }
        for k, apart in enumerate(held_out)
    ]
    given = result.labels >= 0
    return {
        "ensemble": {
            "n_folds": len(members),
            "held_out_folds": int(ensemble.held_out_[:, 0].sum()),
            "members": members,
            "held_out": {"member_mean": evaluated.member_mean, "ensemble": evaluated.held_out},
        },
        "stability": {
            "reliability_asked": consensus.reliability,
            "reliability": float(result.stability[given].mean()) if given.any() else None,
            "coverage": float(given.mean()),
            "n_unassigned": int(np.sum(~given)),
            "agreement": float(result.agreement.mean()),
            "agreement_held_out": float(np.nanmean(consensus.agreement_held_out_)),
            "curve": coverage_curve(result.stability),
        },
    }


def cluster_metrics(ensemble: KFoldEnsemble) -> Record:
    """The number of clusters, by which method, and how it was chosen.

    Parameters
    ----------
    ensemble : KFoldEnsemble
        Fitted.

    Returns
    -------
    dict of str to object
    """
    choice = ensemble.choice_
    return {
        "n_clusters": choice.n_clusters,
        "method": ensemble.method
        if ensemble.method in DEEP_METHODS
        else ensemble.consensus_.method_,
        "chosen": "auto" if ensemble.n_clusters == "auto" else "by hand",
        "candidates": [dict(row) for row in choice.scores],
        "votes": dict(choice.votes),
        "unimodal_p": choice.unimodal_p,
    }


def _finite(record: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in record.items() if math.isfinite(value)}
