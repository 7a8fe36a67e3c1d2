"""Images of a run and rows of any other table that are of the same place, or of the same name."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from equiclust._version import __version__
from equiclust.argument_types import checks_types
from equiclust.exceptions import EquiclustWarning, InputError
from equiclust.io.catalogue import read_table, write_table
from equiclust.io.output_checks import check_catalogue_output, output_path
from equiclust.io.outputs import Outputs
from equiclust.io.sky_columns import angle_degrees, sky_positions
from equiclust.io.ucds import add_ucds, ucd_of
from equiclust.pipeline.exports import sky_of
from equiclust.pipeline.run_export import exported_table
from equiclust.pipeline.run_files import RunFiles
from equiclust.teaching.labels import label_text
from equiclust.typing import Float64Array, IntArray, PathLike
from equiclust.validation import check_choice, check_flag, shown

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from astropy.table import Table
    from astropy.units import Quantity

__all__ = ["match_run", "read_other"]

_DIRECTIONS = 8
# Radii by which positions are shifted to count matches that are there by chance.
_SHIFT = 10.0
_LONGEST_SHIFT = 45.0
_DESCRIPTIONS = {
    "separation": "from the image's centre to the position in the other table",
    "n_within": "rows of the other table within the radius, or of the same id",
    "match_row": "row of the other table, from 0; -1 = none",
}
_MATCHED = "_matched"


class _Pairs(NamedTuple):
    """Images and rows of the other table that belong together, and what stands between them."""

    image: IntArray
    row: IntArray
    distance: Float64Array

    def nearest(self) -> _Pairs:
        """The nearest row of every image."""
        ordered = self._by_distance()
        _, first = np.unique(ordered.image, return_index=True)
        return ordered._taken(first)

    def one_to_one(self) -> _Pairs:
        """The nearest pairs first, each image and each row once."""
        ordered = self._by_distance()
        images: set[int] = set()
        rows: set[int] = set()
        kept = []
        pairs = zip(ordered.image.tolist(), ordered.row.tolist(), strict=True)
        for number, (image, row) in enumerate(pairs):
            if image not in images and row not in rows:
                images.add(image)
                rows.add(row)
                kept.append(number)
        return ordered._taken(np.array(kept, dtype=np.intp))

    def _by_distance(self) -> _Pairs:
        return self._taken(np.lexsort((self.row, self.image, self.distance)))

    def _taken(self, places: Any) -> _Pairs:
        return _Pairs(self.image[places], self.row[places], self.distance[places])


@checks_types
def match_run(
    run: RunFiles,
    table: Table | PathLike,
    *,
    radius: str | Quantity | None = None,
    by: Literal["position", "id"] = "position",
    one_to_one: bool = False,
    all_images: bool = False,
    ra: str = "",
    dec: str = "",
    output: PathLike | None = None,
) -> Table:
    """Find the row of another table that belongs to each image of a run.

    Parameters
    ----------
    run : RunFiles
    table : astropy.table.Table, str or path
        Any table, or its file: .fits, .vot, .xml, .ecsv, .csv or .parquet.
    radius : str or astropy.units.Quantity, optional
        Farthest separation on the sky, such as "1arcsec"; needed to match by position.
    by : {"position", "id"}, default "position"
        The nearest position, or the same text in a column of ids.
    one_to_one : bool, default False
        Whether a row may belong to one image only, the nearest.
    all_images : bool, default False
        Whether images without a match are listed too; the other table's columns are masked there.
    ra, dec : str, default ""
        Columns of positions in the other table, where they are not found by UCD or usual names.
    output : str or path, optional
        File to write: .ecsv, .fits, .vot, .xml, .csv or .parquet.

    Returns
    -------
    astropy.table.Table
        The columns of the catalogue, `separation` (arcsec, not by id), `n_within`, `match_row`, and
        the columns of the other table, those of a name that is taken with ``_matched`` at its end.
        Metadata: ``NIMAGES``, ``NMATCHED`` and, by position, ``NCHANCE``, the number of images that
        match by chance, as counted at places ten radii away.

    Raises
    ------
    InputError
        When an argument or the table cannot be used.
    OutputError
        When something else is at the output, or it cannot be written.
    """
    check_choice("by", by, ("position", "id"))
    check_flag("one_to_one", one_to_one)
    check_flag("all_images", all_images)
    outputs = None
    if output is not None:
        path = output_path(output)
        check_catalogue_output(path, run.path)
        outputs = Outputs.beside(path, command="match")
        outputs.check_free()
    catalogue, other = exported_table(run), read_other(table)
    meta: dict[str, Any] = {"CREATOR": f"equiclust {__version__}", "NIMAGES": len(catalogue)}
    if by == "id":
        pairs = _by_id(catalogue, other)
    else:
        reach = angle_degrees("radius", "" if radius is None else radius)
        pairs, meta["NCHANCE"] = _by_position(catalogue, other, reach, ra, dec)
        meta["RADIUS"] = f"{3600.0 * reach:g} arcsec"
    within = np.bincount(pairs.image, minlength=len(catalogue))
    chosen = pairs.one_to_one() if one_to_one else pairs.nearest()
    meta["NMATCHED"] = len(chosen.image)
    found = _joined(catalogue, other, chosen, within, all_images=all_images, on_sky=by != "id")
    found.meta = meta
    if outputs is not None:
        with outputs.held(), outputs.replaced() as drafts:
            write_table(found, drafts / outputs.names[-1])
    return found


def read_other(table: Table | PathLike) -> Table:
    """The other table, read where it is a file.

    Parameters
    ----------
    table : astropy.table.Table, str or path

    Returns
    -------
    astropy.table.Table

    Raises
    ------
    InputError
        When it is neither, or cannot be read.
    """
    from astropy.table import Table as AstropyTable

    if isinstance(table, str | os.PathLike):
        return read_table(Path(table).expanduser())
    if not isinstance(table, AstropyTable):
        raise InputError(f"table must be a table or the path of one, got {shown(table)}")
    return table


def _by_id(catalogue: Table, other: Table) -> _Pairs:
    """All rows of the other table that have the id of an image."""
    named = [name for name in other.colnames if name.casefold() == "id"] or [
        name for name in other.colnames if ucd_of(other[name]).startswith("meta.id;meta.main")
    ]
    if len(named) != 1:
        raise InputError(
            "table must have one column 'id' where no radius is given, got "
            f"{', '.join(map(str, other.colnames[:12]))}"
        )
    image_of = {str(name).rstrip(): row for row, name in enumerate(catalogue["id"])}
    found = [
        (image_of[name], row)
        for row, name in enumerate(map(label_text, other[named[0]]))
        if name in image_of
    ]
    image, row = np.array(found, dtype=np.intp).reshape(-1, 2).T
    return _Pairs(image, row, np.zeros(len(found)))


def _by_position(
    catalogue: Table, other: Table, radius: float, ra: str, dec: str
) -> tuple[_Pairs, float]:
    """All pairs within a radius in degrees, and how many images have a match by chance."""
    from astropy import units as u
    from astropy.coordinates import SkyCoord, search_around_sky

    sky = sky_of(catalogue)
    images, rows = np.flatnonzero(np.isfinite(sky[:, 0])), np.zeros(0, dtype=np.intp)
    if not len(images):
        raise InputError(
            f"by cannot be 'position': none of the {len(catalogue)} images has a place on the sky; "
            "match by id"
        )
    places = SkyCoord(*sky[images].T, unit="deg")
    others = sky_positions(other, ra, dec)
    rows = np.flatnonzero(np.isfinite(others.ra.deg))
    if not len(rows):
        return _Pairs(rows, rows, np.zeros(0)), 0.0
    others = others[rows]
    first, second, separation, _ = search_around_sky(places, others, radius * u.deg)
    pairs = _Pairs(images[first], rows[second], separation.arcsec)
    return pairs, _by_chance(places, others, radius)


def _by_chance(places: SkyCoord, others: SkyCoord, radius: float) -> float:
    """Mean number of positions with a match when all are shifted, in several directions."""
    from astropy import units as u

    shift = min(_SHIFT * radius, _LONGEST_SHIFT) * u.deg
    counts = []
    for angle in np.arange(_DIRECTIONS) * 360.0 / _DIRECTIONS:
        moved = places.directional_offset_by(angle * u.deg, shift)
        _, separation, _ = moved.match_to_catalog_sky(others)
        counts.append(np.count_nonzero(separation.deg <= radius))
    return float(np.mean(counts))


def _joined(
    catalogue: Table,
    other: Table,
    pairs: _Pairs,
    within: IntArray,
    *,
    all_images: bool,
    on_sky: bool,
) -> Table:
    """Rows of both tables beside one another, in the order of the catalogue."""
    row_of = np.full(len(catalogue), -1, dtype=np.int64)
    distance = np.full(len(catalogue), np.nan)
    row_of[pairs.image], distance[pairs.image] = pairs.row, pairs.distance
    chosen = np.arange(len(catalogue)) if all_images else np.flatnonzero(row_of >= 0)
    found, rows = catalogue[chosen], row_of[chosen]
    if on_sky:
        _add(found, "separation", distance[chosen], "arcsec")
    _add(found, "n_within", within[chosen].astype(np.int64))
    _add(found, "match_row", rows)
    add_ucds(found)
    taken = {name.casefold() for name in found.colnames}
    for name in other.colnames:
        column = _taken(other[name], rows)
        if column is None:
            warnings.warn(
                f"the column {name!r} of the other table is left out: it holds no plain values",
                EquiclustWarning, stacklevel=4,
            )  # fmt: skip
            continue
        free = name
        while free.casefold() in taken:
            free += _MATCHED
        taken.add(free.casefold())
        found[free] = column
    return found


def _add(table: Table, name: str, values: Any, unit: str | None = None) -> None:
    from astropy.table import Column

    table[name] = Column(values, description=_DESCRIPTIONS[name], unit=unit)


def _taken(column: Any, rows: IntArray) -> Any:
    """Values of a column at rows, masked at those below 0; None where it is no plain column."""
    from astropy.table import MaskedColumn

    if not hasattr(column, "dtype"):
        return None
    values = np.ma.asarray(column)
    if values.dtype.kind == "O":
        values = np.ma.array([label_text(value) for value in column], dtype=np.str_)
    if values.dtype.kind not in "biufUS":
        return None
    missing = rows < 0
    if len(values):
        taken = values[np.maximum(rows, 0)]
    else:
        taken = np.ma.zeros((len(rows), *values.shape[1:]), dtype=values.dtype)
    mask = np.ma.getmaskarray(taken).copy()
    mask[missing] = True
    info = column.info
    kept = MaskedColumn(
        taken.data, mask=mask, description=info.description, unit=info.unit,
        meta=dict(info.meta or {}),
    )  # fmt: skip
    return kept if mask.any() else kept.filled()
