"""Whether deep clustering loses clusters without saying so, from the worst of beginnings."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits

from benchmarks.tables import Table
from equiclust.clustering.deep import DeepEmbeddedClustering
from equiclust.evaluation.metrics import clustering_accuracy
from equiclust.nn.baselines import DenseConfig

__all__ = ["collapse_table"]

_N_CLASSES = 5
_LARGEST, _SMALLEST = 160, 8
_NETWORK = DenseConfig(size=8, embedding_dim=5, widths=(64, 64))
_BEGINNINGS = ("k-means", "random", "one place", "far away")
_RATES = (1e-3, 3e-2)


def collapse_table(*, seeds: Iterable[int] = range(5)) -> Table:
    """Scores on five classes of digits, balanced or 1 to 20, by start and learning rate."""
    seeds = tuple(seeds)
    rows = []
    for balanced, init, rate in itertools.product((True, False), _BEGINNINGS, _RATES):
        found = [
            _run(balanced, init, rate, method, seed) for seed in seeds for method in ("dec", "idec")
        ]
        fewer = [one for one in found if one["live"] < _N_CLASSES]
        rows.append(
            {
                "set": "balanced" if balanced else "1 : 20",
                "beginning": init,
                "learning rate": rate,
                "runs": len(found),
                "beginning kept": sum(one["kept"] for one in found),
                "clusters revived": sum(one["revived"] for one in found),
                "ended with fewer": len(fewer),
                "of them unsaid": sum(not one["said"] for one in fewer),
                "ACC at first": float(np.mean([one["first"] for one in found])),
                "ACC unguarded": float(np.mean([one["last"] for one in found])),
                "ACC": float(np.mean([one["acc"] for one in found])),
            }
        )
        print(rows[-1], flush=True)
    return Table("collapse", "Deep clustering of five classes of 8 x 8 digits", rows)


def _run(balanced: bool, init: str, rate: float, method: str, seed: int) -> dict[str, Any]:
    images, classes = _digits(balanced, seed)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        deep = DeepEmbeddedClustering(
            _N_CLASSES,
            network=_NETWORK,
            method=method,  # type: ignore[arg-type]
            init=_centres(init, seed),
            pretrain_epochs=40,
            batch_size=64,
            max_iter=300,
            learning_rate=rate,
            random_state=seed,
        ).fit(images, classes)
    said = [str(one.message) for one in caught]
    return {
        "live": len(np.unique(deep.labels_)),
        "said": any(note.startswith("Only") for note in said),
        "kept": deep.kept_initialisation_,
        "revived": any(note.startswith("Clusters lost") for note in said),
        "first": deep.history_[0]["acc"],
        "last": deep.history_[-1]["acc"],
        "acc": clustering_accuracy(classes, deep.labels_),
    }


def _centres(init: str, seed: int) -> Any:
    if init == "one place":
        return np.zeros((_N_CLASSES, _NETWORK.embedding_dim))
    if init == "far away":
        return 100.0 * np.random.default_rng(seed).normal(size=(_N_CLASSES, _NETWORK.embedding_dim))
    return init


def _digits(balanced: bool, seed: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Digits 0 to 4 in 0 to 1: as many of each, or twenty times more of the first than the last."""
    images, classes = load_digits(n_class=_N_CLASSES, return_X_y=True)
    sizes = np.geomspace(_LARGEST, _LARGEST if balanced else _SMALLEST, _N_CLASSES).round()
    rng = np.random.default_rng(seed)
    chosen = np.concatenate(
        [
            rng.permutation(np.flatnonzero(classes == label))[: int(size)]
            for label, size in enumerate(sizes)
        ]
    )
    return (images[chosen].reshape(-1, 8, 8) / 16.0).astype(np.float32), classes[chosen]
