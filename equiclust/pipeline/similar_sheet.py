"""The contact sheet of a search for similar images, and the table beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from equiclust.io.catalogue import write_table
from equiclust.io.output_checks import outputs_outside_runs
from equiclust.io.outputs import Outputs
from equiclust.pipeline.run_pictures import RunPictures
from equiclust.pipeline.similar import Neighbour, SearchedRun, SimilarImages
from equiclust.typing import PathLike

if TYPE_CHECKING:
    from equiclust.report.contact_sheet import SheetTile

__all__ = ["check_sheet_output", "write_similar"]

# Nobody reads a sheet of more rows and columns; the table has all of them.
_MAX_ROWS, _MAX_COLUMNS = 30, 20


def check_sheet_output(sheet: PathLike, run: PathLike) -> None:
    """Refuse a contact sheet that cannot be written, or would replace something else.

    Parameters
    ----------
    sheet : str or path
        Ends in .png; the table beside it ends in .ecsv.
    run : str or path
        Folder of the run, in which the sheet may not lie.

    Raises
    ------
    InputError
        When the name does not end in .png.
    OutputError
        When anything lies there but a sheet and a table of an earlier search.
    """
    _sheet_outputs(sheet, run).check_free()


def _sheet_outputs(sheet: PathLike, run: PathLike) -> Outputs:
    return outputs_outside_runs(sheet, run, ".png", ".ecsv", command="similar")


def write_similar(similar: SimilarImages, sheet: PathLike) -> Path:
    """Write a contact sheet, every query in front of its neighbours, and the table beside it.

    Parameters
    ----------
    similar : SimilarImages
    sheet : str or path
        Ends in .png. At most 30 queries and 20 neighbours are drawn.

    Returns
    -------
    Path
        Of the table, which holds all of them.

    Raises
    ------
    InputError, OutputError
        As `check_sheet_output`.
    """
    from equiclust.report.contact_sheet import write_contact_sheet

    outputs = _sheet_outputs(sheet, similar.searched[0].run.path)
    rows = [row for one in similar.searched for row in _sheet_rows(one)]
    listed, picture = outputs.names
    with outputs.held(), outputs.replaced() as drafts:
        write_table(similar.table, drafts / listed)
        write_contact_sheet(drafts / picture, rows[:_MAX_ROWS])
    return outputs.folder / listed


def _sheet_rows(searched: SearchedRun) -> list[list[SheetTile]]:
    pictures = RunPictures(searched.run)
    return [
        _sheet_row(searched, k, found[:_MAX_COLUMNS], pictures)
        for k, found in enumerate(searched.neighbours[:_MAX_ROWS])
    ]


def _sheet_row(
    searched: SearchedRun, k: int, found: Sequence[Neighbour], pictures: RunPictures
) -> list[SheetTile]:
    from equiclust.report.contact_sheet import SheetTile

    catalogue, queries = searched.run.catalogue, searched.queries
    name = queries.rows.ids[k]
    if queries.images is None:
        rows = {str(one): row for row, one in enumerate(catalogue["id"])}
        pixels = pictures.preprocessed_or_none(rows[name]) if name in rows else None
    else:
        pixels = queries.images[k].pixels
    tiles = [SheetTile(pixels, name, "query")]
    for one in found:
        label = int(catalogue["label"][one.row])
        cluster = f"cluster {label}" if label >= 0 else "no cluster"
        shown = pictures.preprocessed_or_none(one.row)
        remark = f"{one.distance:.3g}, {cluster}"
        tiles.append(SheetTile(shown, str(catalogue["id"][one.row]), remark))
    return tiles
