"""The EXXA discs: reconstruction, confounders, stability; three seeds of ten folds."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.tables import Table
from equiclust.cli import main
from equiclust.io.atomic import read_json
from equiclust.io.run_folder import RunFolder

__all__ = ["exxa_tables"]

# Published for the nearest rival on these discs (all of them, of which we have 55).
_RIVAL = {
    "orientation eta squared": 0.017,
    "brightness eta squared": 0.052,
    "perturbation ARI": 0.948,
    "unassigned": 0.58,
}


def exxa_tables(runs: Path, *, seeds: Iterable[int] = range(3)) -> tuple[Table, Table]:
    """Reconstruction of held-out discs, and the comparison with the rival's published figures.

    Parameters
    ----------
    runs : Path
        Where the runs go; finished ones are read.
    seeds : iterable of int
    """
    data = Path(os.environ["EQUICLUST_DATA"]) / "exxa_discs"
    metrics = [_run(data, runs / f"seed_{seed}", seed) for seed in seeds]
    return _reconstruction(metrics), _rivalry(metrics)


def _run(data: Path, output: Path, seed: int) -> dict[str, Any]:
    folder = RunFolder(output)
    if not folder.is_finished:
        started = perf_counter()
        with contextlib.redirect_stdout(None):
            status = main(["run", str(data), "--output", str(output), "--seed", str(seed)])
        if status:
            raise RuntimeError(f"the run in {output} ended with status {status}")
        print(f"seed {seed}: {(perf_counter() - started) / 60:.1f} minutes", flush=True)
    return read_json(folder.metrics_json)


def _reconstruction(metrics: list[dict[str, Any]]) -> Table:
    rows = []
    for seed, found in enumerate(metrics):
        members = [member["held_out"] for member in found["ensemble"]["members"]]
        for name, scores in (
            ("worst member", max(members, key=lambda row: row["mse"])),
            ("mean member", found["ensemble"]["held_out"]["member_mean"]),
            ("best member", min(members, key=lambda row: row["mse"])),
            (
                "ensemble of the members that never saw the disc",
                found["ensemble"]["held_out"]["ensemble"],
            ),
            ("whole ensemble, discs that most members saw", found["reconstruction"]),
        ):
            rows.append({"seed": seed, "of held-out discs": name, **scores})
    return Table("exxa_reconstruction", "Reconstruction of 55 EXXA discs at 128 px", rows)


def _rivalry(metrics: list[dict[str, Any]]) -> Table:
    rows = [{"": "rival, published", "clusters": "", **_RIVAL}]
    for seed, found in enumerate(metrics):
        confounders = {row["name"]: row["eta_squared"] for row in found["nuisances"]}
        n = found["provenance"]["n_images"]
        rows.append(
            {
                "": f"ours, seed {seed}",
                "clusters": found["clusters"]["n_clusters"],
                "orientation eta squared": confounders["orientation"],
                "brightness eta squared": confounders["brightness"],
                "perturbation ARI": found["perturbation"]["ari"],
                "unassigned": found["stability"]["n_unassigned"] / n,
            }
        )
    ours = rows[1:]
    mean = {key: float(np.mean([float(row[key]) for row in ours])) for key in _RIVAL}
    return Table(
        "exxa_confounders",
        "EXXA discs: association of the labels with confounders, and their stability",
        [*rows, {"": "ours, mean", "clusters": "", **mean}],
    )
