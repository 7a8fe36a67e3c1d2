"""Networks of benchmarks, trained once and read ever after."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from equiclust.autoencoder import EquivariantAutoencoder
from equiclust.persistence import read_json, replace_folder, write_json

__all__ = ["kept_network", "training_seconds"]

_RECORD = "record.json"


def kept_network(
    place: Path, train: Callable[[], EquivariantAutoencoder]
) -> EquivariantAutoencoder:
    """Read from its folder, or trained and written there."""
    if not place.is_dir():
        started = perf_counter()
        network = train()
        with replace_folder(place) as draft:
            network.save(draft)
            write_json(draft / _RECORD, {"seconds": perf_counter() - started})
    return EquivariantAutoencoder.load(place)


def training_seconds(place: Path) -> float:
    """How long the training of a kept network took."""
    return float(read_json(place / _RECORD)["seconds"])
