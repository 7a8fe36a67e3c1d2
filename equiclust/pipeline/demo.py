"""A demonstration: simulated discs, sorted, and compared with their true classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from equiclust.evaluation.metrics import (
    adjusted_rand_index,
    clustering_accuracy,
    normalized_mutual_information,
)
from equiclust.io.catalogue import read_table
from equiclust.pipeline.execution import run
from equiclust.pipeline.results import Run
from equiclust.pipeline.simulated_files import TRUTH, write_discs
from equiclust.progress import Progress
from equiclust.typing import PathLike

__all__ = ["Demo", "run_demo"]

_N_DISCS, _SIZE, _MAX_INCLINATION = 180, 64, 30.0
_N_CLASSES, _N_FOLDS, _EPOCHS = 6, 4, 20


@dataclass(frozen=True)
class Demo:
    """A finished demonstration.

    Parameters
    ----------
    run : Run
    scores : dict of str to float
        Accuracy `acc`, normalised mutual information `nmi` and adjusted Rand index `ari` of the
        labels that were given; images labelled -1 are left out.
    """

    run: Run
    scores: dict[str, float]


def run_demo(output: PathLike, *, on_progress: Progress | None = None) -> Demo:
    """Simulate discs of six classes, sort them, and compare; what is done already is kept.

    Parameters
    ----------
    output : str or path
        Folder for the images, in ``discs``, and for the run, in ``run``.
    on_progress : callable, optional
        See `equiclust.progress.Progress`.

    Returns
    -------
    Demo

    Raises
    ------
    OutputError
        When the folder cannot be written, or holds something else.
    """
    discs = Path(output, "discs")
    if not (discs / TRUTH).is_file():
        write_discs(
            discs,
            _N_DISCS,
            size=_SIZE,
            max_inclination=_MAX_INCLINATION,
            random_state=0,
            on_progress=on_progress,
        )
    finished = run(
        discs,
        Path(output, "run"),
        n_clusters=_N_CLASSES,
        n_folds=_N_FOLDS,
        size=_SIZE,
        max_epochs=_EPOCHS,
        on_progress=on_progress,
    )
    return Demo(finished, _scores(finished, discs / TRUTH))


def _scores(finished: Run, truth: Path) -> dict[str, float]:
    known = read_table(truth)
    classes = dict(zip(known["id"].tolist(), known["kind_index"].tolist(), strict=True))
    true = np.array([classes[name] for name in finished.catalogue["id"].tolist()])
    given = finished.labels >= 0
    true, labels = true[given], finished.labels[given]
    return {
        "acc": clustering_accuracy(true, labels),
        "nmi": normalized_mutual_information(true, labels),
        "ari": adjusted_rand_index(true, labels),
    }
