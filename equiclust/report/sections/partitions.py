"""Section "Other partitions": what each follows, where it differs, and which images decide."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from equiclust.io.manifest import DAMAGE
from equiclust.report.contents import Contents
from equiclust.report.figures.palette import name_of
from equiclust.report.formatting import fixed
from equiclust.report.sections.clusters import Tile, tile_of
from equiclust.report.sections.removal import count_table

__all__ = ["OtherPartition", "make_partitions"]


@dataclass(frozen=True)
class OtherPartition:
    """What the report states of one other partition.

    Parameters
    ----------
    number : int
        From 2; that of the run is the first.
    name : str
        What it was made from.
    agreement, adjusted_rand_index : str
        Formatted: of two such partitions of halves of the images, and with that of the run.
    findings : tuple of str
        Confounders that it follows.
    columns : tuple of str
        Names of its labels.
    rows : tuple of (str, tuple of str)
        Name of each label of the run, and the numbers of its images by label of this partition.
    decide : tuple of Tile
        Images that both sort differently.
    """

    number: int
    name: str
    agreement: str
    adjusted_rand_index: str
    findings: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    decide: tuple[Tile, ...]


def make_partitions(contents: Contents) -> tuple[OtherPartition, ...]:
    """Format the other partitions.

    Parameters
    ----------
    contents : Contents

    Returns
    -------
    tuple of OtherPartition
        Without those whose record is damaged.
    """
    found = []
    for record in contents.entries("partitions"):
        with suppress(*DAMAGE):
            found.append(_partition(contents, record))
    return tuple(found)


def _partition(contents: Contents, record: Mapping[str, Any]) -> OtherPartition:
    columns, rows = count_table(record)
    places = {name: row for row, name in enumerate(contents.ids)}
    shown = [places[name] for name in record["decide"] if name in places]
    return OtherPartition(
        int(record["number"]),
        str(record["name"]),
        fixed(float(record["agreement"])),
        fixed(float(record["adjusted_rand_index"])),
        tuple(str(sentence) for sentence in record["findings"]),
        columns,
        rows,
        tuple(tile_of(contents, row, name_of(int(contents.labels[row]))) for row in shown),
    )
