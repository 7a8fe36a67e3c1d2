"""`equiclust similar`: the most similar images of a run."""

from __future__ import annotations

from typing import Annotated

from equiclust.cli.parser import RunPath
from equiclust.cli.session import Outcome, Session

__all__ = ["similar"]


def similar(
    session: Session,
    run: RunPath,
    inputs: Annotated[tuple[str, ...], "IMAGE"] = (),
    *,
    n: Annotated[int, "N"] = 10,
    ids: Annotated[tuple[str, ...], "ID"] = (),
    others: Annotated[tuple[str, ...], "RUN"] = (),
    near: Annotated[tuple[float, float] | None, "RA DEC"] = None,
    radius: Annotated[str | None, "ANGLE"] = None,
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
        Files, folders or globs; of a run of vectors (run --latents) a file of them.
    n
        Number of neighbours per image.
    ids
        Images of the run to ask about, in place of files.
    others
        Further runs to search, each by its own model.
    near
        Look only around this right ascension and declination, in degrees (ICRS).
    radius
        How far from there at most, such as 30arcmin.
    output
        The contact sheet; the table is written beside it as .ecsv.

    Examples
    --------
    equiclust similar sorted new/disc.fits -n 10
    equiclust similar sorted --ids disc_00012 --near 83.8 -5.4 --radius 30arcmin
    """
    from equiclust.cli.search_messages import describe_similar
    from equiclust.pipeline.results import open_run
    from equiclust.pipeline.similar import find_similar
    from equiclust.pipeline.similar_sheet import check_sheet_output, write_similar

    opened = open_run(run)
    check_sheet_output(output, opened.path)
    found = find_similar(
        opened,
        inputs,
        n=n,
        ids=ids,
        others=[open_run(other) for other in others],
        near=near,
        radius=radius,
        on_progress=session.on_progress,
    )
    table = write_similar(found, output)
    return describe_similar(found, output, table)
