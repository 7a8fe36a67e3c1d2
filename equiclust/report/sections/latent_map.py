"""Section "Map of the latents": a Bokeh document in JSON, with the same bytes every time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from bokeh.embed import json_item
from bokeh.layouts import row
from bokeh.models import ColumnDataSource, HoverTool
from bokeh.plotting import figure
from bokeh.resources import Resources

from equiclust.report.contents import Contents
from equiclust.report.figures.palette import Mark, mark_of
from equiclust.report.figures.pictures import picture
from equiclust.report.figures.projections import Projection, project_latents

__all__ = ["LatentMap", "LegendEntry", "bokeh_script", "make_latent_map"]

_THUMBNAIL_SIDE = 40
_MOST_THUMBNAILS = 1500
_MOST_LEGEND_ENTRIES = 30
_NO_PICTURE = "data:,"
_CROWD = 3000
_TARGET = "latent-map"

# Bokeh escapes what it puts in place of @name.
_TOOLTIP = """
<div style="display:flex;gap:10px;align-items:center;max-width:340px">
<img src="@thumbnail" alt="" width="72" height="72"
 style="object-fit:contain;background:#ccc;flex:none">
<div style="font:13px/1.45 system-ui,sans-serif;overflow-wrap:anywhere">
<b>@id</b><br>@cluster<br>@score<br>outlier score @outlier
<div>@sky</div></div></div>
"""


@dataclass(frozen=True)
class LegendEntry:
    """A group of points that is shown and hidden together.

    Parameters
    ----------
    key : str
        Names the group within the page.
    name : str
    count : int
        Images in the group.
    mark : Mark
    """

    key: str
    name: str
    count: int
    mark: Mark


@dataclass(frozen=True)
class LatentMap:
    """The map, ready to be embedded.

    Parameters
    ----------
    item : dict
        For `Bokeh.embed.embed_item`. Points are named by the keys of the legend's entries.
    legend : tuple of LegendEntry
    n_shown, n_pictures : int
        Images on the map, and how many of them have a thumbnail.
    has_neighbourhoods : bool
        Whether one panel is a t-SNE.
    """

    item: dict[str, Any]
    legend: tuple[LegendEntry, ...]
    n_shown: int
    n_pictures: int
    has_neighbourhoods: bool


def bokeh_script() -> str:
    """The part of BokehJS that the map needs.

    Returns
    -------
    str
        One script.
    """
    return str(Resources(mode="inline", components=["bokeh"], minified=True).js_raw[0])


def make_latent_map(contents: Contents) -> LatentMap:
    """Map all images that have a latent.

    Parameters
    ----------
    contents : Contents

    Returns
    -------
    LatentMap
    """
    projections = project_latents(contents.latents)
    columns, n_pictures = _columns(contents)
    for projection in projections:
        columns[f"{projection.key}_x"] = _rounded(projection.positions[:, 0])
        columns[f"{projection.key}_y"] = _rounded(projection.positions[:, 1])
    groups = _groups(contents)
    sources = [ColumnDataSource(_taken(columns, members)) for _, members in groups]
    legend = tuple(entry for entry, _ in groups)
    figures = [_figure(projection, legend, sources) for projection in projections]
    item = json_item(row(*figures, sizing_mode="stretch_width", spacing=16), _TARGET)
    return LatentMap(
        item=_with_stable_names(item),
        legend=legend,
        n_shown=len(contents.with_latent),
        n_pictures=n_pictures,
        has_neighbourhoods=any(projection.key == "tsne" for projection in projections),
    )


def _columns(contents: Contents) -> tuple[dict[str, list[Any]], int]:
    """Content of the tooltips, one entry for each image on the map; and the number of pictures."""
    rows = contents.with_latent
    pictured = [row for row in rows if row in contents.preview_index]
    step = -(-len(pictured) // _MOST_THUMBNAILS) or 1
    thumbnails = {
        row: picture(contents.previews.images[contents.preview_index[row]], side=_THUMBNAIL_SIDE)
        for row in pictured[::step]
    }
    marks = [mark_of(label) for label in contents.labels[rows]]
    columns: dict[str, list[Any]] = {
        "id": [contents.ids[row] for row in rows],
        "cluster": [contents.name_of(label) for label in contents.labels[rows]],
        "score": [
            f"{contents.sorting.score} {_number(value, '.2f')}" for value in contents.score[rows]
        ],
        "outlier": [_number(value, ".2f") for value in contents.outlier_score[rows]],
        "sky": [_sky(*position) for position in contents.sky[rows]],
        "thumbnail": [thumbnails.get(row, _NO_PICTURE) for row in rows],
        "colour": [mark.colour for mark in marks],
        "marker": [mark.marker for mark in marks],
    }
    return columns, len(thumbnails)


def _number(value: float, style: str) -> str:
    return format(value, style) if np.isfinite(value) else "unknown"


def _sky(ra: float, dec: float) -> str:
    known = np.isfinite(ra) and np.isfinite(dec)
    return f"RA {ra:.5f}°, Dec {dec:+.5f}°" if known else ""


def _rounded(values: Any) -> list[float]:
    """Rounded to five digits of the largest, more than a screen can show."""
    largest = float(np.max(np.abs(values), initial=0.0))
    digits = 4 - int(np.floor(np.log10(largest))) if largest > 0 else 4
    return [float(value) for value in np.round(values, digits)]


def _groups(contents: Contents) -> list[tuple[LegendEntry, list[int]]]:
    """Legend entries with their members; the smallest of many clusters share one entry."""
    labels = contents.labels[contents.with_latent]
    found, counts = np.unique(labels, return_counts=True)
    clusters = [int(label) for label in found[np.argsort(-counts, kind="stable")] if label >= 0]
    named = sorted(clusters[:_MOST_LEGEND_ENTRIES])
    rest = sorted(clusters[_MOST_LEGEND_ENTRIES:])
    groups = [(contents.name_of(label), mark_of(label), [label]) for label in named]
    if rest:
        groups.append((f"{len(rest)} smaller {contents.sorting.group}s", mark_of(rest[0]), rest))
    if -1 in found:
        groups.insert(0, (contents.name_of(-1), mark_of(-1), [-1]))
    members = [np.flatnonzero(np.isin(labels, group)).tolist() for _, _, group in groups]
    return [
        (LegendEntry(f"group-{k}", name, len(rows), mark), rows)
        for k, ((name, mark, _), rows) in enumerate(zip(groups, members, strict=True))
    ]


def _taken(columns: dict[str, list[Any]], rows: list[int]) -> dict[str, list[Any]]:
    return {name: [values[row] for row in rows] for name, values in columns.items()}


def _figure(projection: Projection, legend: tuple[LegendEntry, ...], sources: list[Any]) -> Any:
    plot = figure(
        title=projection.title,
        x_axis_label=projection.x_label,
        y_axis_label=projection.y_label,
        aspect_ratio=1.12,
        sizing_mode="stretch_width",
        min_width=320,
        max_width=620,
        tools="pan,wheel_zoom,box_zoom,save,reset",
        toolbar_location="above",
        outline_line_color="#B8C0C8",
    )
    _style(plot)
    total = sum(entry.count for entry in legend)
    crowded = total > _CROWD
    size = 9 if total < 500 else 4 if crowded else 7
    glyphs = [
        plot.scatter(
            f"{projection.key}_x",
            f"{projection.key}_y",
            source=source,
            name=entry.key,
            size=size,
            marker={"field": "marker"},
            fill_color={"field": "colour"},
            fill_alpha=0.5 if crowded else 0.75,
            line_color=None if crowded else "white",
            line_width=0.5,
        )
        for entry, source in zip(legend, sources, strict=True)
    ]
    plot.add_tools(HoverTool(renderers=glyphs, tooltips=_TOOLTIP, attachment="horizontal", limit=1))
    return plot


def _style(plot: Any) -> None:
    plot.toolbar.logo = None
    plot.title.text_font = plot.axis.axis_label_text_font = "system-ui, sans-serif"
    plot.title.text_font_size = "14px"
    plot.title.text_color = "#1B2733"
    plot.axis.axis_label_text_font_style = "normal"
    plot.axis.axis_label_text_font_size = "13px"
    plot.axis.major_label_text_font_size = "12px"
    plot.axis.axis_line_color = plot.axis.major_tick_line_color = "#6B7885"
    plot.axis.minor_tick_line_color = None
    plot.grid.grid_line_color = "#E6EAEE"


def _with_stable_names(item: Any) -> dict[str, Any]:
    """The same document, its models numbered in the order in which they occur in it."""
    names: dict[str, str] = {}

    def renamed(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [renamed(entry) for entry in value]
        if not isinstance(value, dict):
            return value
        found = value.get("id")
        own = {}
        if isinstance(found, str):
            own["id"] = names.setdefault(found, f"m{len(names)}")
        return own | {key: renamed(entry) for key, entry in value.items() if key not in own}

    document = renamed(item["doc"])
    return {**item, "doc": document, "root_id": names[item["root_id"]]}
