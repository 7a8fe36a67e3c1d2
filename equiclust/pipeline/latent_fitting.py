"""The part of a run that clusters vectors without images, and its files."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from ensembles import KFoldEnsemble
from ensembles.reconstruction import ReconstructionEvaluation
from equiclust.encoders.latent_files import LatentFile, read_latent_file
from equiclust.images import ImageSet
from equiclust.io.atomic import write_json
from equiclust.io.catalogue_rows import CatalogueRows
from equiclust.io.previews import Previews, write_previews
from equiclust.io.run_folder import RunFolder
from equiclust.pipeline.ensemble_metrics import consensus_metrics, network_metrics
from equiclust.pipeline.fitted_results import (
    NOT_MEASURED,
    FittedClusters,
    cluster_entries,
    cluster_model,
    provenance,
    write_tables,
)
from equiclust.pipeline.inputs import sample_indices
from equiclust.pipeline.settings import RunSettings
from equiclust.preprocessing import Preprocessor
from equiclust.progress import Progress, start_stage

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["LatentSample", "fit_latents"]

_WITHOUT_IMAGES = (
    "Clustered were vectors that were made elsewhere, without their images: there are no pictures, "
    "and whether the clusters follow brightness, size or orientation is not known"
)


class LatentSample(NamedTuple):
    """Vectors to learn from.

    Attributes
    ----------
    found : LatentFile
        Those that are learned from, in the order of the file.
    n_read : int
        Number of all vectors in the file.
    """

    found: LatentFile
    n_read: int

    @classmethod
    def drawn(cls, settings: RunSettings) -> Self:
        """Vectors of a file, or as many as may be learned from, drawn at random.

        Parameters
        ----------
        settings : RunSettings

        Returns
        -------
        LatentSample

        Raises
        ------
        InputError
            When the file cannot be read.
        """
        whole = read_latent_file(settings.latents, numbered=True)
        n = len(whole.latents)
        kept = sample_indices(n, settings.max_samples, settings.recipe.seed)
        return cls(whole if len(kept) == n else whole.take(kept), n)

    @property
    def n_left(self) -> int:
        """Number of vectors that were not drawn."""
        return self.n_read - len(self.found.latents)


def fit_latents(
    folder: RunFolder,
    settings: RunSettings,
    sample: LatentSample,
    started: datetime,
    on_progress: Progress | None = None,
) -> None:
    """Cluster vectors and write everything but the report; the catalogue comes last.

    Parameters
    ----------
    folder : RunFolder
        Created.
    settings : RunSettings
    sample : LatentSample
    started : datetime
        When the run started.
    on_progress : callable, optional
        See `equiclust.progress.Progress`.

    Raises
    ------
    InputError
        When all vectors are equal.
    OutputError
        When the folder cannot be written.
    """
    recipe = settings.recipe
    chooses = recipe.clusters.n_clusters == "auto"
    start_stage(on_progress, "number of clusters" if chooses else "clustering")
    members = [one for one in settings.encoders if one is not None]
    ensemble = KFoldEnsemble(members, **recipe.kfold, n_jobs=settings.n_jobs)
    ensemble.fit_features(sample.found.latents).refine_members(ImageSet())
    if chooses:
        start_stage(on_progress, "clustering")
    ensemble.fit_consensus()
    model = cluster_model(Preprocessor(), ensemble, random_state=recipe.seed)
    measures = _no_measures(sample.found.rows)
    fitted = FittedClusters(model, ensemble.consensus_.result_, measures, {})
    with folder.outputs.replaced(folder.results) as drafts:
        start_stage(on_progress, "writing")
        _write_results(RunFolder(drafts), settings, sample, fitted, started)


def _no_measures(rows: CatalogueRows) -> Table:
    from astropy.table import Table

    return Table({"id": np.array(rows.ids, dtype=np.str_)})


def _write_results(
    drafts: RunFolder,
    settings: RunSettings,
    sample: LatentSample,
    fitted: FittedClusters,
    started: datetime,
) -> None:
    model, ensemble, seed = fitted.model, fitted.model.ensemble, settings.recipe.seed
    rows = sample.found.rows
    model.save(drafts.model)
    write_previews(drafts.previews_npz, Previews.empty())
    none: list[dict[str, float]] = [{} for _ in ensemble.members_]
    nothing = ReconstructionEvaluation(Previews.empty().images, {}, none, {})
    metrics = {
        **network_metrics(ensemble),
        **consensus_metrics(ensemble, fitted.result, nothing),
        "findings": [],
        "notes": _notes(sample, ensemble),
        **cluster_entries(fitted, rows.ids, random_state=seed),
        "check": {"sentence": NOT_MEASURED},
        "provenance": {
            **provenance(settings, started),
            "latents": settings.latents,
            "n_images": len(rows.ids),
            "n_read": sample.n_read,
            "n_left": sample.n_left,
            "n_rejected": 0,
        },
    }
    write_json(drafts.metrics_json, metrics)
    write_tables(drafts, fitted, model.fitted_catalogue(rows), ())


def _notes(sample: LatentSample, ensemble: KFoldEnsemble) -> list[str]:
    drawn = (
        f"Learned from {len(sample.found.latents)} of {sample.n_read} vectors, drawn at random, "
        "which are those of this report and of the catalogue."
    )
    own = [drawn] if sample.n_left else []
    return [_WITHOUT_IMAGES, *own, *ensemble.notes_, *ensemble.choice_.notes]
