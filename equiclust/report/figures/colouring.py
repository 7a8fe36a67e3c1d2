"""What the colours of a map of images say: a group of each image, or a quantity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from equiclust.exceptions import InputError
from equiclust.io.catalogue import printable
from equiclust.report.figures.palette import Mark, mark_of, name_of
from equiclust.typing import Array, Float64Array, IntArray

if TYPE_CHECKING:
    from astropy.table import Column, Table

__all__ = ["Colouring", "Group", "Groups", "Shades", "colouring_of", "kind_order", "kind_texts"]

_MOST_GROUPS = 84


@dataclass(frozen=True, eq=False)
class Group:
    """Images that look the same on the map.

    Parameters
    ----------
    name : str
    mark : Mark
    rows : ndarray (m,), int64
        Of the table, ascending.
    """

    name: str
    mark: Mark
    rows: IntArray


@dataclass(frozen=True)
class Groups:
    """Colours that say to which group an image belongs.

    Parameters
    ----------
    groups : tuple of Group
        Every image is in one; those in none of them come first.
    """

    groups: tuple[Group, ...]


@dataclass(frozen=True, eq=False)
class Shades:
    """Colours that say how large a quantity is.

    Parameters
    ----------
    name : str
        Of the column.
    description : str
        Of the quantity, with its unit.
    values : ndarray (n,), float64
        NaN where unknown.
    """

    name: str
    description: str
    values: Float64Array


Colouring = Groups | Shades
"""What the colours say."""


def colouring_of(table: Table, column: str, *, kinds: Sequence[str] = ()) -> Colouring:
    """Colours by a column of a table.

    Parameters
    ----------
    table : astropy.table.Table
        With one row for each image.
    column : str
        Whole numbers whose name begins with "label", or "cluster", are labels, -1 = none; text and
        truth values are groups too, and other numbers a quantity.
    kinds : sequence of str, default ()
        Texts in the order of their colours, so that these do not depend on which of them occur. The
        others follow in their alphabetical order.

    Returns
    -------
    Groups or Shades

    Raises
    ------
    InputError
        When there is no such column, it holds vectors, more than 84 different texts, or no finite
        number.
    """
    if column not in table.colnames:
        known = ", ".join(table.colnames)
        raise InputError(f"colour must be a column of the run, one of {known}, got {column!r}")
    values = table[column]
    if values.ndim > 1:
        raise InputError(f"colour must be a column of numbers or text, got {column!r} of vectors")
    kind = values.dtype.kind
    if kind in "iu" and (column.startswith("label") or column == "cluster"):
        return _by_label(np.asarray(values, dtype=np.int64))
    if kind in "USOb":
        return _by_text(column, kind_texts(values), kinds)
    if kind in "iuf":
        return _by_value(column, values)
    raise InputError(
        f"colour must be a column of numbers or text, got {column!r} of {values.dtype}"
    )


def kind_texts(values: Any) -> tuple[str, ...]:
    """Values of a column as text, empty where they are missing.

    Parameters
    ----------
    values : astropy.table.Column or sequence

    Returns
    -------
    tuple of str
    """
    return tuple("" if one is np.ma.masked or one is None else str(one) for one in values)


def kind_order(texts: Sequence[str], first: Sequence[str] = ()) -> tuple[str, ...]:
    """Different texts in the order of their colours.

    Parameters
    ----------
    texts : sequence of str
        Empty ones do not count.
    first : sequence of str, default ()
        Those that come first, whether they occur or not.

    Returns
    -------
    tuple of str
        The others follow in their alphabetical order.
    """
    return (*first, *sorted({text for text in texts if text}.difference(first)))


def _by_label(labels: IntArray) -> Groups:
    return Groups(
        tuple(
            Group(name_of(label), mark_of(label), np.flatnonzero(labels == label))
            for label in np.unique(labels).tolist()
        )
    )


def _by_text(column: str, texts: Sequence[str], kinds: Sequence[str]) -> Groups:
    order = kind_order(texts, kinds)
    occurring = set(texts) - {""}
    if len(occurring) > _MOST_GROUPS:
        raise InputError(
            f"colour must be a column of at most {_MOST_GROUPS} different texts, got {column!r} of "
            f"{len(occurring)}"
        )
    place = {name: k for k, name in enumerate(order)} | {"": -1}
    labels = np.array([place[text] for text in texts], dtype=np.int64)
    names = {-1: f"no {column.replace('_', ' ')}"} | {
        k: printable(name) for k, name in enumerate(order)
    }
    return Groups(
        tuple(
            Group(names[k], mark_of(k), np.flatnonzero(labels == k))
            for k in np.unique(labels).tolist()
        )
    )


def _by_value(name: str, column: Column) -> Shades:
    values = _filled(column)
    if not np.isfinite(values).any():
        raise InputError(f"colour must be a column with finite numbers, got {name!r} without any")
    # What follows a semicolon tells how to read the numbers.
    words = str(column.description or "").partition(";")[0].strip()
    unit = f" ({column.unit})" if column.unit else ""
    description = f"{name.replace('_', ' ')}{f': {words}' if words else ''}{unit}"
    return Shades(name, description, np.where(np.isfinite(values), values, np.nan))


def _filled(column: Any) -> Array:
    return np.ma.filled(np.ma.asarray(column).astype(np.float64), np.nan)
