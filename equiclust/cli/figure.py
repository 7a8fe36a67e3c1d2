"""`equiclust figure`: the map of the latents as a figure of a paper."""

from __future__ import annotations

from typing import Annotated, Literal

from equiclust.cli.parser import RunPath
from equiclust.cli.session import Outcome, Session

__all__ = ["figure"]


def figure(
    session: Session,
    run: RunPath,
    *,
    output: Annotated[str, "FIGURE.pdf"],
    projection: Literal["pca", "umap", "tsne"] = "pca",
    colour: Annotated[str | None, "COLUMN"] = None,
    width: Annotated[float, "CM"] = 12.0,
    labels: Annotated[tuple[str, ...], "LABELS"] = (),
) -> Outcome:
    """Draw the map of the latents of a run for a paper.

    Every cluster has the colour and the marker that it has in the report, and stands in the legend
    with the number of its images; a quantity has a colour bar with its unit. The same command
    writes the same bytes, and stands in the metadata of the file.

    Parameters
    ----------
    run
        Folder that `equiclust run` or `equiclust teach` has written.
    output
        Figure to write: .pdf, .svg or .png.
    projection
        Plane of the map: two principal components, or an embedding that keeps neighbourhoods.
        tsne is for at most 4,000 images.
    colour
        Column of the catalogue or of the confounders that determines the colours, such as label,
        label_coarse, stability, outlier_score or brightness; by default kind where there are
        kinds, else label.
    width
        Width of the figure in centimetres.
    labels
        Files of labels, with the columns id and kind: colours show the kinds, or with another
        --colour a ring shows which images are labelled.

    Examples
    --------
    equiclust figure sorted --output map.pdf --projection umap
    equiclust figure sorted --output stability.pdf --colour stability --width 8.8
    """
    from equiclust.pipeline.figures import write_run_figure
    from equiclust.pipeline.results import open_run

    session.on_progress("drawing", 0, None, "")
    command = write_run_figure(
        open_run(run), output,
        projection=projection, colour=colour, width=width, labels=labels, named=run,
    )  # fmt: skip
    return Outcome({"figure": output, "command": command}, f"Figure: {output}")
