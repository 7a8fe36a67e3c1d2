"""Tables beside the stamps: what each of them is, and which sources have none."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from equiclust._version import __version__
from equiclust.cutouts.placement import Left
from equiclust.cutouts.sources import Sources
from equiclust.cutouts.survey_images import ONE_BAND
from equiclust.io.catalogue import printable
from equiclust.typing import Array, Float64Array, IntArray

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["beside", "rejected_table", "stamp_rows"]

_ENDINGS = (".zarr", ".fits", ".fit", ".fts")


def beside(output: Path, ending: str) -> Path:
    """A file beside the stamps, by the name of these without ``.fits`` or ``.zarr``.

    Parameters
    ----------
    output : Path
    ending : str
        Such as ``.ecsv``.

    Returns
    -------
    Path
    """
    suffix = output.suffix.lower()
    stem = output.name[: -len(suffix)] if suffix in _ENDINGS else output.name
    return output.with_name(stem + ending)


def stamp_rows(
    sources: Sources,
    rows: IntArray,
    sizes: IntArray,
    coverage: Float64Array,
    bands: Sequence[str],
    files: Iterable[Sequence[str]],
    meta: Mapping[str, Any],
) -> Table:
    """One row for each of some stamps.

    Parameters
    ----------
    sources : Sources
    rows : ndarray (m,), int64
        Of the sources in the catalogue, from 0.
    sizes : ndarray (m,), int64
        Sides in pixels.
    coverage : ndarray (m, c), float64
        Share of the pixels that have a value, by bands.
    bands : sequence of str
    files : iterable of sequence of str
        Images that each was cut from.
    meta : mapping
        What the table says of the whole.

    Returns
    -------
    astropy.table.Table
    """
    from astropy.table import Column, Table

    table = Table(meta=dict(meta))

    def add(name: str, values: Any, text: str, unit: str | None = None) -> None:
        table[name] = Column(values, description=text, unit=unit)

    add("id", sources.names[rows], "name of the stamp, unique")
    add("source", _texts(sources.ids[rows]), "its name in the catalogue")
    add("row", rows + 1, "its row in the catalogue, from 1")
    if sources.in_pixels:
        add("x", sources.positions[rows, 0], "column of the source in the image, from 0", "pix")
        add("y", sources.positions[rows, 1], "row of the source in the image, from 0", "pix")
    else:
        add("ra", sources.positions[rows, 0], "right ascension of the source, ICRS", "deg")
        add("dec", sources.positions[rows, 1], "declination of the source, ICRS", "deg")
    add("size", sizes, "side of the stamp", "pix")
    for k, band in enumerate(bands):
        ending = "" if band == ONE_BAND else f"_{printable(band)}"
        add(f"coverage{ending}", coverage[:, k], "share of its pixels that have a value")
    names = ["; ".join(map(os.path.basename, several)) for several in files]
    add("files", _texts(names), "images that it was cut from")
    return table


def rejected_table(sources: Sources, left: Sequence[Left]) -> Table:
    """Table of the sources without a stamp.

    Parameters
    ----------
    sources : Sources
    left : sequence of Left

    Returns
    -------
    astropy.table.Table
        Columns `id`, `row`, `ra` and `dec` (or `x` and `y`), `band` and `reason`.
    """
    from astropy.table import Column, Table

    rows = np.array([one.row for one in left], dtype=np.int64)
    table = Table(meta={"CREATOR": f"equiclust {__version__}"})
    table["id"] = Column(_texts(sources.ids[rows]), description="its name in the catalogue")
    table["row"] = Column(rows + 1, description="its row in the catalogue, from 1")
    names, unit = (("x", "y"), "pix") if sources.in_pixels else (("ra", "dec"), "deg")
    for name, values in zip(names, sources.positions[rows].T, strict=True):
        table[name] = Column(values, unit=unit)
    bands, reasons = [one.band for one in left], [one.reason for one in left]
    table["band"] = Column(_texts(bands), description="band that is missing; empty for all")
    table["reason"] = Column(_texts(reasons), description="why it has no stamp")
    return table


def _texts(values: Iterable[str]) -> Array:
    return np.array([printable(text) for text in values], dtype=np.str_)
