"""`equiclust simulate`: images whose kinds are known."""

from __future__ import annotations

import os
from pathlib import Path

from equiclust.catalogue import write_table
from equiclust.cli.places import check_place
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
    check_place(folder)
    with session.stage("simulating"):
        images, truth = simulate_discs(
            n, size=size, max_inclination=max_inclination, random_state=seed
        )
    _check_free(folder, {f"{name}.fits" for name in images.ids})
    paths = write_fits(images, folder)
    write_table(truth, folder / TRUTH)
    record = {"folder": str(folder), "truth": str(folder / TRUTH), "n_images": len(paths)}
    return Outcome(record, f"{len(paths)} discs in {folder}, their truth in {folder / TRUTH}")


def _check_free(folder: Path, ours: set[str]) -> None:
    """Refuse a folder with anything but what a simulation that was stopped has left."""
    found = sorted(os.listdir(folder)) if folder.is_dir() else []
    other = [name for name in found if name not in ours and not name.startswith(".partial-")]
    if other:
        raise OutputError(
            f"cannot write into {str(folder)!r}: it holds files already ({other[0]}); choose a new "
            "or empty folder"
        )
