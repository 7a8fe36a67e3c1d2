"""What the page asks of images: the map, the gallery, one image in full."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np

from equiclust import __version__
from equiclust.app.handler import Handler
from equiclust.app.image_pixels import contour_lines, image_pixels, sky_position
from equiclust.app.run_view import RunView
from equiclust.exceptions import InputError
from equiclust.report.figures.palette import COLOURS, MARKERS, UNKNOWN

__all__ = ["ROUTES", "RunHandler"]

_RAMP = "cividis"
# Of the thumbnails.
_SIDES = (16, 512)
_MOST_ROWS = 500


class RunHandler(Handler):
    """Base of what needs the results of a finished run."""

    @property
    def view(self) -> RunView:
        """The run.

        Raises
        ------
        InputError
            When there is none, or it is not finished.
        """
        self.explorer.open_if_finished()
        found = self.explorer.run
        if found is None:
            raise InputError("there are no results yet; wait until the run is finished")
        return found

    def listed_rows(self) -> list[int]:
        """Rows of the argument `rows`, with commas between.

        Returns
        -------
        list of int

        Raises
        ------
        InputError
            When there are more than 500, or one is no number.
        """
        texts = [one for one in self.get_query_argument("rows", "").split(",") if one]
        if len(texts) > _MOST_ROWS or not all(one.isdecimal() and len(one) < 12 for one in texts):
            raise InputError(f"rows must be at most {_MOST_ROWS} numbers with commas between")
        return [int(one) for one in texts]


class _InfoHandler(Handler):
    def get(self) -> None:
        """What is explored, and the colours of the report."""
        explorer = self.explorer
        explorer.open_if_finished()
        ramp = (np.asarray(matplotlib.colormaps[_RAMP](np.arange(256)))[:, :3] * 255).round()
        self.send(
            {
                "version": __version__,
                "name": explorer.name,
                "path": str(explorer.path),
                "views": self._views(),
                "colours": {
                    "categorical": COLOURS,
                    "markers": MARKERS,
                    "unknown": UNKNOWN.colour,
                    "ramp": ramp.astype(int).tolist(),
                },
                "run": None if explorer.run is None else _run_record(explorer.run),
                "report": f"../{explorer.report_token}/report.html",
            }
        )

    def _views(self) -> list[str]:
        explorer = self.explorer
        there = {
            "images": explorer.run is not None,
            "sky": explorer.map is not None,
            "training": explorer.training is not None,
            "bench": explorer.run is not None,
        }
        return [name for name, given in there.items() if given]


def _run_record(view: RunView) -> dict[str, Any]:
    return {
        "n": len(view),
        "columns": [column.record for column in view.columns.values()],
        "sky": {"ra", "dec"} <= view.columns.keys(),
        "report": view.run.folder.report_html.is_file(),
        "labels": str(view.labels.path),
        "taught": "kind" in view.run.catalogue.colnames,
    }


class _ProjectionHandler(RunHandler):
    async def get(self) -> None:
        """Positions of all images in a plane."""
        projection = await self.compute(self.view.projection, self.text("method", "pca"))
        header = {
            "title": projection.title,
            "x_label": projection.x_label,
            "y_label": projection.y_label,
        }
        self.send_arrays(header, positions=projection.positions.astype(np.float32))


class _ColumnHandler(RunHandler):
    def get(self) -> None:
        """One value for each image."""
        column = self.view.column(self.text("name", "label"))
        self.send_arrays(column.record, values=column.values)


class _RowsHandler(RunHandler):
    def get(self) -> None:
        """What the gallery says of some images."""
        self.send(self.view.records(self.listed_rows()))


class _DetailsHandler(RunHandler):
    async def get(self) -> None:
        """All that is known of one image, and its neighbours."""
        view, row = self.view, self.whole("row")
        details = view.details(row)
        nearest = await self.compute(view.nearest, row)
        sky = await self.compute(view.sky_neighbours, row)
        self.send({"details": details, "nearest": nearest, "sky": sky})


class _FindHandler(RunHandler):
    async def get(self) -> None:
        """Rows whose id or file holds a text."""
        self.send(await self.compute(self.view.find, self.text("text")))


class _PictureHandler(RunHandler):
    async def get(self) -> None:
        """A thumbnail."""
        view, row = self.view, self.whole("row")
        view.check_rows([row])
        side = self.whole("side", 128, *_SIDES)
        png = await self.compute(view.thumbnails.png, row, side)
        # The address has the token of this start, and pictures do not change.
        self.set_header("Cache-Control", "private, max-age=3600")
        self.send_file(png, "image/png")


class _PixelsHandler(RunHandler):
    async def get(self) -> None:
        """Pixels of one image."""
        shown = await self.compute(
            image_pixels, self.view, self.whole("row"), self.text("what", "original")
        )
        self.send_arrays(shown.header, pixels=shown.pixels)


class _SkyHandler(RunHandler):
    async def get(self) -> None:
        """Celestial coordinates of a pixel."""
        view, row = self.view, self.whole("row")
        view.check_rows([row])
        image = await self.compute(view.pictures.original, row)
        self.send(await self.compute(sky_position, image, self.real("x"), self.real("y")))


class _ContoursHandler(RunHandler):
    async def get(self) -> None:
        """Contours of one image."""
        shown = await self.compute(
            image_pixels, self.view, self.whole("row"), self.text("what", "original")
        )
        self.send(await self.compute(contour_lines, shown, self.whole("levels", 5)))


class _ReportHandler(RunHandler):
    @property
    def wanted_token(self) -> str:
        """Of the report alone, which its scripts can read."""
        return self.explorer.report_token

    def get(self) -> None:
        """The report of the run, a page that loads nothing."""
        path = self.view.run.folder.report_html
        if not path.is_file():
            raise InputError("the run has no report; write it by `equiclust report`")
        # Its own scripts lie within it, and it asks this server for nothing.
        self.set_header(
            "Content-Security-Policy",
            "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; "
            "style-src 'unsafe-inline'; img-src data:; sandbox allow-scripts",
        )
        self.send_file(path.read_bytes(), "text/html; charset=utf-8")


ROUTES: tuple[tuple[str, type[Handler]], ...] = (
    ("api/info", _InfoHandler),
    ("api/projection", _ProjectionHandler),
    ("api/column", _ColumnHandler),
    ("api/rows", _RowsHandler),
    ("api/details", _DetailsHandler),
    ("api/find", _FindHandler),
    ("api/picture", _PictureHandler),
    ("api/pixels", _PixelsHandler),
    ("api/sky", _SkyHandler),
    ("api/contours", _ContoursHandler),
    ("report.html", _ReportHandler),
)
