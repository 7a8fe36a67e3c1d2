"""`equiclust run`: from files to catalogue, model and report."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ensembles.recipes import Recipe, write_recipe
from equiclust.cli.inputs import gather
from equiclust.cli.options import RunOptions
from equiclust.cli.places import check_place
from equiclust.cli.sentences import cluster_sizes, say_sizes
from equiclust.cli.session import Outcome, Session
from equiclust.exceptions import InputError
from equiclust.images import ImageSet
from equiclust.persistence import read_json
from equiclust.run_folder import RunFolder

__all__ = ["run_pipeline"]


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
    check_place(folder.path)
    if folder.path.is_dir() and os.listdir(folder.path):
        folder = RunFolder.create(folder.path, options.config)
        session.log_to(folder.run_log)
        if folder.is_finished:
            session.note(f"the run in {folder.path} is finished already")
            return _finished(session, folder)
        session.note(f"going on with the run in {folder.path}")
    started = datetime.now(UTC)
    gathered = gather(options.inputs, options.recipe.preprocessing, session)
    _check_enough(gathered.images, options.recipe)
    folder = RunFolder.create(folder.path, options.config)
    session.log_to(folder.run_log)
    write_recipe(options.recipe, folder.recipe_toml)
    from equiclust.cli.training import fit_and_write

    fit_and_write(session, folder, options, gathered, started)
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
    from equiclust.catalogue import read_table
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
    lines = [say_sizes(sizes, unassigned)]
    if rejected:
        lines.append(f"{rejected} left out: {folder.rejected_ecsv}")
    lines += [*metrics["findings"], str(metrics["check"]["sentence"])]
    lines += [f"Catalogue: {folder.catalogue_ecsv}", f"Report: {folder.report_html}"]
    return Outcome(record, "\n".join(lines))
