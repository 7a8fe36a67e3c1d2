"""`equiclust match`: the rows of another table that belong to the images of a run."""

from __future__ import annotations

from typing import Annotated, Literal

from equiclust.cli.parser import RunPath
from equiclust.cli.session import Outcome, Session

__all__ = ["match"]


def match(
    session: Session,
    run: RunPath,
    table: Annotated[str, "TABLE"],
    *,
    output: Annotated[str, "MATCHED"],
    radius: Annotated[str | None, "ANGLE"] = None,
    by: Literal["position", "id"] = "position",
    one_to_one: bool = False,
    all_images: bool = False,
    ra: Annotated[str, "COLUMN"] = "",
    dec: Annotated[str, "COLUMN"] = "",
) -> Outcome:
    """Find the row of another table that belongs to each image of a run.

    Writes the catalogue beside the columns of the other table, with the separation on the sky and
    the number of rows within the radius. Says how many images match, and how many would by chance,
    as counted at places ten radii away. Kinds from such a table are for `equiclust teach`.

    Parameters
    ----------
    run
        Folder that `equiclust run` or `equiclust teach` has written.
    table
        Any table: FITS, VOTable, ECSV, CSV or Parquet.
    output
        File to write: .ecsv, .fits, .vot, .csv or .parquet.
    radius
        Farthest separation on the sky, such as 1arcsec; needed to match by position.
    by
        By the nearest position, or by the same text in a column of ids.
    one_to_one
        A row of the table belongs to one image at most, the nearest.
    all_images
        List images without a match too.
    ra
        Column of right ascension in the table, where it is not found by UCD or usual names.
    dec
        Column of declination.

    Examples
    --------
    equiclust match sorted gaia.vot --radius 1arcsec --output matched.ecsv
    """
    from equiclust.pipeline.results import open_run

    session.on_progress("matching", 0, None, "")
    found = open_run(run).match(
        table, radius=radius, by=by, one_to_one=one_to_one, all_images=all_images, ra=ra, dec=dec,
        output=output,
    )  # fmt: skip
    counts = {"n_images": found.meta["NIMAGES"], "n_matched": found.meta["NMATCHED"]}
    chance = found.meta.get("NCHANCE")
    said = f"{counts['n_matched']:,} of {counts['n_images']:,} images match"
    if chance is not None:
        said += f", of which about {chance:,.3g} by chance"
    record = {"table": output, **counts, "n_by_chance": chance}
    return Outcome(record, f"{said}: {output}")
