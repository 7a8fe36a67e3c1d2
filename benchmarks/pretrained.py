"""Pretrained and random initial weights compared: accuracy, invariance, reconstruction, time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.tables import Table
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.clustering import make_clusterer
from equiclust.evaluation.invariance import certify
from equiclust.evaluation.metrics import (
    adjusted_rand_index,
    clustering_accuracy,
    reconstruction_scores,
)
from equiclust.preprocessing import Preprocessor
from equiclust.simulation.discs import DISC_CLASSES, simulate_discs
from equiclust.simulation.shapes import SHAPE_CLASSES, simulate_shapes

__all__ = ["pretrained_table"]

FloatArray = npt.NDArray[np.float32]

_N, _SIZE, _MAX_INCLINATION = 600, 64, 30.0
_N_ROTATED = 32
_STARTS: tuple[tuple[str, bool, int], ...] = (
    ("random weights, 30 epochs", False, 30),
    ("random weights, 10 epochs", False, 10),
    ("pretrained weights, 10 epochs", True, 10),
)


def pretrained_table(*, seeds: Iterable[int] = range(7, 10)) -> Table:
    """Accuracy, invariance, reconstruction and time of either initialisation, means over seeds."""
    rows = []
    for what, simulated, n_classes in (
        ("discs", _discs, len(DISC_CLASSES)),
        ("shapes", _shapes, len(SHAPE_CLASSES)),
    ):
        for name, pretrained, epochs in _STARTS:
            found = [_scores(simulated, n_classes, pretrained, epochs, seed) for seed in seeds]
            mean = {key: float(np.mean([row[key] for row in found])) for key in found[0]}
            rows.append({"images": what, "start": name, **mean})
            print(rows[-1], flush=True)
    return Table("pretrained", f"{_N} simulated images at {_SIZE} px, one network", rows)


def _discs(seed: int) -> tuple[Any, Any]:
    return simulate_discs(_N, size=_SIZE, max_inclination=_MAX_INCLINATION, random_state=seed)


def _shapes(seed: int) -> tuple[Any, Any]:
    return simulate_shapes(_N, size=_SIZE, random_state=seed)


def _scores(
    simulated: Callable[[int], tuple[Any, Any]],
    n_classes: int,
    pretrained: bool,
    epochs: int,
    seed: int,
) -> dict[str, float]:
    images, truth = simulated(seed)
    pixels = Preprocessor(size=_SIZE).fit_transform(images).pixels
    classes = np.asarray(truth["kind_index"])
    network = EquivariantAutoencoder(
        size=_SIZE, preprocess=False, pretrained=pretrained, max_epochs=epochs, random_state=seed
    )
    started = perf_counter()
    latents = network.fit(pixels).transform(pixels)
    seconds = perf_counter() - started
    labels = make_clusterer("gmm", n_classes, random_state=seed).fit(latents).labels_
    certificate = certify(network.transform, pixels[:_N_ROTATED], random_state=seed).ours
    spread = certificate.random.relative_to_spread
    norm = certificate.d4.relative_to_norm
    return {
        "ACC": clustering_accuracy(classes, labels),
        "ARI": adjusted_rand_index(classes, labels),
        "MSE": reconstruction_scores(pixels, network.reconstruct(pixels))["mse"],
        "quarter turns": norm.max if norm else float("nan"),
        "other angles": spread.median if spread else float("nan"),
        "seconds": seconds,
    }
