"""The same deep embedded clustering on the same latents as ClustPy's."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.tables import Table
from equiclust.clustering.deep import DeepEmbeddedClustering
from equiclust.evaluation.metrics import clustering_accuracy

__all__ = ["clustpy_table"]

_N_CLASSES = 10
_N_DIGITS = 4000
_LAYERS = [784, 500, 500, 2000, 10]
_PRETRAIN_EPOCHS = 30


def clustpy_table(*, seeds: Iterable[int] = range(5)) -> Table:
    """ACC and time of both from one pretrained network, each with its own defaults."""
    found: dict[str, list[tuple[float, float]]] = {}
    for seed in seeds:
        digits, classes = _digits(seed)
        network = _pretrained(digits, seed)
        started = DeepEmbeddedClustering(
            _N_CLASSES, network=network, pretrain_epochs=0, max_iter=0, random_state=seed
        ).fit(digits)
        found.setdefault("k-means on the latents", []).append(
            (clustering_accuracy(classes, started.labels_), 0.0)
        )
        for name, fit in (("ClustPy DEC", _theirs), ("equiclust DEC", _ours)):
            begun = perf_counter()
            labels = fit(digits, network, seed)
            seconds = perf_counter() - begun
            found.setdefault(name, []).append((clustering_accuracy(classes, labels), seconds))
        print(seed, {name: rows[-1] for name, rows in found.items()}, flush=True)
    slowest = float(np.median([seconds for _, seconds in found["ClustPy DEC"]]))
    rows = []
    for name, own in found.items():
        acc, seconds = np.array(own).T
        rows.append(
            {
                "method": name,
                "ACC": float(acc.mean()),
                "spread": float(acc.std()),
                "seconds, median": float(np.median(seconds)),
                "of ClustPy's time": float(np.median(seconds)) / slowest,
            }
        )
    return Table("clustpy", f"{_N_DIGITS} MNIST test digits, one pretrained network", rows)


def _digits(seed: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    with np.load(Path(os.environ["EQUICLUST_DATA"]) / "mnist.npz") as arrays:
        images, labels = arrays["images"][60_000:], arrays["labels"][60_000:]
    chosen = np.random.default_rng(seed).permutation(len(images))[:_N_DIGITS]
    flat = images[chosen].reshape(_N_DIGITS, -1) / np.float32(255.0)
    return flat, labels[chosen].astype(np.int64)


def _pretrained(digits: npt.NDArray[np.float32], seed: int) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from clustpy.deep.neural_networks import FeedforwardAutoencoder

        network = FeedforwardAutoencoder(_LAYERS, random_state=seed)
        return network.fit(
            n_epochs=_PRETRAIN_EPOCHS, optimizer_params={"lr": 1e-3}, data=digits, batch_size=256
        )


def _theirs(digits: npt.NDArray[np.float32], network: Any, seed: int) -> npt.NDArray[np.int64]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from clustpy.deep import DEC

        found = DEC(_N_CLASSES, neural_network=network, pretrain_epochs=0, random_state=seed)
        return np.asarray(found.fit(digits).dec_labels_)


def _ours(digits: npt.NDArray[np.float32], network: Any, seed: int) -> npt.NDArray[np.int64]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        deep = DeepEmbeddedClustering(
            _N_CLASSES, network=network, pretrain_epochs=0, random_state=seed
        )
        return deep.fit(digits).labels_
