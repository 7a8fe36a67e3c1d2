"""Six classes of simulated discs sorted without labels: ours against what others would do."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from benchmarks.baselines import (
    PlainAutoencoder,
    alexnet_features,
    pca_features,
    pixel_features,
)
from benchmarks.tables import Table
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.autoencoder.objectives import WEIGHTS_VARIABLE
from equiclust.clustering import make_clusterer
from equiclust.evaluation.metrics import (
    adjusted_rand_index,
    clustering_accuracy,
    normalized_mutual_information,
)
from equiclust.nn.allocator import keep_freed_memory
from equiclust.preprocessing import Preprocessor
from equiclust.simulation.discs import DISC_CLASSES, simulate_discs

__all__ = ["discs_table"]

logger = logging.getLogger(__name__)

Labels = npt.NDArray[np.int64]
Method = Callable[[npt.NDArray[np.float32], int], Labels]

N_DISCS, SIZE, MAX_INCLINATION = 600, 128, 30.0
METHODS = ("gmm", "kmeans", "spectral")
_PRINCIPAL_COMPONENTS = 50
# Both autoencoders see the images at this size, and equally often.
_NETWORK_SIZE = 64
_ONLY_RESIZED: dict[str, Any] = {
    "background": "none",
    "percentiles": (0.0, 100.0),
    "canonical": "none",
}


def discs_table(
    *, seeds: Iterable[int] = range(5), n_discs: int = N_DISCS, n_jobs: int = 1
) -> Table:
    """ACC, NMI and ARI of every method, mean and standard deviation over the seeds.

    Each seed draws its own discs. Truth is used for the scores alone; every method is told how many
    classes there are and nothing else, and sees the same images, preprocessed the same way.
    """
    found = Parallel(n_jobs=n_jobs)(delayed(_scores_of_seed)(seed, n_discs) for seed in seeds)
    rows = [_row(name, np.array([scores[name] for scores in found])) for name in found[0]]
    return Table(
        "discs",
        f"{n_discs} simulated discs of {len(DISC_CLASSES)} classes, {SIZE} px, "
        f"inclination up to {MAX_INCLINATION:.0f} degrees, {len(found)} seeds",
        rows,
    )


def _scores_of_seed(seed: int, n_discs: int) -> dict[str, tuple[float, ...]]:
    """ACC, NMI, ARI and seconds of every method."""
    keep_freed_memory()
    images, truth = simulate_discs(
        n_discs, size=SIZE, max_inclination=MAX_INCLINATION, random_state=seed
    )
    pixels = Preprocessor(size=SIZE).fit_transform(images).pixels
    scores = {}
    for name, method in _methods().items():
        started = perf_counter()
        labels = method(pixels, seed)
        seconds = perf_counter() - started
        scores[name] = (*_scores(truth["kind_index"], labels), seconds)
        print(f"seed {seed}, {name}: {np.round(scores[name], 3)}", flush=True)
    return scores


def _scores(truth: npt.ArrayLike, labels: Labels) -> tuple[float, float, float]:
    classes = np.asarray(truth)
    return (
        clustering_accuracy(classes, labels),
        normalized_mutual_information(classes, labels),
        adjusted_rand_index(classes, labels),
    )


def _row(name: str, found: npt.NDArray[np.float64]) -> dict[str, Any]:
    mean, spread = found.mean(axis=0), found.std(axis=0, ddof=1 if len(found) > 1 else 0)
    row: dict[str, Any] = {"method": name}
    for i, score in enumerate(("ACC", "NMI", "ARI")):
        row[score] = f"{mean[i]:.3f} ± {spread[i]:.3f}"
    row["seconds"] = float(np.median(found[:, 3]))
    return row


def _methods() -> dict[str, Method]:
    methods: dict[str, Method] = {
        "k-means on pixels": lambda x, seed: _kmeans(pixel_features(x), seed),
        "PCA + k-means": lambda x, seed: _kmeans(
            pca_features(x, _PRINCIPAL_COMPONENTS, random_state=seed), seed
        ),
        "plain autoencoder, rotations as augmentation + k-means": _plain_autoencoder,
    }
    weights = os.environ.get(WEIGHTS_VARIABLE)
    if weights is None:
        logger.warning("without %s the AlexNet features are left out", WEIGHTS_VARIABLE)
    else:
        methods["AlexNet features + PCA + k-means"] = lambda x, seed: _alexnet(x, seed, weights)
    return methods | {f"equiclust, {method}": _ours(method) for method in METHODS}


def _kmeans(features: npt.NDArray[np.float32], seed: int) -> Labels:
    clusterer = KMeans(len(DISC_CLASSES), n_init=10, random_state=seed)
    return np.asarray(clusterer.fit_predict(features))


def _alexnet(pixels: npt.NDArray[np.float32], seed: int, weights: str | Path) -> Labels:
    features = alexnet_features(pixels, weights)
    reduced = PCA(min(_PRINCIPAL_COMPONENTS, *features.shape), random_state=seed)
    return _kmeans(reduced.fit_transform(features), seed)


def _plain_autoencoder(pixels: npt.NDArray[np.float32], seed: int) -> Labels:
    seen = Preprocessor(size=_NETWORK_SIZE, **_ONLY_RESIZED).fit_transform(pixels).pixels
    epochs = EquivariantAutoencoder().max_epochs
    rival = PlainAutoencoder().fit(seen, max_epochs=epochs, random_state=seed)
    return _kmeans(rival.transform(seen), seed)


def _ours(method: str) -> Method:
    def label(pixels: npt.NDArray[np.float32], seed: int) -> Labels:
        latents = _latents(pixels, seed)
        return make_clusterer(method, len(DISC_CLASSES), random_state=seed).fit(latents).labels_

    return label


_KEPT: dict[int, npt.NDArray[np.float32]] = {}


def _latents(pixels: npt.NDArray[np.float32], seed: int) -> npt.NDArray[np.float32]:
    """Latents of the default autoencoder, trained once a seed for all clusterers.

    From random weights: those that come with the package have seen such discs before.
    """
    if seed not in _KEPT:
        _KEPT.clear()
        ours = EquivariantAutoencoder(
            size=_NETWORK_SIZE, preprocess=_ONLY_RESIZED, pretrained=False, random_state=seed
        )
        _KEPT[seed] = ours.fit_transform(pixels)
    return _KEPT[seed]
