"""What the page takes out: tables, regions, figures, snapshots, and what other programs get."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

from equiclust.app.image_handlers import RunHandler
from equiclust.app.samp_sender import SampSender
from equiclust.app.snapshot import make_snapshot
from equiclust.exceptions import EquiclustError, InputError
from equiclust.pipeline.exports import Exported, checked_rows, export_rows, sky_of
from equiclust.pipeline.figures import figure_table
from equiclust.report.figures.pictures import data_uri
from equiclust.report.formatting import join_words
from equiclust.report.latent_figure import draw_figure, figure_command, render_figure
from equiclust.validation import check_choice, shown

if TYPE_CHECKING:
    from astropy.table import Table

    from equiclust.app.handler import Handler
    from equiclust.app.run_view import RunView

__all__ = ["ROUTES", "make_figure", "make_page"]

_SIDE = 96
_MEDIA_TYPES = {"pdf": "application/pdf", "svg": "image/svg+xml", "png": "image/png"}
_SENDER = "samp_sender"
_OF_LABELS = ("kind", "probability")
_WHAT = ("table", "highlight", "select", "position")
# The style of matplotlib is one for all threads.
_DRAWING = Lock()


class _ExportHandler(RunHandler):
    async def post(self) -> None:
        """Answer with the selected images as a file."""
        content, view = self.content(), self.view
        form = _text(content, "format", "csv")

        def made() -> Exported:
            rows = content.get("rows")
            return export_rows(view.table(), rows, form, kinds=_kinds(view))  # type: ignore[arg-type]

        self.send_file(*await self.compute(made))


class _FigureHandler(RunHandler):
    async def post(self) -> None:
        """Answer with the map of the latents as a figure of a paper."""
        content = self.content()
        found = await self.compute(
            make_figure,
            self.view,
            form=_text(content, "format", "pdf"),
            projection=_text(content, "projection", "pca"),
            colour=_text(content, "colour", "label"),
            width=content.get("width", 12.0),
        )
        self.send_file(*found)


class _SnapshotHandler(RunHandler):
    async def post(self) -> None:
        """Answer with a page of the run as it is now."""
        content = self.content()
        found = await self.compute(
            make_page,
            self.view,
            projection=_text(content, "projection", "pca"),
            colour=_text(content, "colour", "label"),
            title=_text(content, "title", ""),
        )
        self.send_file(*found)


class _ClientsHandler(RunHandler):
    async def get(self) -> None:
        """Answer with the programs that tables or positions can be sent to."""
        clients = await self.compute(_sender(self).list_clients)
        self.send([asdict(one) for one in clients])


class _SendHandler(RunHandler):
    async def post(self) -> None:
        """Send a table, a selection or a position to other programs of this machine."""
        content = self.content()
        names = await self.compute(_send, _sender(self), self.view, content)
        self.send({"clients": names, "sentence": join_words(names)})


def make_figure(
    view: RunView, *, form: str, projection: str, colour: str, width: float = 12.0
) -> Exported:
    """The map of the latents of a run as a figure of a paper.

    Parameters
    ----------
    view : RunView
    form : {"pdf", "svg", "png"}
    projection : {"pca", "umap", "tsne"}
    colour : str
        Column of the catalogue or of the confounders; "label" is the cluster, or the kind of a run
        that was taught; "kind" and "probability" are those that the labels teach.
    width : float, default 12.0
        In centimetres.

    Returns
    -------
    Exported

    Raises
    ------
    InputError
        When an argument cannot be used.
    """
    check_choice("format", form, _MEDIA_TYPES)
    # Without the folders of the user's machine, which a paper would show.
    run, name = view.run.path.resolve().name, f"map.{form}"
    of_labels = colour in _OF_LABELS and view.teacher.update().kinds is not None
    table = _whole_table(view) if of_labels else figure_table(view.run)
    column = "kind" if colour == "label" and "kind" in table.colnames else colour
    plane = view.projection(projection)
    with _DRAWING:
        figure = draw_figure(table, view.run.latents, projection=plane, colour=column, width=width)
        source = f"{run}_taught" if of_labels else run
        command = figure_command(source, name, projection=projection, colour=column, width=width)
        if of_labels:
            labels = f"{run}/{view.labels.path.name}"
            taught = ["equiclust", "teach", run, labels, "--output", source]
            command = f"{shlex.join(taught)} && {command}"
        content = render_figure(figure, form, command=command)  # type: ignore[arg-type]
    return Exported(content, _MEDIA_TYPES[form], name)


def make_page(
    view: RunView, *, projection: str, colour: str = "label", title: str = ""
) -> Exported:
    """A snapshot of a run as it is now, one HTML file.

    Parameters
    ----------
    view : RunView
    projection : {"pca", "umap", "tsne"}
        Of the map.
    colour : str, default "label"
        Column that determines the colours of the map; "label" is the kind where there are kinds.
    title : str, default ""
        By default the name of the run.

    Returns
    -------
    Exported

    Raises
    ------
    InputError
        When an argument cannot be used.
    """
    name = view.run.path.resolve().name
    table, plane = _whole_table(view), view.projection(projection)
    with _DRAWING:
        page = make_snapshot(
            table,
            view.run.latents,
            title=title or name,
            date=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            run_name=name,
            picture_of=lambda row: _picture(view, row),
            projection=plane,
            colour=None if colour == "label" else colour,
            kinds=_kinds(view),
            labels=view.labels.by_row,
            sentences=_sentences(view),
        )
    return Exported(page.encode(), "text/html; charset=utf-8", "snapshot.html")


def _whole_table(view: RunView) -> Table:
    """The catalogue with the kinds, and columns that it has only without them."""
    table = view.table().copy()
    for column in figure_table(view.run).itercols():
        if column.name not in table.colnames:
            table[column.name] = column
    return table


def _kinds(view: RunView) -> Sequence[str]:
    """Kinds in the order of their colours on the page."""
    given = view.labels.by_row.values()
    return view.kinds.known_with(label.kind for own in given for label in own)


def _sentences(view: RunView) -> list[str]:
    return [str(one) for one in view.teacher.update().record.get("sentences", [])]


def _picture(view: RunView, row: int) -> str:
    try:
        return data_uri(view.thumbnails.png(row, _SIDE), "image/png")
    except EquiclustError:
        return ""


def _sender(handler: Handler) -> SampSender:
    """The sender of the application, whose tables stay until its end."""
    found: SampSender = handler.application.settings.setdefault(_SENDER, SampSender())
    return found


def _send(sender: SampSender, view: RunView, content: dict[str, Any]) -> tuple[str, ...]:
    what, client = _text(content, "what", "table"), _text(content, "client", "")
    check_choice("what", what, _WHAT)
    rows = checked_rows(content.get("rows"), len(view))
    if what == "table":
        name = view.run.path.resolve().name
        return sender.send_table(view.table(), name, rows=rows, client=client)
    if what == "select":
        return sender.select(rows, client=client)
    if what == "highlight":
        return sender.highlight(rows[0], client=client)
    ra, dec = sky_of(view.run.catalogue)[rows[0]].tolist()
    return sender.point_at(ra, dec, client=client)


def _text(content: dict[str, Any], name: str, default: str) -> str:
    found = content.get(name, default)
    if not isinstance(found, str):
        raise InputError(f"{name} must be text, got {shown(found)}")
    return found


ROUTES = (
    ("api/export", _ExportHandler),
    ("api/figure", _FigureHandler),
    ("api/snapshot", _SnapshotHandler),
    ("api/samp/clients", _ClientsHandler),
    ("api/samp/send", _SendHandler),
)
