"""`equiclust run`: from files to catalogue, model and report."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from equiclust.cli.inputs import gather
from equiclust.cli.options import RunOptions
from equiclust.cli.places import check_place
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
    gathered = gather(options.inputs, options.preprocessing, session)
    _check_enough(gathered.images, options.n_clusters)
    folder = RunFolder.create(folder.path, options.config)
    session.log_to(folder.run_log)
    from equiclust.cli.training import fit_and_write

    fit_and_write(session, folder, options, gathered, started)
    return _finished(session, folder)


def _check_enough(images: ImageSet, n_clusters: int | str) -> None:
    if len(images) < 2:
        raise InputError(f"a run needs at least 2 images that can be used, got {len(images)}")
    different = len({image.pixels.tobytes() for image in images})
    if isinstance(n_clusters, int) and n_clusters > different:
        raise InputError(
            f"--n-clusters must be at most the number of different images, got {n_clusters} "
            f"for {len(images)} images, {different} of them different"
        )
    if different < 2:
        raise InputError(f"a run needs at least 2 different images, got {len(images)} times one")


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
    sizes = np.bincount(labels, minlength=int(metrics["clusters"]["n_clusters"])).tolist()
    record = {
        "run": str(folder.path),
        "n_images": len(labels),
        "n_rejected": rejected,
        "n_clusters": len(sizes),
        "sizes": sizes,
        "passed": bool(read_json(folder.invariance_json)["passed"]),
        "catalogue": str(folder.catalogue_ecsv),
        "report": str(folder.report_html),
    }
    return Outcome(record, "\n".join(_summary(folder, metrics, sizes, rejected)))


def _summary(
    folder: RunFolder, metrics: Mapping[str, Any], sizes: list[int], rejected: int
) -> list[str]:
    lines = [f"{sum(sizes)} images in {len(sizes)} clusters: {', '.join(map(str, sizes))}"]
    if rejected:
        lines.append(f"{rejected} left out: {folder.rejected_ecsv}")
    return [
        *lines,
        str(metrics["check"]["sentence"]),
        f"Catalogue: {folder.catalogue_ecsv}",
        f"Report: {folder.report_html}",
    ]
