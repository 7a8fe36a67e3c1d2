"""`equiclust demo`: simulated discs, sorted and compared with their truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from equiclust.cli.commands import run, simulate
from equiclust.cli.session import Outcome, Session
from equiclust.cli.simulate import TRUTH
from equiclust.io.catalogue import read_table

__all__ = ["run_demo"]

_N_DISCS, _SIZE, _MAX_INCLINATION = 180, 64, 30.0
_N_KINDS, _N_FOLDS, _EPOCHS = 6, 4, 20


def run_demo(session: Session, output: str) -> Outcome:
    """Simulate, run, compare; what is there already is not done again."""
    discs, sorted_discs = Path(output, "discs"), Path(output, "run")
    if not (discs / TRUTH).is_file():
        simulate(
            session,
            "discs",
            n=_N_DISCS,
            size=_SIZE,
            output=str(discs),
            max_inclination=_MAX_INCLINATION,
        )
    done = run(
        session,
        (str(discs),),
        output=str(sorted_discs),
        n_clusters=_N_KINDS,
        n_folds=_N_FOLDS,
        size=_SIZE,
        max_epochs=_EPOCHS,
    )
    scores = _agreement(Path(str(done.record["catalogue"])), discs / TRUTH)
    unassigned = done.record["n_unassigned"]
    text = (
        f"Agreement of the labels with the truth: accuracy {scores['acc']:.2f}, "
        f"NMI {scores['nmi']:.2f}, ARI {scores['ari']:.2f}"
    ) + (f"; the {unassigned} without a label do not count" if unassigned else "")
    return Outcome({**done.record, **scores}, f"{done.text}\n{text}")


def _agreement(catalogue: Path, truth: Path) -> dict[str, float]:
    """Scores of the labels that were given; images without one are left out."""
    from equiclust.evaluation.metrics import (
        adjusted_rand_index,
        clustering_accuracy,
        normalized_mutual_information,
    )

    known = read_table(truth)
    kinds = dict(zip(known["id"].tolist(), known["kind_index"].tolist(), strict=True))
    table = read_table(catalogue)
    true = np.array([kinds[name] for name in table["id"].tolist()])
    labels = np.asarray(table["label"])
    given = labels >= 0
    true, labels = true[given], labels[given]
    return {
        "acc": clustering_accuracy(true, labels),
        "nmi": normalized_mutual_information(true, labels),
        "ari": adjusted_rand_index(true, labels),
    }
