"""Style of all figures: matplotlib to SVG, with the same bytes every time."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from equiclust.io.catalogue import printable
from equiclust.report.figures.pictures import data_uri

__all__ = [
    "colour_bar",
    "linear_scale",
    "log_scale",
    "panels",
    "plain_text",
    "prefers_log",
    "styled",
    "svg_uri",
]

_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.labelsize": 9.0,
    "axes.edgecolor": "#6B7885",
    "axes.labelcolor": "#1B2733",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#E6EAEE",
    "xtick.color": "#3A4753",
    "ytick.color": "#3A4753",
    "legend.frameon": False,
    "svg.fonttype": "path",
    # Without a salt, names inside the SVG would be random.
    "svg.hashsalt": "equiclust",
}

_LOG_FROM = 10.0
"""Ratio of largest to smallest value from which an axis is logarithmic."""


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the style of the report while the block runs; matplotlib's settings come back.

    Yields
    ------
    None
    """
    with matplotlib.rc_context(_STYLE):
        yield


def panels(count: int, *, columns: int, width: float, height: float) -> tuple[Figure, list[Any]]:
    """Make a figure with a grid of axes.

    Parameters
    ----------
    count : int
        Number of axes.
    columns : int
        Most axes in a row.
    width : float
        Of a full row, in inches.
    height : float
        Of one row, in inches.

    Returns
    -------
    figure : matplotlib.figure.Figure
    axes : list of matplotlib.axes.Axes
        Of length `count`.
    """
    across = min(columns, count)
    rows = -(-count // across)
    sheet = Figure(figsize=(width * across / columns, height * rows), layout="constrained")
    grid = sheet.subplots(rows, across, squeeze=False)
    axes = list(grid.ravel())
    for spare in axes[count:]:
        spare.remove()
    return sheet, axes[:count]


def svg_uri(sheet: Figure) -> str:
    """Draw a figure as SVG.

    Parameters
    ----------
    sheet : matplotlib.figure.Figure

    Returns
    -------
    str
        Data URI.
    """
    buffer = io.BytesIO()
    FigureCanvasSVG(sheet)
    sheet.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return data_uri(buffer.getvalue(), "image/svg+xml")


def prefers_log(values: Sequence[float]) -> bool:
    """Whether values are all positive and span a factor of ten or more.

    Parameters
    ----------
    values : sequence of float
    """
    return bool(values) and min(values) > 0 and max(values) / min(values) >= _LOG_FROM


def linear_scale(axes: Any) -> None:
    """Make the y axis linear, its numbers written out without a common factor.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    """
    axes.yaxis.set_major_formatter(FuncFormatter(_written_out))


def _written_out(value: float, _: int | None) -> str:
    return f"{value:,.6g}".replace("e-0", "e-").replace("-", "\u2212")


def log_scale(axes: Any) -> None:
    """Make the y axis logarithmic, with plain numbers at 1, 2 and 5 where there is room.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    """
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    steps = (1.0, 2.0, 5.0) if high / low < 100.0 else (1.0,)
    axes.yaxis.set_major_locator(LogLocator(subs=steps))
    axes.yaxis.set_major_formatter(FuncFormatter(_written_out))
    axes.yaxis.set_minor_formatter(NullFormatter())


def plain_text(text: str, *, longest: int = 40) -> str:
    """Text that matplotlib draws as it is: printable ASCII, no mathematics, not too long.

    Parameters
    ----------
    text : str
    longest : int, default 40
        Longer text is cut and ends in "...".

    Returns
    -------
    str
        Other characters become "?".
    """
    clean = printable(text, ascii_only=True)
    cut = clean if len(clean) <= longest else clean[: longest - 3] + "..."
    return cut.replace("$", r"\$")


def colour_bar(name: str, low: float, high: float, label: str) -> str:
    """Draw a horizontal colour bar.

    Parameters
    ----------
    name : str
        Colour map of matplotlib.
    low, high : float
        Values at its ends.
    label : str
        Name of the quantity, with its unit.

    Returns
    -------
    str
        Data URI.
    """
    with styled():
        sheet = Figure(figsize=(3.6, 0.62), layout="constrained")
        axes = sheet.subplots()
        axes.imshow(
            np.linspace(0.0, 1.0, 256)[None],
            aspect="auto",
            cmap=name,
            extent=(low, high, 0.0, 1.0),
        )
        axes.set(yticks=[], xlabel=label, xticks=np.linspace(low, high, 5))
        axes.grid(visible=False)
        return svg_uri(sheet)
