"""The map of the latents as a figure of a paper: PDF, SVG or PNG."""

from __future__ import annotations

import io
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal, get_args

import matplotlib
import numpy as np

from equiclust import __version__
from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.io.atomic import atomic_path
from equiclust.io.catalogue import printable
from equiclust.report.figures.colouring import colouring_of
from equiclust.report.figures.latent_plot import draw_latents
from equiclust.report.figures.projections import Projection, ProjectionMethod, project
from equiclust.report.figures.style import styled
from equiclust.typing import Array, IntArray, PathLike
from equiclust.validation import check_choice, is_real

if TYPE_CHECKING:
    from astropy.table import Table
    from matplotlib.figure import Figure

__all__ = [
    "FIGURE_FORMATS",
    "FigureFormat",
    "draw_figure",
    "figure_command",
    "figure_format",
    "render_figure",
    "write_latent_figure",
]

FigureFormat = Literal["pdf", "svg", "png"]
"""Files that a figure can be written as."""

FIGURE_FORMATS: tuple[FigureFormat, ...] = get_args(FigureFormat)

_NARROWEST, _WIDEST = 4.0, 60.0
_DPI = 300
_WIDTH = 12.0
# What the files say they were written by, so that pictures are not read as images.
_SOFTWARE = f"equiclust figure {__version__}"
# Letters, that can be searched and edited, and not their outlines.
_FOR_PRINT: dict[str, Any] = {"pdf.fonttype": 42, "ps.fonttype": 42, "savefig.dpi": _DPI}


@checks_types
def write_latent_figure(
    table: Table,
    latents: Array,
    path: PathLike,
    *,
    projection: ProjectionMethod | Projection = "pca",
    colour: str | None = None,
    width: float = _WIDTH,
    labels: Mapping[str, str] | None = None,
    kinds: Sequence[str] = (),
    command: str = "",
) -> None:
    """Write the map of the latents as PDF, SVG or PNG, the same bytes every time.

    Every cluster has the colour and the marker that it has in the report, and stands in the legend
    with the number of its images; a quantity has a colour bar with its description and unit. The
    fonts in a PDF are TrueType, so that its text can be searched and edited.

    Parameters
    ----------
    table : astropy.table.Table
        Catalogue of a run with `n` rows, such as `Run.catalogue`, with any further columns. Not
        modified.
    latents : ndarray (n, d)
        Of the same images, such as `Run.latents`.
    path : path-like
        Ends in .pdf, .svg or .png (300 dots per inch). An older file is replaced.
    projection : {"pca", "umap", "tsne"} or Projection, default "pca"
        The plane onto which the latents are projected; see `equiclust.report.figures.projections`.
    colour : str, optional
        Column that determines the colours. Default: "kind" where there are kinds, else "label".
    width : float, default 12.0
        Of the figure in centimetres, 4 to 60; the height follows.
    labels : mapping of str to str, optional
        Kinds of some images by id. They are the column "kind"; with another `colour` these images
        get a ring.
    kinds : sequence of str, default ()
        Kinds in the order of their colours; by default alphabetical.
    command : str, default ""
        What makes the figure again, see `figure_command`; written into the metadata of the file.

    Raises
    ------
    InputError
        When an argument cannot be used, there are no rows, or an id of `labels` is not in the
        table.
    OutputError
        When the file cannot be written.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.table import Table
    >>> from equiclust.report import write_latent_figure
    >>> latents = np.random.default_rng(0).normal(size=(40, 4))
    >>> latents[:20] += 9.0
    >>> table = Table({"id": [f"disc_{i}" for i in range(40)], "label": np.repeat([0, 1], 20)})
    >>> write_latent_figure(table, latents, "map.svg")
    """
    form = figure_format(path)
    figure = draw_figure(
        table, latents,
        projection=projection, colour=colour, width=width, labels=labels, kinds=kinds,
    )  # fmt: skip
    content = render_figure(figure, form, command=command)
    with atomic_path(path) as draft:
        draft.write_bytes(content)


