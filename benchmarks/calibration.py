"""Whether the stability means what it says, on simulated discs and on handwritten digits."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.tables import Table
from ensembles import KFoldEnsemble
from ensembles.calibration import expected_calibration_error, reliable
from ensembles.recipes import read_recipe
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.evaluation.metrics import clustering_accuracy, matched_classes
from equiclust.preprocessing import Preprocessor
from equiclust.simulation.discs import simulate_discs

__all__ = ["calibration_table"]

Labels = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]

_N_DISCS, _MAX_INCLINATION = 600, 30.0
_N_DIGITS = 3000
_TEST_DIGITS = slice(60_000, 70_000)
_EPOCHS = 10
_RELIABILITY = 0.9


def calibration_table(*, seeds: Iterable[int] = range(7, 9)) -> Table:
    """Accuracy, calibration error, and what is left at 90 % claimed reliability.

    An object is right if its cluster's class, under the matching of clusters and classes that fits
    best, is its own. Truth enters here alone: neither the training, nor the number of clusters,
    which is that of the classes, nor the stability has seen more of it.
    """
    rows = []
    for case in (*((f"discs, seed {seed}", *_discs(seed), seed) for seed in seeds), *_digits()):
        rows.append(_row(*case))
        print(rows[-1], flush=True)
    return Table("calibration", "Stability against truth, ten folds", rows)


def _discs(seed: int) -> tuple[FloatArray, Labels, EquivariantAutoencoder]:
    images, truth = simulate_discs(
        _N_DISCS, size=64, max_inclination=_MAX_INCLINATION, random_state=seed
    )
    pixels = Preprocessor(size=64).fit_transform(images).pixels
    autoencoder = EquivariantAutoencoder(size=64, preprocess=False, max_epochs=_EPOCHS)
    return pixels, np.asarray(truth["kind_index"]), autoencoder


def _digits() -> Iterator[tuple[str, FloatArray, Labels, EquivariantAutoencoder, int]]:
    """Test digits, upright and for networks to which a rotated 6 is a 9."""
    place = os.environ.get("EQUICLUST_DATA")
    if place is None:
        return
    with np.load(Path(place) / "mnist.npz") as arrays:
        images, labels = arrays["images"][_TEST_DIGITS], arrays["labels"][_TEST_DIGITS]
    chosen = np.random.default_rng(0).permutation(len(images))[:_N_DIGITS]
    classes = labels[chosen].astype(np.int64)
    for name, own in (("upright", classes), ("digits", np.where(classes == 9, 6, classes))):
        recipe = read_recipe(name)
        pixels = Preprocessor(**recipe.preprocessing).fit_transform(images[chosen]).pixels
        autoencoder = EquivariantAutoencoder(
            **recipe.autoencoder, preprocess=False, max_epochs=_EPOCHS
        )
        yield f"MNIST test digits, recipe {name}", pixels, own, autoencoder, 0


def _row(
    name: str, pixels: FloatArray, classes: Labels, autoencoder: EquivariantAutoencoder, seed: int
) -> dict[str, Any]:
    n_classes = len(np.unique(classes))
    ensemble = KFoldEnsemble(
        autoencoder, n_clusters=n_classes, reliability=_RELIABILITY, random_state=seed
    ).fit(pixels)
    consensus = ensemble.consensus_
    right = matched_classes(classes, consensus.best_labels_) == classes
    given = reliable(consensus.stability_, _RELIABILITY)
    members = [clustering_accuracy(classes, own) for own in consensus.member_labels_]
    return {
        "set": name,
        "classes": n_classes,
        "mean member's accuracy": float(np.mean(members)),
        "accuracy": float(right.mean()),
        "mean stability": float(consensus.stability_.mean()),
        "calibration error": expected_calibration_error(consensus.stability_, right),
        "claimed": float(consensus.stability_[given].mean()) if given.any() else None,
        "measured": float(right[given].mean()) if given.any() else None,
        "coverage": float(given.mean()),
    }
