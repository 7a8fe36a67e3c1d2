"""The part of a run that learns, and the files of the run."""

from __future__ import annotations

import warnings
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ensembles import KFoldEnsemble
from ensembles.backend import training_backend
from ensembles.recipes import Recipe
from ensembles.recipes.tables import AUTO
from ensembles.reconstruction import ReconstructionEvaluation, evaluate_reconstruction
from ensembles.refinement import DEEP_METHODS
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.autoencoder.objectives import PerceptualNetwork, find_weights
from equiclust.encoders.whitened import WhitenedEncoder
from equiclust.evaluation.confounders import measure_confounders
from equiclust.exceptions import EquiclustWarning, WeightsNotFoundError
from equiclust.images import ImageSet
from equiclust.io.atomic import write_json
from equiclust.io.notes import note_text
from equiclust.io.previews import Previews, write_previews
from equiclust.io.run_folder import RunFolder
from equiclust.pipeline.confounders import audit_confounders
from equiclust.pipeline.default_epochs import default_epochs
from equiclust.pipeline.descriptions import cluster_records
from equiclust.pipeline.ensemble_metrics import (
    consensus_metrics,
    network_metrics,
)
from equiclust.pipeline.fitted_results import (
    NOT_MEASURED,
    FittedClusters,
    cluster_entries,
    cluster_model,
    provenance,
    write_tables,
)
from equiclust.pipeline.inclinations import inclination_findings
from equiclust.pipeline.inputs import LoadedImages
from equiclust.pipeline.model import Model
from equiclust.pipeline.model_certificate import certify_model
from equiclust.pipeline.removal import fit_clusters
from equiclust.pipeline.resume import check_same_start
from equiclust.pipeline.settings import RunSettings
from equiclust.progress import Progress, start_stage
from equiclust.typing import IntArray

__all__ = ["fit_and_write"]

_PERCEPTUAL: PerceptualNetwork = "alexnet"
_CHANNELS_OF_PHOTOGRAPHS = (1, 3)
# Images that every network reconstructs, for the scores and the report.
_MAX_RECONSTRUCTED = 200

Record = dict[str, Any]


class _Fitted(NamedTuple):
    """The fitted clusters, and how the networks were trained."""

    clusters: FittedClusters
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
    model = cluster_model(loaded.preprocessor, ensemble, random_state=recipe.seed)
    clusters = FittedClusters(model, ensemble.consensus_.result_, measures, removal)
    fitted = _Fitted(clusters, perceptual, note)
    with folder.outputs.replaced(folder.results) as drafts:
        _write_results(RunFolder(drafts), settings, loaded, fitted, started, on_progress)


def _write_results(
    drafts: RunFolder,
    settings: RunSettings,
    loaded: LoadedImages,
    fitted: _Fitted,
    started: datetime,
    on_progress: Progress | None,
) -> None:
    """Measure the fitted model, and write everything but the report."""
    model, result, measures, _ = fitted.clusters
    ensemble, originals, images = model.ensemble, loaded.originals, loaded.images
    seed = settings.recipe.seed
    start_stage(on_progress, "writing")
    model.save(drafts.model)
    evaluated = _reconstructions(drafts, ensemble, images, result.labels, on_progress)
    check = _certified(drafts, loaded, model, seed, on_progress)
    audit = audit_confounders(
        model, originals, measures, result.labels, random_state=seed, on_progress=on_progress
    )
    start_stage(on_progress, "writing")
    latents = ensemble.transform_latents(ensemble.latents_)
    described = cluster_records(originals, images, result, latents, random_state=seed)
    table = model.fitted_catalogue(originals)
    metrics = {
        **network_metrics(ensemble),
        **consensus_metrics(ensemble, result, evaluated),
        **audit.record,
        "findings": [*audit.findings, *inclination_findings(table)],
        "perceptual": {"network": fitted.perceptual, "note": fitted.note},
        "notes": _notes(loaded, fitted),
        "reconstruction": evaluated.scores,
        "cluster_descriptions": described,
        **cluster_entries(fitted.clusters, images.ids, random_state=seed),
        "check": check,
        "provenance": _provenance(settings, loaded, started),
    }
    write_json(drafts.metrics_json, metrics)
    write_tables(drafts, fitted.clusters, table, loaded.rejected)


def _certified(
    drafts: RunFolder, loaded: LoadedImages, model: Model, seed: int, on_progress: Progress | None
) -> Record:
    """Write the certificate, and return its summary."""
    if not model.sees_pixels:
        return {"sentence": NOT_MEASURED}
    certified = certify_model(
        model, loaded.originals, loaded.images, random_state=seed, on_progress=on_progress
    )
    write_json(drafts.invariance_json, certified.certificate.to_dict())
    return certified.record


def _notes(loaded: LoadedImages, fitted: _Fitted) -> list[str]:
    """What a user should read, in the order in which it came up."""
    ensemble = fitted.clusters.model.ensemble
    own = [*loaded.note, *([fitted.note] if fitted.note else [])]
    return [*map(note_text, loaded.notes), *own, *ensemble.notes_, *ensemble.choice_.notes]


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
    encoders = _encoders(settings, images)
    estimators = [one or _autoencoder(settings, len(images), perceptual) for one in encoders]
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


def _encoders(settings: RunSettings, images: ImageSet) -> list[WhitenedEncoder | None]:
    """Encoders of the recipe; of "auto" those that take this number of channels."""
    n_channels = images[0].shape[0]
    if settings.recipe.network.encoder != AUTO or n_channels in _CHANNELS_OF_PHOTOGRAPHS:
        return settings.encoders
    if len(settings.encoders) > 1:
        warnings.warn(
            f"images have {n_channels} channels, where small_alexnet takes 1 or 3; the encoder is "
            "own alone",
            EquiclustWarning,
            stacklevel=2,
        )
    return [one for one in settings.encoders if one is None]


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
        **provenance(settings, started),
        "n_images": len(loaded.images),
        "n_read": loaded.n_read,
        "n_left": loaded.n_left,
        "n_rejected": len(loaded.rejected),
        "reading_notes": list(loaded.notes),
        "preprocessing": loaded.preprocessor.get_params(),
    }
