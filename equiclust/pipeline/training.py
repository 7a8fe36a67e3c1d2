"""The part of a run that learns: network, clusters, certificate, and the files of the run."""

from __future__ import annotations

import math
import platform
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ensembles import ConsensusResult, KFoldEnsemble
from ensembles.calibration import coverage_curve
from ensembles.recipes import Recipe
from ensembles.reconstruction import ReconstructionEvaluation, evaluate_reconstruction
from ensembles.refinement import DEEP_METHODS
from equiclust import __version__
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.autoencoder.objectives import PerceptualNetwork, find_weights
from equiclust.cli.parser import PROGRAM
from equiclust.cli.session import Session
from equiclust.exceptions import WeightsNotFoundError
from equiclust.images import ImageSet
from equiclust.io.atomic import write_json
from equiclust.io.catalogue import make_latents, make_rejected, write_table
from equiclust.io.previews import Previews, write_previews
from equiclust.io.run_folder import RunFolder
from equiclust.pipeline.backend import engine
from equiclust.pipeline.confounders import audited
from equiclust.pipeline.inputs import LoadedImages, absolute
from equiclust.pipeline.model import Model
from equiclust.pipeline.model_certificate import certify_model
from equiclust.pipeline.resume import check_same_start
from equiclust.pipeline.run import RunOptions
from equiclust.pipeline.schedule import default_epochs

__all__ = ["fit_and_write"]

_PERCEPTUAL: PerceptualNetwork = "alexnet"
# So many images are rebuilt by every network, for the scores and to be shown.
_MAX_RECONSTRUCTED = 200

FloatArray = npt.NDArray[np.float32]
Record = dict[str, Any]


def fit_and_write(
    session: Session,
    folder: RunFolder,
    options: RunOptions,
    loaded: LoadedImages,
    started: datetime,
) -> None:
    """Learn from the images and write everything but the report; the catalogue comes last."""
    images = loaded.images
    perceptual, note = _perceptual(session, options.recipe)
    check_same_start(folder, images, perceptual)
    ensemble = _trained(session, folder, options, images, perceptual)
    with session.stage("clustering") as update:
        ensemble.refine_members(
            images, checkpoints=folder.checkpoints, on_progress=update
        ).fit_consensus()
    model = Model(loaded.preprocessor, ensemble)
    model.save(folder.model)
    result = ensemble.consensus_.predict_consensus(ensemble.latents_)
    evaluated = _evaluate_reconstruction(session, folder, ensemble, images, result.labels)
    seed = options.recipe.seed
    certified = certify_model(model, loaded.originals, images, session=session, seed=seed)
    write_json(folder.invariance_json, certified.certificate.to_dict())
    audit = audited(session, model, loaded.originals, images, result.labels, seed=seed)
    metrics = {
        **_network_metrics(ensemble),
        **_consensus_metrics(ensemble, result, evaluated),
        **audit.record,
        "findings": audit.findings,
        "perceptual": {"network": perceptual, "note": note},
        "notes": [*([note] if note else []), *ensemble.notes_],
        "reconstruction": evaluated.scores,
        "clusters": _cluster_metrics(ensemble),
        "check": certified.record,
        "provenance": _provenance(session, options, loaded, started),
    }
    write_json(folder.metrics_json, metrics)
    latents = ensemble.transform_latents(ensemble.latents_)
    write_table(make_latents(images.ids, latents), folder.latents_fits)
    write_table(make_rejected(loaded.rejected), folder.rejected_ecsv)
    table = model.catalogue(loaded.originals, result, ensemble.consensus_.agreement_held_out_)
    write_table(table, folder.catalogue_fits)
    # Last: its presence says that the run is finished.
    write_table(table, folder.catalogue_ecsv)


def _perceptual(session: Session, recipe: Recipe) -> tuple[PerceptualNetwork | None, str]:
    """Network of the perceptual term if its weights are to be had, else none and why."""
    if not recipe.objective.perceptual:
        return None, ""
    try:
        find_weights(_PERCEPTUAL)
    except WeightsNotFoundError as error:
        note = f"the perceptual term is off: {error}"
        session.note(f"note: {note}")
        return None, note
    return _PERCEPTUAL, ""


def _trained(
    session: Session,
    folder: RunFolder,
    options: RunOptions,
    images: ImageSet,
    perceptual: PerceptualNetwork | None,
) -> KFoldEnsemble:
    recipe = options.recipe
    autoencoder = EquivariantAutoencoder(
        **recipe.autoencoder, preprocess=False, perceptual=perceptual, device=options.device
    )
    epochs = recipe.training.max_epochs
    if epochs == "auto":
        epochs = default_epochs(len(images), autoencoder)
    ensemble = KFoldEnsemble(
        autoencoder.set_params(max_epochs=epochs), **recipe.kfold, n_jobs=options.n_jobs
    )
    with session.stage("training") as update, engine(options.scheduler):
        ensemble.fit_members(images, checkpoints=folder.checkpoints, on_progress=update)
    return ensemble


def _evaluate_reconstruction(
    session: Session,
    folder: RunFolder,
    ensemble: KFoldEnsemble,
    images: ImageSet,
    labels: npt.NDArray[np.int64],
) -> ReconstructionEvaluation:
    """Reconstructions of a sample of the images, which are written as previews."""
    chosen = _spread_over(labels, _MAX_RECONSTRUCTED)
    shown = images.take(chosen)
    with session.stage("rebuilding") as update:
        evaluated = evaluate_reconstruction(ensemble, shown, ensemble.held_out_[:, chosen], update)
    write_previews(folder.previews_npz, Previews(shown.ids, shown.pixels, evaluated.pixels))
    return evaluated


def _spread_over(labels: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.int64]:
    """Indices of at most so many images, the clusters taking turns."""
    place = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        place[members] = np.arange(len(members))
    return np.sort(np.argsort(place, kind="stable")[:most])


def _network_metrics(ensemble: KFoldEnsemble) -> Record:
    config = ensemble.members_[0].network_.config
    return {
        "histories": [
            [_finite(record) for record in member.history_] for member in ensemble.members_
        ],
        "started_from": ensemble.members_[0].started_from_,
        "size": {
            "image": config.image_numbers,
            "map": config.map_numbers,
            "latent": config.latent_dim,
        },
    }


def _consensus_metrics(
    ensemble: KFoldEnsemble, result: ConsensusResult, evaluated: ReconstructionEvaluation
) -> Record:
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
        "confidence": {
            "reliability_asked": consensus.reliability,
            "reliability": float(result.confidence[given].mean()) if given.any() else None,
            "coverage": float(given.mean()),
            "n_unassigned": int(np.sum(~given)),
            "agreement": float(result.agreement.mean()),
            "agreement_held_out": float(np.nanmean(consensus.agreement_held_out_)),
            "curve": coverage_curve(result.confidence),
        },
    }


def _cluster_metrics(ensemble: KFoldEnsemble) -> Record:
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


def _provenance(
    session: Session, options: RunOptions, loaded: LoadedImages, started: datetime
) -> Record:
    return {
        "version": __version__,
        "command": shlex.join([PROGRAM, *session.words]),
        "started": started.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "random_state": options.recipe.seed,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "platform": platform.platform(),
        "inputs": absolute(options.inputs),
        "n_images": len(loaded.images),
        "n_rejected": len(loaded.rejected),
        "preprocessing": loaded.preprocessor.get_params(),
    }
