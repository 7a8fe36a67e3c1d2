"""Networks of benchmarks, trained once and read ever after."""

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
    place: Path,
    network: EquivariantAutoencoder,
    fit: Callable[[EquivariantAutoencoder], EquivariantAutoencoder],
) -> EquivariantAutoencoder:
    """Read from its folder, or fitted and written there, if what lies there has other settings."""
    kept = EquivariantAutoencoder.load(place) if place.is_dir() else None
    if kept is not None and _settings(kept) == _settings(network):
        return kept
    started = perf_counter()
    fit(network)
    with replace_folder(place) as draft:
        network.save(draft)
        write_json(draft / _RECORD, {"seconds": perf_counter() - started})
    return EquivariantAutoencoder.load(place)


def training_seconds(place: Path) -> float:
    """How long the training of a kept network took."""
    return float(read_json(place / _RECORD)["seconds"])


def _settings(network: EquivariantAutoencoder) -> dict[str, Any]:
    """Parameters in which a tuple and a list, as JSON gives it back, are equal."""
    parameters: dict[str, Any] = network.get_params()
    return {k: list(v) if isinstance(v, tuple) else v for k, v in parameters.items()}
