"""`equiclust run`: from files to catalogue, model and report."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ensembles.recipes import Recipe, write_recipe
from equiclust.cli.messages import cluster_sizes, format_sizes
from equiclust.cli.session import Outcome, Session
from equiclust.exceptions import InputError
from equiclust.images import ImageSet
from equiclust.io.atomic import read_json
from equiclust.io.output_checks import check_writable
from equiclust.io.run_folder import RunFolder
from equiclust.pipeline.backend import check_scheduler
from equiclust.pipeline.inputs import absolute, load_images
from equiclust.validation import check_whole

__all__ = ["RunOptions", "run_pipeline"]


@dataclass(frozen=True)
class RunOptions:
    """What `equiclust run` was asked for; see the command for each.

    Parameters
    ----------
    inputs : tuple of str
    output : str
    recipe : Recipe
        Everything that decides the result, flags folded in.
    device : str
        Where to train.
    n_jobs : int, optional
        Networks to train at a time.
    scheduler : str, optional
        Address of a Dask scheduler, whose workers train them.
    """

    inputs: tuple[str, ...]
    output: str
    recipe: Recipe
    device: str = "auto"
    n_jobs: int | None = None
    scheduler: str | None = None

    @property
    def config(self) -> dict[str, Any]:
        """What makes the run what it is: all but where it is written and what it is trained on."""
        return {"inputs": absolute(self.inputs), **self.recipe.settings}

    def check(self) -> None:
        """Refuse what cannot work.

        Raises
        ------
        InputError
            When an option has a value that it cannot have.
        """
        if self.n_jobs is not None:
            check_whole("--n-jobs", self.n_jobs)
        _check_device(self.device)
        check_scheduler(self.scheduler)


def _check_device(device: str) -> None:
    import torch

    missing = (device == "cuda" and not torch.cuda.is_available()) or (
        device == "mps" and not torch.backends.mps.is_available()
    )
    if missing:
        raise InputError(f"--device is {device!r}, which is not there; use auto or cpu")


def run_pipeline(session: Session, options: RunOptions) -> Outcome:
    """Everything from reading to the report; goes on where a stopped run was.

    Raises
    ------
    InputError
        When an option or the images cannot be used.
    OutputError
        When the folder cannot be written, or holds something else.
    """
    options.check()
    folder = RunFolder(Path(options.output))
    check_writable(folder.path)
    if folder.path.is_dir() and os.listdir(folder.path):
        folder = RunFolder.create(folder.path, options.config)
        session.log_to(folder.run_log)
        if folder.is_finished:
            session.note(f"the run in {folder.path} is finished already")
            return _finished(session, folder)
        session.note(f"going on with the run in {folder.path}")
    started = datetime.now(UTC)
    loaded = load_images(options.inputs, options.recipe.preprocessing, session)
    _check_enough(loaded.images, options.recipe)
    folder = RunFolder.create(folder.path, options.config)
    session.log_to(folder.run_log)
    write_recipe(options.recipe, folder.recipe_toml)
    from equiclust.pipeline.training import fit_and_write

    fit_and_write(session, folder, options, loaded, started)
    return _finished(session, folder)


def _check_enough(images: ImageSet, recipe: Recipe) -> None:
    n, n_folds = len(images), recipe.ensemble.n_folds
    if n < 2:
        raise InputError(f"a run needs at least 2 images that can be used, got {n}")
    different = len({image.pixels.tobytes() for image in images})
    n_clusters = recipe.clusters.n_clusters
    if isinstance(n_clusters, int) and n_clusters > different:
        raise InputError(
            f"--n-clusters must be at most the number of different images, got {n_clusters} "
            f"for {n} images, {different} of them different"
        )
    if different < 2:
        raise InputError(f"a run needs at least 2 different images, got {n} times one")
    if n_folds > 1 and n < 2 * n_folds:
        raise InputError(
            f"--n-folds must be at most half the number of images, got {n_folds} for {n} images; "
            f"use --n-folds {max(n // 2, 1)} or fewer"
        )


def _finished(session: Session, folder: RunFolder) -> Outcome:
    """What a finished run says, whether it was finished now or before."""
    from equiclust.io.catalogue import read_table
    from equiclust.report import write_report

    if not folder.report_html.is_file():
        with session.stage("report"):
            write_report(folder)
    metrics = read_json(folder.metrics_json)
    labels = np.asarray(read_table(folder.catalogue_ecsv)["label"])
    rejected = len(read_table(folder.rejected_ecsv))
    sizes = cluster_sizes(labels, int(metrics["clusters"]["n_clusters"]))
    unassigned = int(np.sum(labels < 0))
    record = {
        "run": str(folder.path),
        "n_images": len(labels),
        "n_rejected": rejected,
        "n_clusters": len(sizes),
        "sizes": sizes,
        "n_unassigned": unassigned,
        "passed": bool(read_json(folder.invariance_json)["passed"]),
        "catalogue": str(folder.catalogue_ecsv),
        "report": str(folder.report_html),
    }
    lines = [format_sizes(sizes, unassigned)]
    if rejected:
        lines.append(f"{rejected} left out: {folder.rejected_ecsv}")
    lines += [*metrics["findings"], str(metrics["check"]["sentence"])]
    lines += [f"Catalogue: {folder.catalogue_ecsv}", f"Report: {folder.report_html}"]
    return Outcome(record, "\n".join(lines))
