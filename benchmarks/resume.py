"""Runs killed at random moments and resumed, compared with an uninterrupted run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.tables import Table
from data_adapters import write_fits
from equiclust.io.run_folder import RunFolder
from equiclust.simulation.discs import simulate_discs

__all__ = ["resume_table"]

_N_DISCS, _SIZE, _SEED = 24, 32, 12
_SETTINGS = ("--size", str(_SIZE), "--n-folds", "4", "--max-epochs", "6", "--n-clusters", "2")


def resume_table(*, n_kills: int = 10) -> Table:
    """Kill each of `n_kills` runs at a random moment, resume it, and compare the catalogues."""
    with TemporaryDirectory() as place:
        discs = Path(place, "discs")
        images, _ = simulate_discs(_N_DISCS, size=_SIZE, random_state=_SEED)
        write_fits(images, discs)
        started = perf_counter()
        _finish(discs, Path(place, "uninterrupted"))
        duration = perf_counter() - started
        expected = RunFolder(Path(place, "uninterrupted")).catalogue_ecsv.read_bytes()
        moments = np.sort(np.random.default_rng(_SEED).uniform(0, duration, n_kills))
        rows = [
            _killed_once(discs, Path(place, f"killed_{k}"), float(moment), expected)
            for k, moment in enumerate(moments)
        ]
    title = f"kill -9 during a run of {duration:.0f} s, then the same command again"
    return Table("resume", title, rows)


def _killed_once(discs: Path, output: Path, moment: float, expected: bytes) -> dict[str, Any]:
    process = subprocess.Popen(
        _command(discs, output), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        process.wait(timeout=moment)
    except subprocess.TimeoutExpired:
        process.kill()
    ended = process.wait() == 0
    reached = _reached(RunFolder(output))
    _finish(discs, output)
    found = RunFolder(output).catalogue_ecsv.read_bytes()
    return {
        "killed after (s)": round(moment, 1),
        "had reached": "its end" if ended else reached,
        "catalogue identical": found == expected,
    }


def _reached(folder: RunFolder) -> str:
    if not folder.path.is_dir():
        return "nothing"
    if folder.is_finished:
        return "its catalogue"
    if folder.model.is_dir():
        return "its model"
    members = list(folder.checkpoints.glob("member_*"))
    finished = sum((member / "finished").is_dir() for member in members)
    return f"{finished} of 4 members finished, {len(members) - finished} begun"


def _finish(discs: Path, output: Path) -> None:
    subprocess.run(_command(discs, output), check=True, capture_output=True)


def _command(discs: Path, output: Path) -> list[str]:
    program = "import sys; from equiclust.cli import main; sys.exit(main())"
    return [sys.executable, "-c", program, "run", str(discs), "--output", str(output), *_SETTINGS]
