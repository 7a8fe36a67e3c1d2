"""`equiclust similar`: the most similar images of a run."""

from __future__ import annotations

from typing import Annotated

from equiclust.cli.parser import RunPath
from equiclust.cli.session import Outcome, Session

__all__ = ["similar"]


def similar(
    session: Session,
    run: RunPath,
    inputs: Annotated[tuple[str, ...], "IMAGE"],
    *,
    n: Annotated[int, "N"] = 10,
    output: Annotated[str, "SHEET.png"] = "similar.png",
) -> Outcome:
    """Find the images of a run that are most similar to given ones, at any orientation.

    Writes a contact sheet with every image in front of its neighbours, and a table of them beside
    it, with the distances between the latents. An image of the run is not its own neighbour. Among
    a million images or more the search is approximate.

    Parameters
    ----------
    run
        Folder that `equiclust run` has written.
    inputs
        Files, folders or globs.
    n
        Number of neighbours per image.
    output
        The contact sheet; the table is written beside it as .ecsv.

    Examples
    --------
    equiclust similar sorted new/disc.fits -n 10
    """
    from equiclust.cli.messages import describe_similar
    from equiclust.pipeline.results import open_run
    from equiclust.pipeline.similar import check_sheet_output, find_similar, write_similar

    opened = open_run(run)
    check_sheet_output(output, opened.path)
    found = find_similar(opened, inputs, n=n, on_progress=session.on_progress)
    table = write_similar(found, output)
    return describe_similar(found, output, table)
