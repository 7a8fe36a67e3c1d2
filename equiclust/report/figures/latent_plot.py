"""The map of the latents as a figure of matplotlib, for print and for pages."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.lines import Line2D

from equiclust.io.catalogue import printable
from equiclust.report.figures.colouring import Colouring, Group, Groups, Shades
from equiclust.report.figures.palette import UNKNOWN, Mark
from equiclust.report.figures.projections import Projection
from equiclust.typing import Float64Array, IntArray

__all__ = ["INCH", "POINT_MARKERS", "draw_latents"]

INCH = 2.54
"""In centimetres."""

POINT_MARKERS = {
    "circle": "o",
    "square": "s",
    "triangle": "^",
    "diamond": "D",
    "inverted_triangle": "v",
    "hex": "h",
    "star": "*",
}
"""What matplotlib calls the markers of the palette."""

_RAMP = "cividis"
_INK = "#1B2733"
_EDGE = "#6B7885"
_HOLLOW: dict[str, Any] = {
    "facecolors": "none",
    "edgecolors": UNKNOWN.colour,
    "linewidths": 0.6,
}
_FONT = "DejaVu Sans"
_MOST_VECTORS = 20_000
_MOST_ENTRIES = 30
_LONGEST_NAME = 30
# In points, of a map of the width of one column of print.
_FEW, _MANY = 300, 5000
_LARGE, _SMALL, _TINY = 16.0, 6.0, 2.0
_MARGIN = 0.04
# Shares outside of the colour bar, and the number of images from which there are such.
_OUTSIDE, _FEWEST_FOR_SHARES = 1.0, 100
# In inches: width of a character, of a key of the legend, of what is beside the axes; margin.
_CHARACTER = 0.075
_KEY = 0.5
_BESIDE = 0.7
_PAD = 0.05


def draw_latents(
    projection: Projection, colouring: Colouring, *, width: float, ringed: IntArray | None = None
) -> Figure:
    """Draw the map of the latents, with a legend or a colour bar beneath it.

    One unit is of the same length along both axes. More than 20,000 points become pixels, also in
    vector formats.

    Parameters
    ----------
    projection : Projection
        Of `n` images.
    colouring : Groups or Shades
        Of the same images.
    width : float
        Of the figure in centimetres; the height follows.
    ringed : ndarray (m,), int, optional
        Rows of images that get a ring, those with a label.

    Returns
    -------
    matplotlib.figure.Figure
        Made in the style that holds when it is called; see `equiclust.report.figures.styled`.
    """
    figure = Figure(figsize=(width / INCH, width / INCH), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    points = projection.positions
    _frame(axes, projection, _limits(points), figure.get_figwidth() - _BESIDE)
    size = _size(len(points))
    if isinstance(colouring, Groups):
        entries = _draw_groups(axes, points, colouring, size)
    else:
        entries = _draw_shades(figure, axes, points, colouring, size)
    if ringed is not None and len(ringed):
        entries.append(_ring(axes, points[ringed], size))
    if entries:
        _legend(figure, entries)
    _fit_height(figure)
    return figure


def _frame(axes: Any, projection: Projection, limits: tuple[float, ...], inches: float) -> None:
    axes.set_aspect("equal")
    axes.axis(limits)
    axes.grid(visible=False)
    axes.set(xlabel=_wrapped(projection.x_label, inches))
    axes.set(ylabel=_wrapped(projection.y_label, inches))
    if projection.key in ("umap", "tsne"):
        # Only who is near to whom has a meaning there.
        axes.set(xticks=[], yticks=[])


def _limits(points: Float64Array) -> tuple[float, float, float, float]:
    """Ends of both axes; a map is at most twice as wide as high, and never higher than wide."""
    low, high = points.min(axis=0), points.max(axis=0)
    spans = high - low
    longest = float(spans.max()) or 1.0
    wide = np.array([longest, max(float(spans[1]), 0.5 * longest)]) * (1.0 + 2.0 * _MARGIN)
    centre = 0.5 * (low + high)
    (left, bottom), (right, top) = centre - 0.5 * wide, centre + 0.5 * wide
    return float(left), float(right), float(bottom), float(top)


def _size(n: int) -> float:
    """Area of a point in square points."""
    return _LARGE if n <= _FEW else _SMALL if n <= _MANY else _TINY


def _scatter(axes: Any, points: Float64Array, mark: Mark, size: float, *, rasterized: bool) -> None:
    axes.scatter(
        *points.T,
        s=size,
        c=mark.colour,
        marker=POINT_MARKERS[mark.marker],
        linewidths=0.25 if size == _LARGE else 0.0,
        edgecolors="white",
        alpha=0.85,
        rasterized=rasterized,
    )


def _draw_groups(axes: Any, points: Float64Array, colouring: Groups, size: float) -> list[Any]:
    """Draw groups, those that few images are in last; entries of the legend in their order."""
    pixels = len(points) > _MOST_VECTORS
    for group in sorted(colouring.groups, key=lambda one: (one.mark != UNKNOWN, -len(one.rows))):
        _scatter(axes, points[group.rows], group.mark, size, rasterized=pixels)
    return _entries(colouring.groups)


def _entries(groups: tuple[Group, ...]) -> list[Any]:
    """Entries of the largest groups, and one of the others together."""
    largest = sorted(groups, key=lambda one: -len(one.rows))[:_MOST_ENTRIES]
    shown = [group for group in groups if group in largest]
    entries = [_entry(_named(one.name, len(one.rows)), one.mark) for one in shown]
    rest = sum(len(group.rows) for group in groups) - sum(len(group.rows) for group in shown)
    if rest:
        text = f"{len(groups) - len(shown)} smaller ({rest:,})"
        entries.append(Line2D([], [], linestyle="none", label=text))
    return entries


def _named(name: str, count: int) -> str:
    return f"{_drawable(name, longest=_LONGEST_NAME)} ({count:,})"


def _entry(text: str, mark: Mark) -> Line2D:
    marker = POINT_MARKERS[mark.marker]
    return Line2D(
        [], [], linestyle="none", marker=marker, color=mark.colour, markersize=5, label=text
    )  # fmt: skip


def _draw_shades(
    figure: Figure, axes: Any, points: Float64Array, colouring: Shades, size: float
) -> list[Any]:
    values = colouring.values
    known = np.isfinite(values)
    pixels = len(points) > _MOST_VECTORS
    # Hollow, since the ramp has greys too.
    axes.scatter(*points[~known].T, s=size, rasterized=pixels, **_HOLLOW)
    low, high = _ends(values[known])
    # Large values last: they are few in most columns.
    order = np.flatnonzero(known)[np.argsort(values[known], kind="stable")]
    drawn = axes.scatter(
        *points[order].T,
        s=size,
        c=values[order],
        cmap=_RAMP,
        vmin=low,
        vmax=high,
        linewidths=0.25 if size == _LARGE else 0.0,
        edgecolors=_EDGE,
        rasterized=pixels,
    )
    below, above = bool(values[known].min() < low), bool(values[known].max() > high)
    extend = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[below, above]
    bar = figure.colorbar(
        drawn, ax=axes, location="bottom", aspect=40, pad=0.03, extend=extend, fraction=0.05
    )
    bar.outline.set_visible(False)
    bar.set_label(_wrapped(colouring.description, figure.get_figwidth()))
    return [] if known.all() else [_ring_entry("unknown", int((~known).sum()), UNKNOWN.colour)]


def _ends(values: Float64Array) -> tuple[float, float]:
    """Ends of the colour bar; of many images the last percent at either end is outside."""
    outside = _OUTSIDE if len(values) >= _FEWEST_FOR_SHARES else 0.0
    low, high = np.percentile(values, [outside, 100.0 - outside])
    return (float(low), float(high)) if low < high else (float(low) - 0.5, float(low) + 0.5)


def _ring(axes: Any, points: Float64Array, size: float) -> Line2D:
    axes.scatter(*points.T, s=3.0 * size, facecolors="none", edgecolors=_INK, linewidths=0.8)
    return _ring_entry("labelled", len(points), _INK)


def _ring_entry(name: str, count: int, colour: str) -> Line2D:
    return Line2D(
        [], [], linestyle="none", marker="o", markersize=5, markerfacecolor="none",
        markeredgecolor=colour, markeredgewidth=0.8, label=_named(name, count),
    )  # fmt: skip


def _legend(figure: Figure, entries: list[Any]) -> None:
    longest = max(len(str(entry.get_label())) for entry in entries)
    fitting = int(figure.get_figwidth() / (longest * _CHARACTER + _KEY))
    legend = figure.legend(
        handles=entries,
        loc="outside lower center",
        ncols=max(min(fitting, len(entries)), 1),
        handletextpad=0.1,
        columnspacing=1.0,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def _fit_height(figure: Figure) -> None:
    """Make the figure as high as what it shows, which is known once it has been laid out."""
    for _ in range(2):
        figure.draw_without_rendering()
        box = figure.get_tightbbox()
        figure.set_size_inches(figure.get_figwidth(), box.height + 2.0 * _PAD)


def _wrapped(text: str, inches: float) -> str:
    lines = textwrap.wrap(_drawable(text, longest=200), max(int(inches / _CHARACTER), 20))
    return "\n".join(lines).replace("$", r"\$")


def _drawable(text: str, *, longest: int = 120) -> str:
    """Text of which the font has every character, not too long."""
    font = get_font(findfont(_FONT))
    clean = "".join(
        one if font.get_char_index(ord(one)) else "?" for one in printable(text).strip()
    )
    return clean if len(clean) <= longest else f"{clean[: longest - 3]}..."
