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

from equiclust import __version__
from equiclust.autoencoder import EquivariantAutoencoder
from equiclust.catalogue import make_latents, make_rejected, write_table
from equiclust.cli.certificate import certify_model
from equiclust.cli.inputs import Gathered, absolute
from equiclust.cli.model import Model, encode, label_images, rebuild
from equiclust.cli.options import RunOptions
from equiclust.cli.parser import PROGRAM
from equiclust.cli.resume import check_same_start
from equiclust.cli.schedule import default_epochs
from equiclust.cli.session import Session
from equiclust.clustering import LatentClusterer, make_clusterer
from equiclust.clustering.selection import Choice, choose_n_clusters
from equiclust.exceptions import WeightsNotFoundError
from equiclust.images import ImageSet
from equiclust.metrics import reconstruction_scores
from equiclust.objectives import PerceptualNetwork, find_weights
from equiclust.persistence import atomic_path, write_json
from equiclust.run_folder import RunFolder

__all__ = ["fit_and_write"]

_PERCEPTUAL: PerceptualNetwork = "alexnet"
_MOST_SCORED = 1000
_MOST_PREVIEWS = 200

FloatArray = npt.NDArray[np.float32]
Record = dict[str, Any]


def fit_and_write(
    session: Session,
    folder: RunFolder,
    options: RunOptions,
    gathered: Gathered,
    started: datetime,
) -> None:
    """Learn from the images and write everything but the report; the catalogue comes last."""
    images = gathered.images
    perceptual, note = _perceptual(session)
    check_same_start(folder, images, perceptual)
    autoencoder = _trained(session, folder, options, images, perceptual)
    with session.stage("encoding") as update:
        latents = encode(autoencoder, images, update)
    with session.stage("clustering"):
        clusterer, clusters = _clustered(latents, options)
    model = Model(gathered.preprocessor, autoencoder, clusterer)
    model.save(folder.model)
    table = label_images(clusterer, gathered.originals, latents)
    labels = np.asarray(table["label"])
    with session.stage("rebuilding") as update:
        reconstruction = _reconstructed(folder, autoencoder, images, labels, update)
    certified = certify_model(model, gathered.originals, images, session=session, seed=options.seed)
    write_json(folder.invariance_json, certified.certificate.to_dict())
    metrics = {
        **_network_metrics(autoencoder),
        "perceptual": {"network": perceptual, "note": note},
        "notes": [*([note] if note else []), *autoencoder.notes_],
        "reconstruction": reconstruction,
        "clusters": clusters,
        "check": certified.record,
        "provenance": _provenance(session, options, gathered, started),
    }
    write_json(folder.metrics_json, metrics)
    write_table(make_latents(images.ids, latents), folder.latents_fits)
    write_table(make_rejected(gathered.rejected), folder.rejected_ecsv)
    write_table(table, folder.catalogue_fits)
    # Last: its presence says that the run is finished.
    write_table(table, folder.catalogue_ecsv)


def _perceptual(session: Session) -> tuple[PerceptualNetwork | None, str]:
    """Network of the perceptual term if its weights are to be had, else none and why."""
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
) -> EquivariantAutoencoder:
    epochs = options.max_epochs
    if epochs == "auto":
        epochs = default_epochs(len(images), options.size)
    autoencoder = EquivariantAutoencoder(
        options.group,
        latent_dim=options.latent_dim,
        size=options.size,
        preprocess=False,
        perceptual=perceptual,
        max_epochs=epochs,
        device=options.device,
        random_state=options.seed,
    )
    with session.stage("training") as update:
        autoencoder.fit(
            images,
            checkpoints=folder.checkpoints,
            on_epoch=lambda record: update(
                int(record["epoch"]) + 1, epochs, f"loss {record['total']:.4f}"
            ),
        )
    return autoencoder


def _clustered(latents: FloatArray, options: RunOptions) -> tuple[LatentClusterer, Record]:
    """A fitted clusterer, and how its number of clusters came about."""
    if options.n_clusters == "auto":
        choice = choose_n_clusters(latents, random_state=options.seed)
        chosen = "auto"
    else:
        choice, chosen = Choice(options.n_clusters, {}, ()), "by hand"
    clusterer = make_clusterer(options.method, choice.n_clusters, random_state=options.seed)
    record = {
        "n_clusters": choice.n_clusters,
        "method": options.method,
        "chosen": chosen,
        "candidates": [dict(row) for row in choice.scores],
        "votes": dict(choice.votes),
    }
    return clusterer.fit(latents), record


def _reconstructed(
    folder: RunFolder,
    autoencoder: EquivariantAutoencoder,
    images: ImageSet,
    labels: npt.NDArray[np.int64],
    update: Any,
) -> dict[str, float]:
    """Scores of the reconstructions, of a sample of a large set; some are written as previews."""
    scored = images.take(np.linspace(0, len(images) - 1, min(len(images), _MOST_SCORED)).round())
    scores = reconstruction_scores(scored.pixels, rebuild(autoencoder, scored, update), scored.mask)
    shown = images.take(_spread_over(labels, _MOST_PREVIEWS))
    with atomic_path(folder.previews_npz) as draft:
        np.savez_compressed(
            draft,
            ids=np.array(shown.ids),
            images=shown.pixels,
            reconstructions=rebuild(autoencoder, shown, update),
        )
    return scores


def _spread_over(labels: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.int64]:
    """Indices of at most so many images, the clusters taking turns."""
    place = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        place[members] = np.arange(len(members))
    return np.sort(np.argsort(place, kind="stable")[:most])


def _network_metrics(autoencoder: EquivariantAutoencoder) -> Record:
    config = autoencoder.network_.config
    return {
        "history": [_finite(record) for record in autoencoder.history_],
        "size": {
            "image": config.image_numbers,
            "map": config.map_numbers,
            "latent": config.latent_dim,
        },
    }


def _finite(record: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in record.items() if math.isfinite(value)}


def _provenance(
    session: Session, options: RunOptions, gathered: Gathered, started: datetime
) -> Record:
    return {
        "version": __version__,
        "command": shlex.join([PROGRAM, *session.words]),
        "started": started.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "random_state": options.seed,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "platform": platform.platform(),
        "inputs": absolute(options.inputs),
        "n_images": len(gathered.images),
        "n_rejected": len(gathered.rejected),
        "preprocessing": gathered.preprocessor.get_params(),
    }
