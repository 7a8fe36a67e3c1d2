"""Folders that hold the catalogue of a run and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.table import Table

from equiclust.io.atomic import write_json
from equiclust.io.catalogue import make_catalogue, write_table
from equiclust.io.catalogue_rows import CatalogueRows
from equiclust.io.run_folder import RunFolder
from equiclust.pipeline.results import Run


def catalogue_of(positions: np.ndarray | None, n: int = 0) -> Table:
    """A catalogue of images at these positions in degrees, or of `n` without any."""
    n = n if positions is None else len(positions)
    ids = tuple(f"image_{k:04d}" for k in range(n))
    rows = CatalogueRows(ids, tuple(f"{name}.fits" for name in ids), positions)
    labels = np.arange(n) % 3 - 1
    shares = np.linspace(0.0, 1.0, n)
    return make_catalogue(
        rows, labels, shares, fold_labels=labels[None], outlier_score=shares[::-1]
    )


def run_of(table: Table, folder: Path) -> Run:
    """A run whose catalogue is this one."""
    folder.mkdir(exist_ok=True)
    write_table(table, folder / "catalogue.ecsv")
    write_json(folder / "config.json", {"equiclust": "0", "config": {}})
    return Run(RunFolder(folder))
