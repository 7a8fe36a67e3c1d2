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
    kind_column: Annotated[str | None, "NAME"] = None,
    radius: Annotated[str | None, "ANGLE"] = None,
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
        Tables with the columns id and kind: CSV, FITS, ECSV, VOTable or Parquet.
    output
        Folder to write.
    kind_column
        Column with the kinds in one table of any origin, such as the catalogue of a survey.
    radius
        How far an image and a row of that table may be apart on the sky, such as 1arcsec; by
        default they belong together by their ids.

    Examples
    --------
    equiclust teach sorted labels.csv --output taught
    equiclust teach sorted survey.fits --kind-column CLASS --radius 1arcsec --output taught
    """
    from equiclust.cli.messages import describe_taught
    from equiclust.pipeline.results import open_run

    taught = open_run(run).teach(
        labels, output=output, kind_column=kind_column, radius=radius,
        on_progress=session.on_progress,
    )  # fmt: skip
    return describe_taught(taught)
