"""Section "Levels": clusters above and below those of the run, with the evidence for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from equiclust.io.manifest import DAMAGE
from equiclust.report.contents import Contents
from equiclust.report.figures.dendrogram import Node, draw_dendrogram
from equiclust.report.formatting import is_number

__all__ = ["LevelSection", "make_levels"]


@dataclass(frozen=True)
class LevelSection:
    """What the report states on the levels.

    Parameters
    ----------
    sentence : str
        Empty when nothing was recorded.
    figure : str
        Data URI of the tree; empty when there is a single node.
    n_coarse, n_fine : int or None
        Numbers of clusters of these levels.
    """

    sentence: str
    figure: str
    n_coarse: int | None
    n_fine: int | None


def make_levels(contents: Contents) -> LevelSection:
    """Draw the tree of the clusters.

    Parameters
    ----------
    contents : Contents

    Returns
    -------
    LevelSection
    """
    record = contents.section("levels")
    found = record.get("n_clusters")
    numbers = found if isinstance(found, Mapping) else {}
    coarse, fine = (_whole(numbers.get(name)) for name in ("coarse", "fine"))
    return LevelSection(str(record.get("sentence", "")), _figure(record, coarse), coarse, fine)


def _figure(record: Mapping[str, Any], n_coarse: int | None) -> str:
    try:
        root = Node.read(record["tree"])
    except DAMAGE:
        return ""
    if not root.children:
        return ""
    cuts = {"label": len(root.labels)}
    if n_coarse is not None and n_coarse < len(root.labels):
        cuts["label_coarse"] = n_coarse
    if len(list(root.leaves())) > len(root.labels):
        cuts["label_fine"] = len(root.labels) + 1
    return draw_dendrogram(root, cuts)


def _whole(value: object) -> int | None:
    return int(value) if is_number(value) else None
