"""The part of a run that learns, and the files of the run."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from ensembles import ConsensusResult, KFoldEnsemble
from ensembles.backend import training_backend
from ensembles.recipes import Recipe
from ensembles.reconstruction import ReconstructionEvaluation, evaluate_reconstruction
from ensembles.refinement import DEEP_METHODS
from equiclust import __version__
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.autoencoder.objectives import PerceptualNetwork, find_weights
from equiclust.clustering.cluster_tree import ClusterTree
from equiclust.evaluation.confounders import measure_confounders
from equiclust.exceptions import EquiclustWarning, WeightsNotFoundError
from equiclust.images import ImageSet
from equiclust.io.atomic import write_json
from equiclust.io.catalogue import make_confounders, make_latents, make_rejected, write_table
from equiclust.io.notes import note_text
from equiclust.io.previews import Previews, write_previews
from equiclust.io.run_folder import RunFolder
from equiclust.pipeline.confounders import audit_confounders
from equiclust.pipeline.default_epochs import default_epochs
from equiclust.pipeline.descriptions import cluster_records
from equiclust.pipeline.ensemble_metrics import (
    cluster_metrics,
    consensus_metrics,
    network_metrics,
)
from equiclust.pipeline.inclinations import inclination_findings
from equiclust.pipeline.inputs import LoadedImages
from equiclust.pipeline.levels import level_record
from equiclust.pipeline.model import Model
from equiclust.pipeline.model_certificate import certify_model
from equiclust.pipeline.partitions import fit_partitions, partition_record
from equiclust.pipeline.removal import fit_clusters
from equiclust.pipeline.resume import check_same_start
from equiclust.pipeline.settings import RunSettings
from equiclust.processes import at_most
from equiclust.progress import Progress, start_stage
from equiclust.typing import IntArray

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["fit_and_write"]

_PERCEPTUAL: PerceptualNetwork = "alexnet"
# Images that every network reconstructs, for the scores and the report.
_MAX_RECONSTRUCTED = 200
_NOT_MEASURED = "Invariance not measured: the vectors of a table are not made from the pixels"

Record = dict[str, Any]


class _Fitted(NamedTuple):
    """The fitted model, its labels of the images, and how it was trained."""

    model: Model
    result: ConsensusResult
    measures: Table
    # Of confounders; empty where nothing was removed.
    removal: Record
    perceptual: PerceptualNetwork | None
    # Why there is no perceptual term.
    note: str


def fit_and_write(
    folder: RunFolder,
    settings: RunSettings,
    loaded: LoadedImages,
    started: datetime,
    on_progress: Progress | None = None,
) -> None:
    """Learn from the images and write everything but the report; the catalogue comes last.

    Parameters
    ----------
    folder : RunFolder
        Created; what a stopped run left in it is used.
    settings : RunSettings
    loaded : LoadedImages
    started : datetime
        When the run started.
    on_progress : callable, optional
        See `equiclust.progress.Progress`.

    Raises
    ------
    OutputError
        When the folder holds the training of other images, or cannot be written.
    """
    images = loaded.images
    perceptual, note = _perceptual(settings.recipe)
    check_same_start(folder, images, perceptual)
    ensemble = _trained(folder, settings, images, perceptual, on_progress)
    start_stage(on_progress, "confounders")
    measures = measure_confounders(loaded.originals, images)
    recipe = settings.recipe
    chooses = recipe.clusters.n_clusters == "auto" and ensemble.method not in DEEP_METHODS
    update = start_stage(on_progress, "number of clusters" if chooses else "clustering")
    ensemble.refine_members(images, checkpoints=folder.checkpoints, on_progress=update)
    if chooses:
        start_stage(on_progress, "clustering")
    removal = fit_clusters(ensemble, measures, recipe.clusters, random_state=recipe.seed)
    model = Model(
        loaded.preprocessor,
        ensemble,
        tree=_tree(ensemble, recipe.seed),
        partitions=fit_partitions(ensemble, random_state=recipe.seed),
    )
    result = ensemble.consensus_.result_
    fitted = _Fitted(model, result, measures, removal, perceptual, note)
    with folder.outputs.replaced(folder.results) as drafts:
        _write_results(RunFolder(drafts), settings, loaded, fitted, started, on_progress)


def _tree(ensemble: KFoldEnsemble, seed: int) -> ClusterTree:
    """Levels above and below the clusters."""
    vectors = ensemble.transform_latents(ensemble.cleaned_latents_)
    consensus = ensemble.consensus_
    tree = ClusterTree(consensus.n_clusters, random_state=seed)
    with at_most(ensemble.n_jobs):
        return tree.fit(vectors, consensus.best_labels_)


def _write_results(
    drafts: RunFolder,
    settings: RunSettings,
    loaded: LoadedImages,
    fitted: _Fitted,
    started: datetime,
    on_progress: Progress | None,
) -> None:
    """Measure the fitted model, and write everything but the report."""
    model, result, ensemble = fitted.model, fitted.result, fitted.model.ensemble
    originals, images, seed = loaded.originals, loaded.images, settings.recipe.seed
    start_stage(on_progress, "writing")
    model.save(drafts.model)
    evaluated = _reconstructions(drafts, ensemble, images, result.labels, on_progress)
    check = _certified(drafts, loaded, model, seed, on_progress)
    audit = audit_confounders(
        model, originals, fitted.measures, result.labels, random_state=seed, on_progress=on_progress
    )
    start_stage(on_progress, "writing")
    latents = ensemble.transform_latents(ensemble.latents_)
    described = cluster_records(originals, images, result, latents, random_state=seed)
    table = _catalogue(loaded, fitted)
    metrics = {
        **network_metrics(ensemble),
        **consensus_metrics(ensemble, result, evaluated),
        **audit.record,
        "findings": [*audit.findings, *inclination_findings(table)],
        **({"removal": fitted.removal} if fitted.removal else {}),
        "perceptual": {"network": fitted.perceptual, "note": fitted.note},
        "notes": _notes(loaded, fitted),
        "reconstruction": evaluated.scores,
        "clusters": cluster_metrics(ensemble),
        "cluster_descriptions": described,
        **level_record(model.tree, ensemble.choice_.unimodal_p),
        **_partitions(fitted, images.ids, seed),
        "check": check,
        "provenance": _provenance(settings, loaded, started),
    }
    write_json(drafts.metrics_json, metrics)
    _write_tables(drafts, loaded, fitted, table)


def _certified(
    drafts: RunFolder, loaded: LoadedImages, model: Model, seed: int, on_progress: Progress | None
) -> Record:
    """Write the certificate, and return its summary."""
    if not model.sees_pixels:
        return {"sentence": _NOT_MEASURED}
    certified = certify_model(
        model, loaded.originals, loaded.images, random_state=seed, on_progress=on_progress
    )
    write_json(drafts.invariance_json, certified.certificate.to_dict())
    return certified.record


def _partitions(fitted: _Fitted, ids: Sequence[str], seed: int) -> Record:
    ensemble, partitions = fitted.model.ensemble, fitted.model.partitions
    if partitions is None:
        return {}
    labels = partitions.predict_partitions(ensemble.transform_latents(ensemble.cleaned_latents_))
    main = ensemble.consensus_.best_labels_
    return partition_record(partitions, labels, main, fitted.measures, ids=ids, random_state=seed)


def _notes(loaded: LoadedImages, fitted: _Fitted) -> list[str]:
    """What a user should read, in the order in which it came up."""
    ensemble = fitted.model.ensemble
    own = [*loaded.note, *([fitted.note] if fitted.note else [])]
    return [*map(note_text, loaded.notes), *own, *ensemble.notes_, *ensemble.choice_.notes]


def _catalogue(loaded: LoadedImages, fitted: _Fitted) -> Table:
    model, ensemble = fitted.model, fitted.model.ensemble
    agreement = ensemble.consensus_.agreement_held_out_
    table = model.catalogue(loaded.originals, fitted.result, agreement)
    return model.with_other_labels(table, ensemble.cleaned_latents_)


def _write_tables(
    folder: RunFolder, loaded: LoadedImages, fitted: _Fitted, catalogue: Table
) -> None:
    ensemble = fitted.model.ensemble
    latents = ensemble.transform_latents(ensemble.latents_)
    write_table(make_latents(loaded.images.ids, latents), folder.latents_fits)
    write_table(make_confounders(loaded.images.ids, fitted.measures), folder.confounders_ecsv)
    write_table(make_rejected(loaded.rejected), folder.rejected_ecsv)
    write_table(catalogue, folder.catalogue_fits)
    # Last: its presence marks the run as finished.
    write_table(catalogue, folder.catalogue_ecsv)


def _perceptual(recipe: Recipe) -> tuple[PerceptualNetwork | None, str]:
    """Network of the perceptual term if its weights are available, else None and the reason."""
    if not recipe.objective.perceptual or not recipe.network.trains:
        return None, ""
    try:
        find_weights(_PERCEPTUAL)
    except WeightsNotFoundError as error:
        note = f"the perceptual term is off: {error}"
        warnings.warn(note, EquiclustWarning, stacklevel=2)
        return None, note
    return _PERCEPTUAL, ""


def _trained(
    folder: RunFolder,
    settings: RunSettings,
    images: ImageSet,
    perceptual: PerceptualNetwork | None,
    on_progress: Progress | None,
) -> KFoldEnsemble:
    recipe = settings.recipe
    estimators = [
        one or _autoencoder(settings, len(images), perceptual) for one in settings.encoders
    ]
    ensemble = KFoldEnsemble(estimators, **recipe.kfold, n_jobs=settings.n_jobs)
    update = start_stage(on_progress, "training" if recipe.network.trains else "encoding")
    with training_backend(settings.scheduler):
        ensemble.fit_members(
            images,
            checkpoints=folder.checkpoints,
            on_progress=update,
            on_encoding=None if on_progress is None else partial(on_progress, "encoding"),
            stop_request=folder.stop_request,
        )
    return ensemble


def _autoencoder(
    settings: RunSettings, n_images: int, perceptual: PerceptualNetwork | None
) -> EquivariantAutoencoder:
    recipe = settings.recipe
    autoencoder = EquivariantAutoencoder(
        **recipe.autoencoder, preprocess=False, perceptual=perceptual, device=settings.device
    )
    epochs = recipe.training.max_epochs
    if epochs == "auto":
        epochs = default_epochs(n_images, autoencoder)
    return autoencoder.set_params(max_epochs=epochs)  # type: ignore[no-any-return]


def _reconstructions(
    folder: RunFolder,
    ensemble: KFoldEnsemble,
    images: ImageSet,
    labels: IntArray,
    on_progress: Progress | None,
) -> ReconstructionEvaluation:
    """Reconstructions of a sample of the images, which are written as previews."""
    chosen = _balanced_sample(labels, _MAX_RECONSTRUCTED)
    sample = images.take(chosen)
    trained = any(isinstance(one, EquivariantAutoencoder) for one in ensemble.members_)
    update = start_stage(on_progress, "reconstruction" if trained else "pictures")
    evaluated = evaluate_reconstruction(ensemble, sample, ensemble.held_out_[:, chosen], update)
    write_previews(folder.previews_npz, Previews(sample.ids, sample.pixels, evaluated.pixels))
    return evaluated


def _balanced_sample(labels: IntArray, most: int) -> IntArray:
    """Sorted indices of at most `most` images, taken from the clusters in turn."""
    rank = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        rank[members] = np.arange(len(members))
    return np.sort(np.argsort(rank, kind="stable")[:most])


def _provenance(settings: RunSettings, loaded: LoadedImages, started: datetime) -> Record:
    return {
        "version": __version__,
        "command": settings.command,
        "started": started.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "random_state": settings.recipe.seed,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "platform": platform.platform(),
        "inputs": settings.input_names,
        "n_images": len(loaded.images),
        "n_read": loaded.n_read,
        "n_left": loaded.n_left,
        "n_rejected": len(loaded.rejected),
        "reading_notes": list(loaded.notes),
        "preprocessing": loaded.preprocessor.get_params(),
    }
