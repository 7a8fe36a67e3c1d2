"""Columns by which images are coloured: groups, and numbers."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from equiclust.exceptions import InputError
from equiclust.pipeline.run_files import RunFiles
from equiclust.report.figures.palette import name_of
from equiclust.typing import Float32Array, Int32Array

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["Column", "find_columns"]

_GROUPS = ("label", "label_coarse", "label_fine", "label_2", "label_3", "cluster")
_TITLES = {
    "label": "cluster",
    "label_coarse": "cluster, coarser level",
    "label_fine": "cluster, finer level",
    "label_2": "cluster, second partition",
    "label_3": "cluster, third partition",
}
_LEFT_OUT = ("id", "path", "given")
_MOST_TEXTS = 100


@dataclass(frozen=True, eq=False)
class Column:
    """One value for each image.

    Parameters
    ----------
    name, title : str
        As in the catalogue, and as it is shown.
    description, unit : str
    what : {"groups", "numbers"}
        Groups are whole numbers from 0 with names; -1 = in none.
    values : ndarray (n,), float32 or int32
        NaN where unknown.
    names : tuple of str, default ()
        Of the groups.
    """

    name: str
    title: str
    description: str
    unit: str
    what: Literal["groups", "numbers"]
    values: Float32Array | Int32Array
    names: tuple[str, ...] = ()

    @property
    def record(self) -> dict[str, Any]:
        """All but the values, for the page."""
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "unit": self.unit,
            "what": self.what,
            "names": self.names,
        }


def find_columns(run: RunFiles) -> dict[str, Column]:
    """Columns of the catalogue of a run, and of the confounders where they were measured.

    Parameters
    ----------
    run : RunFiles

    Returns
    -------
    dict of str to Column
        By name; the clusters, or the kinds of a run that was taught, first.
    """
    found: dict[str, Column] = {}
    tables = [run.catalogue]
    # Runs of earlier versions have none.
    with suppress(InputError):
        tables.append(run.confounders)
    kinds = _kinds(run)
    for table in tables:
        for name in table.colnames:
            if name not in _LEFT_OUT and name not in found:
                column = _column(table, name, kinds)
                if column is not None:
                    found[name] = column
    return found


def _kinds(run: RunFiles) -> tuple[str, ...]:
    """Names of the kinds of a run that was taught."""
    if "kind" not in run.catalogue.colnames:
        return ()
    taught = run.metrics.get("teaching")
    names = taught.get("kinds", []) if isinstance(taught, dict) else []
    return tuple(str(name) for name in names)


def _column(table: Table, name: str, kinds: tuple[str, ...]) -> Column | None:
    given = table[name]
    description = str(given.info.description or "")
    unit = "" if given.unit is None else str(given.unit)
    if name in _GROUPS or name.startswith("label_fold_"):
        values = np.asarray(given, dtype=np.int32)
        own = kinds if name == "label" and kinds else _cluster_names(values)
        title = "kind" if name == "label" and kinds else _TITLES.get(name, name)
        return Column(name, title, description, unit, "groups", values, own)
    if given.dtype.kind in "biuf" and given.ndim == 1:
        numbers = np.ma.filled(np.ma.asarray(given, dtype=np.float32), np.nan)
        return Column(name, name.replace("_", " "), description, unit, "numbers", numbers)
    if given.dtype.kind in "US" and name != "kind":
        return _text_column(given, name, description)
    return None


def _cluster_names(values: Int32Array) -> tuple[str, ...]:
    return tuple(name_of(k) for k in range(int(values.max(initial=-1)) + 1))


def _text_column(given: Any, name: str, description: str) -> Column | None:
    """Text that few images differ in."""
    names, values = np.unique(np.asarray(given, dtype=np.str_), return_inverse=True)
    if len(names) > _MOST_TEXTS:
        return None
    texts = tuple(str(one) for one in names)
    return Column(name, name, description, "", "groups", values.astype(np.int32), texts)
