"""`equiclust simulate`: images whose kinds are known."""

from __future__ import annotations

import os
from pathlib import Path

from equiclust.catalogue import write_table
from equiclust.cli.session import Outcome, Session
from equiclust.exceptions import OutputError

__all__ = ["TRUTH", "write_discs"]

TRUTH = "truth.ecsv"


def write_discs(
    session: Session, *, n: int, size: int, seed: int, output: str, max_inclination: float
) -> Outcome:
    """Write discs as FITS, and their truth last: a folder that has it is complete."""
    from data_adapters import write_fits
    from equiclust.simulate import simulate_discs

    folder = Path(output)
    _check_empty(folder)
    with session.stage("simulating"):
        images, truth = simulate_discs(
            n, size=size, max_inclination=max_inclination, random_state=seed
        )
    paths = write_fits(images, folder)
    write_table(truth, folder / TRUTH)
    record = {"folder": str(folder), "truth": str(folder / TRUTH), "n_images": len(paths)}
    return Outcome(record, f"{len(paths)} discs in {folder}, their truth in {folder / TRUTH}")


def _check_empty(folder: Path) -> None:
    try:
        found = sorted(os.listdir(folder)) if folder.exists() else []
    except OSError as error:
        raise OutputError(
            f"cannot write into {str(folder)!r}: {error.strerror}; choose another folder"
        ) from error
    if found:
        raise OutputError(
            f"cannot write into {str(folder)!r}: it holds files already ({found[0]}); choose a new "
            "or empty folder"
        )
