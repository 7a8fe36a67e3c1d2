"""`equiclust predict`: labels for new images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from equiclust.cli.messages import cluster_sizes, format_sizes
from equiclust.cli.session import Outcome, Session
from equiclust.io.catalogue import make_rejected, write_table
from equiclust.io.output_checks import check_catalogue_output
from equiclust.io.run_folder import RunFolder
from equiclust.pipeline.inputs import load_images
from equiclust.pipeline.model import Model

__all__ = ["predict_catalogue"]


def predict_catalogue(session: Session, run: str, inputs: Sequence[str], output: str) -> Outcome:
    """Label images by the model of a finished run and write the catalogue."""
    target = Path(output)
    folder = RunFolder.open(run)
    check_catalogue_output(target, folder.path)
    model = Model.load(folder.model)
    loaded = load_images(inputs, model.preprocessor.get_params(), session)
    with session.stage("encoding") as update:
        result = model.predict_consensus(loaded.images, update)
    table = model.catalogue(loaded.originals, result)
    rejected = target.with_name(f"{target.stem}.rejected.ecsv")
    if loaded.rejected:
        write_table(make_rejected(loaded.rejected), rejected)
    else:
        rejected.unlink(missing_ok=True)
    write_table(table, target)
    sizes = cluster_sizes(result.labels, model.ensemble.consensus_.n_clusters)
    unassigned = int(np.sum(result.labels < 0))
    record = {
        "catalogue": str(target),
        "n_images": len(table),
        "n_rejected": len(loaded.rejected),
        "sizes": sizes,
        "n_unassigned": unassigned,
    }
    lines = [format_sizes(sizes, unassigned)]
    if loaded.rejected:
        record["rejected"] = str(rejected)
        lines.append(f"{len(loaded.rejected)} left out: {rejected}")
    return Outcome(record, "\n".join([*lines, f"Catalogue: {target}"]))
