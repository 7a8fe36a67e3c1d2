"""One colour and one marker for each cluster, the same in every figure."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BASELINE_COLOUR", "OURS_COLOUR", "UNKNOWN", "Mark", "mark_of", "name_of"]

COLOURS = (
    "#2A5CAA",
    "#E8A33D",
    "#8C1D5B",
    "#99CC99",
    "#DD6655",
    "#77BBFF",
    "#330099",
    "#554400",
    "#8855EE",
    "#AA6600",
    "#996699",
    "#660066",
)
"""At least 20 apart in CIELAB, grey included, also with protanopia, deuteranopia and tritanopia."""

MARKERS = ("circle", "square", "triangle", "diamond", "inverted_triangle", "hex", "star")

OURS_COLOUR = "#1F5A8C"
BASELINE_COLOUR = "#C4622D"

PATHS = {
    "circle": "M1.5 6a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0z",
    "square": "M2 2h8v8h-8z",
    "triangle": "M6 1.2L11 10H1z",
    "diamond": "M6 .6L10.6 6L6 11.4L1.4 6z",
    "inverted_triangle": "M6 10.8L11 2H1z",
    "hex": "M6 1l4.4 2.5v5L6 11L1.6 8.5v-5z",
    "star": "M6 .8l1.5 3.4 3.7.4-2.8 2.5.8 3.7L6 8.9 2.8 10.8l.8-3.7L.8 4.6l3.7-.4z",
}
"""Outlines of the markers in a square of 12 units."""


@dataclass(frozen=True)
class Mark:
    """How a cluster is drawn.

    Parameters
    ----------
    colour : str
        As "#RRGGBB".
    marker : str
        As Bokeh names it.
    outline : str
        SVG path of the marker in a square of 12 units.
    """

    colour: str
    marker: str
    outline: str


UNKNOWN = Mark("#9A9A9A", "circle", PATHS["circle"])
"""Mark of images without a cluster."""


def mark_of(label: int) -> Mark:
    """Colour and marker of a label.

    Parameters
    ----------
    label : int
        From 0; -1 = no cluster.

    Returns
    -------
    Mark
        The marker changes when all colours are used; grey for -1.
    """
    if label < 0:
        return UNKNOWN
    marker = MARKERS[label // len(COLOURS) % len(MARKERS)]
    return Mark(COLOURS[label % len(COLOURS)], marker, PATHS[marker])


def name_of(label: int) -> str:
    """Name of a label in reports and figures.

    Parameters
    ----------
    label : int
        From 0; -1 = no cluster.

    Returns
    -------
    str
        "cluster 3", or "don't know" for -1.
    """
    return f"cluster {label}" if label >= 0 else "don't know"
