"""`equiclust predict`: the clusters of a run for new images."""

from __future__ import annotations

from typing import Annotated

from equiclust.cli.parser import Inputs, RunPath
from equiclust.cli.session import Outcome, Session

__all__ = ["predict"]


def predict(
    session: Session,
    run: RunPath,
    inputs: Inputs,
    *,
    output: Annotated[str, "CATALOGUE"],
    axes: Annotated[str | None, "LETTERS"] = None,
) -> Outcome:
    """Sort new images into the clusters of a run; nothing is fitted.

    Parameters
    ----------
    run
        Folder that `equiclust run` has written.
    inputs
        Files, folders or globs.
    output
        Catalogue to write: .ecsv, .fits, .vot or .csv. Rejected inputs are listed beside it, in a
        file that ends in .rejected.ecsv.
    axes
        What the axes of NumPy and TIFF arrays hold, in their order: n images, c channels, h rows,
        w columns, such as nhwc; by default as for the run.

    Examples
    --------
    equiclust predict sorted more/*.fits --output more.ecsv
    """
    from equiclust.cli.messages import describe_prediction
    from equiclust.pipeline.prediction import predict_catalogue
    from equiclust.pipeline.results import open_run

    opened = open_run(run)
    found = predict_catalogue(
        opened, inputs, output=output, axes=axes, on_progress=session.on_progress
    )
    return describe_prediction(found, opened.n_clusters, output)
