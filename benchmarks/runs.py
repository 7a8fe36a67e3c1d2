"""Whole runs of simulated discs, by the settings that a user would type, against the truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from astropy.table import Table as Rows

import equiclust
from benchmarks.tables import Table
from ensembles.recipes import Recipe, read_recipe
from equiclust.evaluation.metrics import clustering_accuracy
from equiclust.simulation.discs import simulate_discs

__all__ = ["CASES", "runs_table"]

Array = npt.NDArray[Any]


class Case(NamedTuple):
    """A set of discs and the settings of its run."""

    n: int
    size: int
    max_inclination: float
    recipe: str
    settings: Mapping[str, Any]


_SMALL = {"n_folds": 4, "size": 64, "max_epochs": 20}
CASES = {
    "180 discs, 64 px, up to 30 deg, as `demo`": Case(180, 64, 30.0, "", _SMALL),
    "the same, --recipe discs": Case(180, 64, 30.0, "discs", {}),
    "300 discs, 64 px, up to 60 deg, --recipe discs": Case(300, 64, 60.0, "discs", {}),
    "300 discs, 64 px, up to 75 deg, --recipe discs": Case(300, 64, 75.0, "discs", {}),
    "600 discs, 128 px, up to 30 deg": Case(600, 128, 30.0, "", {}),
    "600 discs, 128 px, up to 30 deg, --recipe discs": Case(600, 128, 30.0, "discs", {}),
}
_N_CLASSES = 6


def runs_table(folder: Path, *, seeds: Iterable[int] = range(205, 210)) -> Table:
    """Accuracy of all images and of those with a label, and what inclination explains."""
    rows = []
    for name, case in CASES.items():
        found = [_scores(folder, name, case, seed) for seed in seeds]
        mean = {key: float(np.mean([one[key] for one in found])) for key in found[0]}
        least = min(one["all images"] for one in found)
        rows.append({"set and command": name, **mean, "least, all images": least})
        print(rows[-1], flush=True)
    return Table("runs", "Whole runs of discs of six classes, means over five draws", rows)


def _scores(folder: Path, name: str, case: Case, seed: int) -> dict[str, float]:
    images, truth = simulate_discs(
        case.n, size=case.size, max_inclination=case.max_inclination, random_state=seed
    )
    recipe = read_recipe(case.recipe) if case.recipe else Recipe()
    place = folder / "".join(one if one.isalnum() else "_" for one in f"{name}_{seed}")
    run = equiclust.run(images, place, recipe=recipe, n_clusters=_N_CLASSES, **case.settings)
    scores = _against(truth, run)
    print(f"{name}, seed {seed}: {scores}", flush=True)
    return scores


def _against(truth: Rows, run: equiclust.Run) -> dict[str, float]:
    kinds, inclination = np.asarray(truth["kind_index"]), np.asarray(truth["inclination"])
    best = run.model.ensemble.consensus_.best_labels_
    given = run.labels >= 0
    return {
        "all images": float(clustering_accuracy(kinds, best)),
        "labelled": float(given.mean()),
        "labelled rightly": float(clustering_accuracy(kinds[given], run.labels[given])),
        "mean stability": float(np.mean(run.catalogue["stability"][given])),
        "inclination explains": _explained(best, inclination),
    }


def _explained(labels: Array, values: Array) -> float:
    """Share of the variance of the values that lies between the labels."""
    means = np.array([values[labels == label].mean() for label in labels])
    return float(means.var() / values.var())
