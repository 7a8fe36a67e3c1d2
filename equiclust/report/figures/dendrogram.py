"""Tree of the clusters as a figure: what is merged with what, and the evidence for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from matplotlib.figure import Figure

from equiclust.report.figures.palette import BASELINE_COLOUR, mark_of
from equiclust.report.figures.style import plain_text, styled, svg_uri

__all__ = ["Node", "draw_dendrogram"]

_LINE_COLOUR = "#6B7885"
_MOST_TICKS = 20


@dataclass(frozen=True)
class Node:
    """A node of the tree: all images, several clusters, one, or a part of one.

    Parameters
    ----------
    name : str
    size : int
        Number of images.
    labels : tuple of int
        Of its clusters.
    n_clusters : int or None
        Number of clusters left when it was made of others; None of a cluster or a part of one.
    evidence : str
        What tells for its children; empty where it has none.
    children : tuple of Node
        Empty or two of several clusters; the parts of one cluster.
    """

    name: str
    size: int
    labels: tuple[int, ...]
    n_clusters: int | None
    evidence: str
    children: tuple[Self, ...]

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> Self:
        """Node of `metrics.json`, with everything below it.

        Parameters
        ----------
        record : mapping

        Returns
        -------
        Node

        Raises
        ------
        KeyError, TypeError, ValueError
            When it is not what a run writes.
        """
        labels = tuple(int(label) for label in record["labels"])
        children = tuple(cls.read(child) for child in record["children"])
        if not labels or (len(labels) > 1 and len(children) != 2):
            raise ValueError("a node of several clusters has two children")
        evidence = _evidence(record["evidence"]) if children else ""
        made = int(record["n_clusters"]) if len(labels) > 1 else None
        name = f"cluster {labels[0]}"
        if not children and "fine" in record:
            name += f", fine {int(record['fine'])}"
        return cls(name, int(record["size"]), labels, made, evidence, children)

    def leaves(self) -> Iterator[Node]:
        """Nodes without children, from the first to the last.

        Yields
        ------
        Node
        """
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()


def _evidence(record: Mapping[str, Any]) -> str:
    p_value = plain_text(str(record["words"]).partition(": ")[2])
    return f"{float(record['dip']):.2f}\n{p_value}"


def draw_dendrogram(root: Node, cuts: Mapping[str, int]) -> str:
    """Draw the tree, the finest level on the left.

    Parameters
    ----------
    root : Node
    cuts : mapping of str to int
        Number of clusters of the levels to mark, by their name.

    Returns
    -------
    str
        Data URI.
    """
    leaves = list(root.leaves())
    n_clusters = len(root.labels)
    has_parts = len(leaves) > n_clusters
    rows = {id(leaf): float(row) for row, leaf in enumerate(leaves)}
    with styled():
        sheet = Figure(figsize=(11.9, 1.1 + 0.34 * len(leaves)), layout="constrained")
        axes = sheet.subplots()
        _draw_node(axes, root, rows, n_clusters)
        for name, number in cuts.items():
            axes.axvline(number, color=BASELINE_COLOUR, ls="--", lw=1.0, zorder=0)
            axes.annotate(
                plain_text(name),
                (number, 1.0),
                xycoords=("data", "axes fraction"),
                ha="center",
                va="bottom",
                color=BASELINE_COLOUR,
                size=8.5,
            )
        axes.set_yticks(range(len(leaves)), [_named(leaf) for leaf in leaves])
        axes.set_ylim(len(leaves) - 0.4, -0.6)
        axes.set_xlim(n_clusters + (1.15 if has_parts else 0.15), 0.4)
        _label_columns(axes, n_clusters, has_parts=has_parts)
        axes.grid(visible=False)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        return svg_uri(sheet)


def _named(leaf: Node) -> str:
    return plain_text(f"{leaf.name} ({leaf.size:,})")


def _label_columns(axes: Any, n_clusters: int, *, has_parts: bool) -> None:
    step = -(-n_clusters // _MOST_TICKS)
    places = list(range(n_clusters, 0, -step))
    names = [str(place) for place in places]
    if has_parts:
        places, names = [n_clusters + 1, *places], ["parts", *names]
    axes.set_xticks(places, names)
    axes.set_xlabel("number of clusters left")


def _draw_node(axes: Any, node: Node, rows: dict[int, float], n_clusters: int) -> float:
    """Draw what is below a node and give its row."""
    place = n_clusters if node.n_clusters is None else node.n_clusters
    if not node.children:
        return rows[id(node)]
    ends = [_draw_node(axes, child, rows, n_clusters) for child in node.children]
    for child, row in zip(node.children, ends, strict=True):
        starts = _start(child, node, n_clusters), place
        axes.plot(starts, (row, row), color=_colour(child), lw=1.6)
    axes.plot((place, place), (min(ends), max(ends)), color=_LINE_COLOUR, lw=1.6)
    middle = (min(ends) + max(ends)) / 2
    axes.annotate(
        node.evidence,
        (place, middle),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        size=6.5,
        linespacing=1.1,
        color="#1B2733",
        bbox={"fc": "white", "ec": "none", "pad": 0.4},
        zorder=3,
    )
    return middle


def _start(child: Node, parent: Node, n_clusters: int) -> float:
    """Where the line of a node begins, on the left."""
    if child.n_clusters is not None:
        return child.n_clusters
    return n_clusters + 1 if len(parent.labels) == 1 else n_clusters


def _colour(node: Node) -> str:
    return mark_of(node.labels[0]).colour if len(node.labels) == 1 else _LINE_COLOUR
