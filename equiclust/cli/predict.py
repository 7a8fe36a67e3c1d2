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
    max_memory: Annotated[str, "SIZE"] = "auto",
    latents: bool = False,
    scheduler: Annotated[str | None, "ADDRESS"] = None,
) -> Outcome:
    """Sort new images into the clusters of a run; nothing is fitted.

    They are read some at a time, and may be more than fit into memory. The same command again
    resumes one that was stopped.

    Parameters
    ----------
    run
        Folder that `equiclust run` has written.
    inputs
        Files, folders, globs, or @LIST, a text file that names one of these a line.
    output
        Catalogue to write: .ecsv, .fits, .vot, .csv or .parquet; for millions of images .parquet or
        .fits. Rejected inputs are listed beside it, in a file that ends in .rejected.ecsv.
    axes
        What the axes of NumPy, TIFF and Zarr arrays hold, in their order: n images, c channels, h
        rows, w columns, such as nhwc; by default as for the run. With nhw the planes of FITS cubes
        are images too.
    max_memory
        Memory that may be used, such as 2GB; auto sets no limit. Some 1.3 GB are used however many
        images there are.
    latents
        Write the latents of the images too, a column of vectors; not for .csv.
    scheduler
        Address of a Dask scheduler, such as tcp://host:8786, whose workers encode the images.

    Examples
    --------
    equiclust predict sorted more/*.fits --output more.ecsv
    """
    from equiclust.cli.messages import describe_prediction
    from equiclust.pipeline.prediction import predict_catalogue
    from equiclust.pipeline.results import open_run

    opened = open_run(run)
    found = predict_catalogue(
        opened,
        inputs,
        output=output,
        axes=axes,
        max_memory=max_memory,
        latents=latents,
        scheduler=scheduler,
        keep_table=False,
        on_progress=session.on_progress,
    )
    return describe_prediction(found, opened.n_clusters, output)
