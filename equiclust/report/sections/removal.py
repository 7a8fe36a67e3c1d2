"""Part of the section "Confounders": what their removal did to the clusters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from equiclust.report.contents import Contents
from equiclust.report.figures.palette import name_of
from equiclust.report.formatting import counted, fixed, is_number, percent

__all__ = ["RemovalPart", "count_table", "make_removal"]

_SAME = 1 - 1e-12


@dataclass(frozen=True)
class RemovalPart:
    """What the report states on the removal of confounders.

    Parameters
    ----------
    sentences : tuple of str, default ()
    columns : tuple of str, default ()
        Names of the labels with removal.
    rows : tuple of (str, tuple of str), default ()
        Name of each label without removal, and the numbers of its images by label with removal.
        Empty where both partitions are the same.
    shares : mapping of str to str, default {}
        Explained share of each confounder without removal, formatted.
    """

    sentences: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, tuple[str, ...]], ...] = ()
    shares: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was removed."""
        return not self.sentences


def make_removal(contents: Contents) -> RemovalPart:
    """Format what was removed, and how the clusters differ from those without the removal.

    Parameters
    ----------
    contents : Contents

    Returns
    -------
    RemovalPart
    """
    record = contents.section("removal")
    said = record.get("sentence")
    if not isinstance(said, str):
        return RemovalPart()
    columns, rows = count_table(record)
    found = record.get("without")
    without = found if isinstance(found, Mapping) else {}
    return RemovalPart(
        (f"{said}.", *_difference(without, record)),
        columns,
        rows if _index(record) < _SAME else (),
        {
            str(entry.get("name")): percent(_number(entry, "eta_squared"))
            for entry in _list(without, "nuisances")
            if isinstance(entry, Mapping)
        },
    )


def _difference(without: Mapping[str, Any], record: Mapping[str, Any]) -> list[str]:
    n_clusters, index = _number(without, "n_clusters"), _index(record)
    if n_clusters is None or not is_number(record.get("adjusted_rand_index")):
        return []
    if index >= _SAME:
        return ["Without that the labels are the same."]
    return [
        f"Without that there would be {counted(int(n_clusters), 'cluster')}; the adjusted Rand "
        f"index of both partitions is {fixed(index)}."
    ]


def _index(record: Mapping[str, Any]) -> float:
    found = _number(record, "adjusted_rand_index")
    return 0.0 if found is None else found


def count_table(
    record: Mapping[str, Any],
) -> tuple[tuple[str, ...], tuple[tuple[str, tuple[str, ...]], ...]]:
    """Format a table of counts by two labels.

    Parameters
    ----------
    record : mapping
        `labels_without`, those of the rows; `labels`, those of the columns; and `counts`.

    Returns
    -------
    columns : tuple of str
        Names of the labels.
    rows : tuple of (str, tuple of str)
        Names and cells; both are empty where they do not fit.
    """
    columns, rows, counts = (_list(record, name) for name in ("labels", "labels_without", "counts"))
    whole = all(isinstance(label, int) for label in (*columns, *rows))
    fit = len(counts) == len(rows) and all(
        isinstance(row, list) and len(row) == len(columns) and all(map(is_number, row))
        for row in counts
    )
    if not whole or not fit:
        return (), ()
    cells = (tuple(f"{int(count):,}" for count in row) for row in counts)
    return (
        tuple(map(name_of, columns)),
        tuple((name_of(label), own) for label, own in zip(rows, cells, strict=True)),
    )


def _list(record: Mapping[str, Any], name: str) -> list[Any]:
    found = record.get(name)
    return found if isinstance(found, list) else []


def _number(record: Mapping[str, Any], name: str) -> float | None:
    found = record.get(name)
    return found if is_number(found) else None
