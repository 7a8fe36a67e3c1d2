"""`equiclust anomalies`: the images of a run that are unlike the others."""

from __future__ import annotations

from typing import Annotated

from equiclust.cli.parser import RunPath
from equiclust.cli.session import Outcome, Session

__all__ = ["anomalies"]


def anomalies(
    session: Session,
    run: RunPath,
    *,
    n: Annotated[int, "N"] = 50,
    marks: Annotated[tuple[str, ...], "MARKS"] = (),
    interesting: Annotated[tuple[str, ...], "KIND"] = ("interesting",),
    output: Annotated[str, "MARKS.csv"],
) -> Outcome:
    """List the images of a run that are unlike the others, with reasons.

    Writes a CSV file with the columns id, path, kind, rank, probability, outlier_score, label and
    reason, and a contact sheet beside it. Fill in the column kind of a few, as interesting,
    artefact, usual or any other word, and give the file as --marks: the next list has first what is
    like the interesting ones. A file that was filled in is never overwritten.

    Parameters
    ----------
    run
        Folder that `equiclust run` has written.
    n
        Number of images without a mark to list.
    marks
        Files of marks, columns id and kind: lists of this command that were filled in, or labels.
    interesting
        The kinds that are looked for.
    output
        CSV file to write; the contact sheet has the same name and ends in .png.

    Examples
    --------
    equiclust anomalies sorted --output first.csv
    equiclust anomalies sorted --marks first.csv --output second.csv
    """
    from equiclust.cli.search_messages import describe_anomalies
    from equiclust.pipeline.anomalies import (
        check_anomaly_output,
        find_anomalies,
        write_anomalies,
    )
    from equiclust.pipeline.results import open_run

    opened = open_run(run)
    check_anomaly_output(output, opened.path)
    found = find_anomalies(
        opened, n, marks=marks or None, interesting=interesting, on_progress=session.on_progress
    )
    sheet = write_anomalies(found, output)
    return describe_anomalies(found, output, sheet, run)
