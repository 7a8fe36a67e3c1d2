"""Networks of benchmarks, trained once and then read from disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.io.atomic import read_json, replace_folder, write_json

__all__ = ["cached_network", "training_seconds"]

_RECORD = "record.json"


def cached_network(
    folder: Path,
    network: EquivariantAutoencoder,
    fit: Callable[[EquivariantAutoencoder], EquivariantAutoencoder],
) -> EquivariantAutoencoder:
    """Read a network from its folder; fit and write it there if there is none of its parameters."""
    cached = EquivariantAutoencoder.load(folder) if folder.is_dir() else None
    if cached is not None and _settings(cached) == _settings(network):
        return cached
    started = perf_counter()
    fit(network)
    with replace_folder(folder) as draft:
        network.save(draft)
        write_json(draft / _RECORD, {"seconds": perf_counter() - started})
    return EquivariantAutoencoder.load(folder)


def training_seconds(folder: Path) -> float:
    """Duration of the training of a cached network, in seconds."""
    return float(read_json(folder / _RECORD)["seconds"])


def _settings(network: EquivariantAutoencoder) -> dict[str, Any]:
    """Parameters in which a tuple and a list, as JSON gives it back, are equal."""
    parameters: dict[str, Any] = network.get_params()
    return {k: list(v) if isinstance(v, tuple) else v for k, v in parameters.items()}
