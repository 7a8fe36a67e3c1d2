"""Labels to teach from a column of any table, such as the catalogue of a survey."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.pipeline.matching import match_run, read_other
from equiclust.pipeline.run_files import RunFiles
from equiclust.teaching.labels import label_text
from equiclust.typing import PathLike
from equiclust.validation import shown

if TYPE_CHECKING:
    from astropy.table import Table
    from astropy.units import Quantity

    from equiclust.pipeline.teaching import LabelInputs

__all__ = ["labels_of", "matched_kinds"]


@checks_types
def matched_kinds(
    run: RunFiles,
    table: Table | PathLike,
    kind_column: str,
    *,
    radius: str | Quantity | None = None,
) -> dict[str, str]:
    """Kinds of images from a column of another table, as labels to teach.

    Parameters
    ----------
    run : RunFiles
    table : astropy.table.Table, str or path
    kind_column : str
        Column with the kinds; rows where it is empty label nothing.
    radius : str or astropy.units.Quantity, optional
        To match by position, each row with the one image that is nearest; by default by id.

    Returns
    -------
    dict of str to str
        Kind by the id of the image.

    Raises
    ------
    InputError
        When there is no such column, or nothing matches.
    """
    other = read_other(table)
    if kind_column not in other.colnames:
        known = ", ".join(map(str, other.colnames[:12]))
        raise InputError(f"kind_column must be one of {known}, got {shown(kind_column)}")
    labelled = other[[bool(label_text(value)) for value in other[kind_column]]]
    by: Literal["position", "id"] = "id" if radius is None else "position"
    found = match_run(run, labelled, radius=radius, by=by, one_to_one=True)
    if not len(found):
        how = "has the id of an image" if by == "id" else f"lies within {radius} of an image"
        raise InputError(
            f"labels must be of images of the run: none of the {len(labelled)} rows with a "
            f"{kind_column!r} {how}; choose another radius or table"
        )
    texts = [label_text(labelled[kind_column][row]) for row in found["match_row"]]
    return dict(zip((str(name) for name in found["id"]), texts, strict=True))


def labels_of(
    run: RunFiles, labels: Any, kind_column: str | None, radius: str | Quantity | None
) -> LabelInputs:
    """Labels to teach as they were given, or from a column of another table.

    Parameters
    ----------
    run : RunFiles
    labels : mapping, path-like, sequence of path-like, or astropy.table.Table
        One table where `kind_column` is given.
    kind_column : str or None
    radius : str, astropy.units.Quantity or None
        As for `matched_kinds`.

    Returns
    -------
    mapping of str to str, path-like, or sequence of path-like

    Raises
    ------
    InputError
        As of `matched_kinds`, and when `labels` is not one table.
    """
    if kind_column is None:
        if radius is not None:
            raise InputError(f"kind_column is needed to match within radius {shown(radius)}")
        return labels  # type: ignore[no-any-return]
    tables = list(labels) if isinstance(labels, list | tuple) else [labels]
    if len(tables) != 1:
        raise InputError(f"labels must be one table with kind_column, got {len(tables)}")
    return matched_kinds(run, tables[0], kind_column, radius=radius)
