"""Vectors that other code saved: clustered without images, taught, and reported."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from safetensors.torch import load_file
from torchvision.models import alexnet

import equiclust
from benchmarks.tables import Table
from equiclust.evaluation.metrics import clustering_accuracy

__all__ = ["other_latents_table"]

_N_LABELS = 30
_BATCH = 50


def other_latents_table() -> Table:
    """Steel defects by AlexNet of torchvision, whose vectors pyarrow saves."""
    with np.load(Path(os.environ["EQUICLUST_DATA"], "neu_steel.npz")) as archive:
        images, kinds = archive["images"], archive["labels"]
    with TemporaryDirectory() as folder:
        path = Path(folder, "torchvision.parquet")
        _save(images, path)
        rows = list(_measured(path, kinds, Path(folder)))
    title = (
        f"NEU steel, {len(images)} images: vectors of torchvision's AlexNet, saved by pyarrow and "
        "clustered without the images"
    )
    return Table("other_latents", title, rows)


def _save(images: np.ndarray, path: Path) -> None:
    """Vectors as a program without equiclust would save them."""
    import pyarrow
    from pyarrow import parquet

    network = alexnet().features[:11].eval()
    weights = load_file(Path(os.environ["EQUICLUST_WEIGHTS"], "alexnet_features.safetensors"))
    known = {name.removeprefix("features."): value for name, value in weights.items()}
    network.load_state_dict({name: known[name] for name in network.state_dict()})
    vectors = []
    with torch.inference_mode():
        for start in range(0, len(images), _BATCH):
            pixels = torch.from_numpy(images[start : start + _BATCH].astype(np.float32) / 255)
            maps = network(((pixels - 0.45) / 0.225)[:, None].expand(-1, 3, -1, -1))
            vectors.append(torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1).numpy())
    rows = np.concatenate(vectors)
    ids = [f"steel {k}" for k in range(len(rows))]
    parquet.write_table(pyarrow.table({"id_str": ids, "embedding": rows.tolist()}), path)


def _measured(path: Path, kinds: np.ndarray, folder: Path) -> Iterator[dict[str, object]]:
    run = equiclust.run(latents=path, output=folder / "sorted", n_clusters=6)
    best = run.model.ensemble.consensus_.best_labels_
    known = run.labels >= 0
    yield {
        "what": "six clusters, of those labelled",
        "share labelled": float(known.mean()),
        "accuracy": clustering_accuracy(kinds[known], run.labels[known]),
    }
    yield {
        "what": "six clusters, all labelled",
        "share labelled": 1.0,
        "accuracy": clustering_accuracy(kinds, best),
    }
    names = {f"steel {k}": f"kind {kind}" for k, kind in enumerate(kinds)}
    asked = run.suggest(_N_LABELS)["id"]
    taught = run.teach({str(one): names[str(one)] for one in asked}, output=folder / "taught")
    right = [names[str(row["id"])] == row["kind"] for row in taught.catalogue]
    yield {
        "what": f"taught by {_N_LABELS} labels",
        "share labelled": 1.0,
        "accuracy": float(np.mean(right)),
    }
