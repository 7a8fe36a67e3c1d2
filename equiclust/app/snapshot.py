"""A snapshot of a run as one HTML file: map, kinds, pictures and labels, without any script."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from equiclust import __version__
from equiclust.app.label_file import GivenLabel
from equiclust.exceptions import InputError
from equiclust.report.figures.colouring import Group, Groups, colouring_of
from equiclust.report.figures.palette import UNKNOWN, Mark
from equiclust.report.figures.projections import Projection
from equiclust.report.figures.style import styled, svg_uri
from equiclust.report.formatting import counted
from equiclust.report.latent_figure import draw_figure
from equiclust.report.page import make_environment
from equiclust.typing import Array, Float64Array

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["make_snapshot"]

_MOST_PICTURES = 12
_MOST_LABELS = 5000
# Of the map in centimetres; the page scales it.
_WIDTH = 14.0
_MINUTES = len("2026-01-31T12:59")


@dataclass(frozen=True)
class _Tile:
    id: str
    picture: str
    caption: str


@dataclass(frozen=True)
class _Described:
    name: str
    mark: Mark
    count: int
    share: float
    tiles: tuple[_Tile, ...]


@dataclass(frozen=True)
class _LabelLine:
    id: str
    kind: str
    who: str
    when: str
    why: str


def make_snapshot(
    table: Table,
    latents: Array,
    *,
    title: str,
    date: str,
    run_name: str,
    picture_of: Callable[[int], str],
    projection: Projection,
    colour: str | None = None,
    kinds: Sequence[str] = (),
    labels: Mapping[int, Sequence[GivenLabel]] | None = None,
    sentences: Sequence[str] = (),
) -> str:
    """Make a page of a run as it is now, which can be given to others.

    Parameters
    ----------
    table : astropy.table.Table
        Catalogue of `n` images, with a column kind where kinds are known.
    latents : ndarray (n, d)
    title : str
    date : str
        As it is to be read.
    run_name : str
        Name of the run's folder, without the folders above it.
    picture_of : callable
        Gives the picture of a row as a data URI, or empty text where there is none.
    projection : Projection
        Plane of the map.
    colour : str, optional
        Column that determines the colours of the map. Default: "kind" where there are kinds, else
        "label".
    kinds : sequence of str, default ()
        Kinds in the order of their colours; by default alphabetical.
    labels : mapping of int to sequence of GivenLabel, optional
        Labels by row.
    sentences : sequence of str, default ()
        What the labels tell of the accuracy, without a full stop.

    Returns
    -------
    str
        HTML that runs no script and loads nothing.

    Raises
    ------
    InputError
        When the map cannot be drawn by that column.
    """
    noun = "kind" if "kind" in table.colnames else "cluster"
    groups = _groups(table, noun, kinds)
    score = "probability" if noun == "kind" else "stability"
    scores = _scores(table, score)
    lines = list(_label_lines(table, labels or {}))
    return _page(
        title=title,
        date=date,
        run_name=run_name,
        sentences=sentences,
        n_images=len(table),
        noun=noun,
        score="" if scores is None else score,
        groups_said=counted(sum(group.mark != UNKNOWN for group in groups), noun),
        groups=[_described(table, group, scores, picture_of) for group in groups],
        map=_map(table, latents, projection=projection, colour=colour, kinds=kinds),
        map_said=f"{projection.title}, coloured by {(colour or noun).replace('_', ' ')}",
        labels=lines[:_MOST_LABELS],
        n_labels=len(lines),
        n_labelled=len({line.id for line in lines}),
        people=sorted({line.who for line in lines if line.who}),
    )


def _page(**content: Any) -> str:
    template = make_environment("equiclust.app").get_template("snapshot.html.j2")
    return template.render(version=__version__, **content)


def _map(table: Table, latents: Array, **options: Any) -> str:
    figure = draw_figure(table, latents, width=_WIDTH, **options)
    with styled():
        return svg_uri(figure)


def _groups(table: Table, noun: str, kinds: Sequence[str]) -> tuple[Group, ...]:
    """Kinds or clusters, those that are in none last."""
    found = colouring_of(table, "kind" if noun == "kind" else "label", kinds=kinds)
    if not isinstance(found, Groups):
        raise InputError(f"the column {noun!r} of the run must hold groups; restore its catalogue")
    return tuple(sorted(found.groups, key=lambda group: group.mark == UNKNOWN))


def _scores(table: Table, name: str) -> Float64Array | None:
    """How surely each image belongs to its group, -1 where unknown."""
    if name not in table.colnames:
        return None
    values = np.ma.filled(np.ma.asarray(table[name], dtype=np.float64), np.nan)
    return np.where(np.isfinite(values), values, -1.0)


def _described(
    table: Table, group: Group, scores: Float64Array | None, picture_of: Callable[[int], str]
) -> _Described:
    rows = group.rows
    if scores is not None:
        rows = rows[np.argsort(-scores[rows], kind="stable")]
    tiles = []
    for row in rows[:_MOST_PICTURES].tolist():
        known = scores is not None and scores[row] >= 0.0
        caption = f"{scores[row]:.2f}" if scores is not None and known else ""
        tiles.append(_Tile(str(table["id"][row]), picture_of(row), caption))
    count = len(group.rows)
    return _Described(group.name, group.mark, count, count / len(table), tuple(tiles))


def _label_lines(table: Table, labels: Mapping[int, Sequence[GivenLabel]]) -> Iterator[_LabelLine]:
    for row, given in sorted(labels.items()):
        for one in given:
            when = _readable(one.when)
            yield _LabelLine(str(table["id"][row]), one.kind, one.who, when, one.why)


def _readable(when: str) -> str:
    """A time of ISO 8601 without seconds; anything else as it is."""
    if not when.endswith(("+00:00", "Z")):
        return when
    return f"{when[:_MINUTES].replace('T', ' ')} UTC"
