"""What a run writes of its fitted clusters, whether they are of images or of vectors alone."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from ensembles import ConsensusResult, KFoldEnsemble
from equiclust import __version__
from equiclust.clustering.cluster_tree import ClusterTree
from equiclust.io.catalogue import make_confounders, make_latents, make_rejected, write_table
from equiclust.io.run_folder import RunFolder
from equiclust.pipeline.ensemble_metrics import cluster_metrics
from equiclust.pipeline.inputs import Rejection
from equiclust.pipeline.levels import level_record
from equiclust.pipeline.model import Model
from equiclust.pipeline.partitions import fit_partitions, partition_record
from equiclust.pipeline.settings import RunSettings
from equiclust.preprocessing import Preprocessor
from equiclust.processes import at_most

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = [
    "NOT_MEASURED",
    "FittedClusters",
    "cluster_entries",
    "cluster_model",
    "provenance",
    "write_tables",
]

Record = dict[str, Any]

NOT_MEASURED = "Invariance not measured: the vectors of a table are not made from the pixels"
"""What a run of vectors says instead of a certificate."""


class FittedClusters(NamedTuple):
    """A fitted model, and its labels of what it was fitted to.

    Attributes
    ----------
    model : Model
    result : ConsensusResult
    measures : astropy.table.Table
        From `measure_confounders`; of vectors without images the column `id` alone.
    removal : dict
        Of confounders; empty where nothing was removed.
    """

    model: Model
    result: ConsensusResult
    measures: Table
    removal: Record


def cluster_model(
    preprocessor: Preprocessor, ensemble: KFoldEnsemble, *, random_state: int
) -> Model:
    """The model of an ensemble, with the levels and the other partitions of its clusters.

    Parameters
    ----------
    preprocessor : Preprocessor
    ensemble : KFoldEnsemble
        Fitted.
    random_state : int

    Returns
    -------
    Model
    """
    vectors = ensemble.transform_latents(ensemble.cleaned_latents_)
    consensus = ensemble.consensus_
    tree = ClusterTree(consensus.n_clusters, random_state=random_state)
    with at_most(ensemble.n_jobs):
        tree.fit(vectors, consensus.best_labels_)
    partitions = fit_partitions(ensemble, random_state=random_state)
    return Model(preprocessor, ensemble, tree=tree, partitions=partitions)


def cluster_entries(fitted: FittedClusters, ids: Sequence[str], *, random_state: int) -> Record:
    """Entries of `metrics.json` on the clusters, their levels, and other partitions.

    Parameters
    ----------
    fitted : FittedClusters
    ids : sequence of str
        Of what the model was fitted to.
    random_state : int
        Draws the sample and the permutations of the audits.

    Returns
    -------
    dict
    """
    model, ensemble = fitted.model, fitted.model.ensemble
    record = {
        **({"removal": fitted.removal} if fitted.removal else {}),
        "clusters": cluster_metrics(ensemble),
        **level_record(model.tree, ensemble.choice_.unimodal_p),
    }
    if model.partitions is None:
        return record
    vectors = ensemble.transform_latents(ensemble.cleaned_latents_)
    return record | partition_record(
        model.partitions,
        model.partitions.predict_partitions(vectors),
        ensemble.consensus_.best_labels_,
        fitted.measures,
        ids=ids,
        random_state=random_state,
    )


def write_tables(
    folder: RunFolder, fitted: FittedClusters, catalogue: Table, rejected: Sequence[Rejection]
) -> None:
    """Write latents, confounders, rejected inputs and catalogue; the catalogue comes last.

    Parameters
    ----------
    folder : RunFolder
    fitted : FittedClusters
    catalogue : astropy.table.Table
        Of what the model was fitted to.
    rejected : sequence of (str, str)
        Path and reason of every input that cannot be used.
    """
    ensemble = fitted.model.ensemble
    ids = catalogue["id"].tolist()
    latents = ensemble.transform_latents(ensemble.latents_)
    write_table(make_latents(ids, latents), folder.latents_fits)
    write_table(make_confounders(ids, fitted.measures), folder.confounders_ecsv)
    write_table(make_rejected(rejected), folder.rejected_ecsv)
    write_table(catalogue, folder.catalogue_fits)
    # Last: its presence marks the run as finished.
    write_table(catalogue, folder.catalogue_ecsv)


def provenance(settings: RunSettings, started: datetime) -> Record:
    """How, when and by what a run was made, for `metrics.json`.

    Parameters
    ----------
    settings : RunSettings
    started : datetime
        When the run started.

    Returns
    -------
    dict
    """
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
    }