@checks_types
def draw_figure(
    table: Table,
    latents: Array,
    *,
    projection: ProjectionMethod | Projection = "pca",
    colour: str | None = None,
    width: float = _WIDTH,
    labels: Mapping[str, str] | None = None,
    kinds: Sequence[str] = (),
) -> Figure:
    """Draw the map of the latents.

    Parameters
    ----------
    table, latents, projection, colour, width, labels, kinds : object, optional
        As of `write_latent_figure`; all but `table` and `latents` have the defaults that they have
        there.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        When an argument cannot be used.
    """
    if not is_real(width) or not _NARROWEST <= width <= _WIDEST:
        raise InputError(
            f"width must be {_NARROWEST:g} to {_WIDEST:g} (centimetres), got {width!r}"
        )
    if not len(table) or len(latents) != len(table):
        raise InputError(
            f"latents must have one row for each row of the table, got {len(latents)} for "
            f"{len(table)}"
        )
    shown, labelled = _with_labels(table, labels)
    column = colour or ("kind" if "kind" in shown.colnames else "label")
    colouring = colouring_of(shown, column, kinds=kinds)
    plane = projection if isinstance(projection, Projection) else project(latents, projection)
    if len(plane.positions) != len(table):
        raise InputError(f"projection must have {len(table)} positions, got {len(plane.positions)}")
    with styled(), matplotlib.rc_context(_FOR_PRINT):
        ringed = labelled if column != "kind" else None
        return draw_latents(plane, colouring, width=width, ringed=ringed)


def render_figure(figure: Figure, form: FigureFormat, *, command: str = "") -> bytes:
    """The file of a figure, the same bytes every time.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        From `draw_figure`.
    form : {"pdf", "svg", "png"}
    command : str, default ""
        What makes the figure again; written into the metadata.

    Returns
    -------
    bytes

    Raises
    ------
    InputError
        When the format is another one.
    """
    check_choice("format", form, FIGURE_FORMATS)
    content = io.BytesIO()
    with styled(), matplotlib.rc_context(_FOR_PRINT):
        figure.savefig(content, format=form, metadata=_metadata(form, command))
    return content.getvalue()


def figure_format(path: PathLike) -> FigureFormat:
    """Format of a figure by the ending of its path.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    {"pdf", "svg", "png"}

    Raises
    ------
    InputError
        When the path ends otherwise.
    """
    ending = PurePath(path).suffix.lower()
    for form in FIGURE_FORMATS:
        if ending == f".{form}":
            return form
    raise InputError(f"output must end in .pdf, .svg or .png, got {os.fspath(path)!r}")


def figure_command(
    run: PathLike,
    output: PathLike,
    *,
    projection: str = "pca",
    colour: str | None = None,
    width: float = _WIDTH,
    labels: Sequence[PathLike] = (),
) -> str:
    """Shell command that makes a figure again.

    Parameters
    ----------
    run : path-like
        Folder of the run.
    output : path-like
        The figure.
    projection : str, default "pca"
    colour : str, optional
        Column that determines the colours.
    width : float, default 12.0
        Of the figure in centimetres.
    labels : sequence of path-like, default ()
        Files of labels.

    Returns
    -------
    str
        One line for a shell, every word quoted where it must be.

    Examples
    --------
    >>> from equiclust.report import figure_command
    >>> figure_command("sorted", "my map.pdf", colour="stability")
    "equiclust figure sorted --output 'my map.pdf' --projection pca --colour stability --width 12"
    """
    words = ["equiclust", "figure", os.fspath(run), "--output", os.fspath(output)]
    words += ["--projection", projection]
    if colour is not None:
        words += ["--colour", colour]
    words += ["--width", f"{width:g}"]
    if labels:
        words += ["--labels", *(os.fspath(path) for path in labels)]
    return shlex.join(words)


def _with_labels(table: Table, labels: Mapping[str, str] | None) -> tuple[Table, IntArray | None]:
    """The table with the column "kind" of these labels, and the rows that have one."""
    if labels is None:
        return table, None
    ids = [str(name) for name in table["id"]]
    unknown = set(labels).difference(ids)
    if unknown:
        raise InputError(f"labels must be of images of the run, got {min(unknown)!r}")
    given = [labels.get(name, "") for name in ids]
    shown = table.copy(copy_data=False)
    shown["kind"] = np.array(given, dtype=np.str_)
    return shown, np.flatnonzero([bool(kind) for kind in given])


def _metadata(form: str, command: str) -> Mapping[str, str | None]:
    """Without a date, which would make every file another."""
    again = printable(command)
    if form == "pdf":
        return {
            "Creator": _SOFTWARE,
            "Producer": "matplotlib",
            "CreationDate": None,
            "Title": "Map of the latents",
            "Keywords": again or None,
        }
    if form == "svg":
        return {"Creator": _SOFTWARE, "Date": None, "Description": again or None}
    return {"Software": _SOFTWARE} | ({"Description": again} if again else {})
