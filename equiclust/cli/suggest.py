"""`equiclust suggest`: the images of a run that are worth a label."""

from __future__ import annotations

from typing import Annotated

from equiclust.cli.parser import RunPath
from equiclust.cli.session import Outcome, Session

__all__ = ["suggest"]


def suggest(
    session: Session,
    run: RunPath,
    *,
    n: Annotated[int, "N"] = 30,
    labels: Annotated[tuple[str, ...], "LABELS"] = (),
    output: Annotated[str, "LABELS.csv"],
) -> Outcome:
    """Name the images of a run whose labels tell most about the others.

    Writes a CSV file with the columns id, path and kind, the last to be filled in. First come
    images that are typical of many others; where some are labelled already, those whose kind these
    labels leave in doubt. A file that was filled in is never overwritten.

    Parameters
    ----------
    run
        Folder that `equiclust run` or `equiclust teach` has written.
    n
        Number of images.
    labels
        Files of labels that are there already, for a further round.
    output
        CSV file to write.

    Examples
    --------
    equiclust suggest sorted -n 30 --output labels.csv
    """
    from equiclust.pipeline.results import open_run
    from equiclust.pipeline.teaching import suggest_images

    session.on_progress("suggesting", 0, None, "")
    table = suggest_images(open_run(run), n, labels=labels or None, output=output)
    record = {"labels": output, "n_images": len(table), "ids": [str(name) for name in table["id"]]}
    text = (
        f"{len(table)} images to label: {output}\n"
        f"Fill in the column 'kind', some or all of it, then: "
        f"equiclust teach {run} {output} --output TAUGHT"
    )
    return Outcome(record, text)
