"""`equiclust teach`: kinds of all images from the labels of a few."""

from __future__ import annotations

from typing import Annotated

from equiclust.cli.parser import RunPath
from equiclust.cli.session import Outcome, Session

__all__ = ["teach"]


def teach(
    session: Session,
    run: RunPath,
    labels: Annotated[tuple[str, ...], "LABELS"],
    *,
    output: Annotated[str, "TAUGHT"],
) -> Outcome:
    """Learn kinds from a few labels, and how often they are right.

    Writes a run folder like any other, whose catalogue has the kind of every image, its calibrated
    probability, and the probability of each kind. Images unlike all labelled ones have the kind
    "none of these". Labels may be partial, and several files count together.

    Parameters
    ----------
    run
        Folder that `equiclust run` has written, or `equiclust teach`, whose labels then count too.
    labels
        Tables with the columns id and kind: CSV, FITS, ECSV or VOTable.
    output
        Folder to write.

    Examples
    --------
    equiclust teach sorted labels.csv --output taught
    """
    from equiclust.cli.messages import describe_taught
    from equiclust.pipeline.results import open_run

    return describe_taught(
        open_run(run).teach(labels, output=output, on_progress=session.on_progress)
    )
