"""What the commands that search in a run say of what they found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from equiclust.cli.session import Outcome

if TYPE_CHECKING:
    from equiclust.pipeline.anomalies import Anomalies
    from equiclust.pipeline.similar import SimilarImages

__all__ = ["describe_anomalies", "describe_similar"]

_MAX_LISTED = 5


def describe_similar(similar: SimilarImages, sheet: str, table: Path) -> Outcome:
    """The nearest images of each query.

    Parameters
    ----------
    similar : SimilarImages
    sheet : str
        The contact sheet that was written.
    table : Path
        The table that was written.

    Returns
    -------
    Outcome
    """
    pairs = [
        (name, one.run.catalogue["id"], found)
        for one in similar.searched
        for name, found in zip(one.queries.rows.ids, one.neighbours, strict=True)
    ]
    lines = [
        f"{name}: "
        + ", ".join(f"{ids[one.row]} ({one.distance:.3g})" for one in found[:_MAX_LISTED])
        for name, ids, found in pairs[:_MAX_LISTED]
    ]
    if len(pairs) > _MAX_LISTED:
        lines.append(f"and {len(pairs) - _MAX_LISTED} more in the table")
    first = similar.searched[0]
    record = {
        "sheet": sheet,
        "table": str(table),
        "n_images": len(first.queries.rows.ids),
        "n_rejected": len(similar.rejected),
        "similar": {
            name: [{"id": str(ids[one.row]), "distance": one.distance} for one in found]
            for name, ids, found in pairs[: len(first.neighbours)]
        },
    }
    return Outcome(record, "\n".join([*lines, f"Contact sheet: {sheet}", f"Table: {table}"]))


def describe_anomalies(found: Anomalies, output: str, sheet: Path, run: str) -> Outcome:
    """The first images of a list, and what to do with it.

    Parameters
    ----------
    found : Anomalies
    output : str
        The list that was written.
    sheet : Path
        The contact sheet that was written.
    run : str
        As it was named.

    Returns
    -------
    Outcome
    """
    table = found.table
    lines = [f"{row['rank']}. {row['id']}: {row['reason']}" for row in table[:_MAX_LISTED]]
    if len(table) > _MAX_LISTED:
        lines.append(f"and {len(table) - _MAX_LISTED} more in the list")
    record = {
        "anomalies": output,
        "sheet": str(sheet),
        "n_images": len(table),
        "n_marked": found.n_marked,
        "ids": [str(name) for name in table["id"]],
    }
    lines += [
        f"List: {output}",
        f"Contact sheet: {sheet}",
        "Fill in the column 'kind' of some (interesting, artefact, usual), then: "
        f"equiclust anomalies {run} --marks {output} --output NEXT.csv",
    ]
    return Outcome(record, "\n".join(lines))
