"""Answers about a label map: its parts, pixels, spectra, segments and tiles."""

from __future__ import annotations

from typing import Any

import numpy as np

from equiclust.app.handler import Handler
from equiclust.app.map_view import MapRegion, MapView
from equiclust.exceptions import InputError

__all__ = ["ROUTES"]

_LARGEST = 1 << 31


class _MapHandler(Handler):
    """Base: answers where a label map is open."""

    @property
    def map(self) -> MapView:
        """The label map."""
        found: MapView | None = self.explorer.map
        if found is None:
            raise InputError("no label map is open: start `equiclust explore` with one")
        return found

    def number(self, name: str, default: int | None = None) -> int:
        """A whole number that the map itself checks."""
        return self.whole(name, default, -_LARGEST, _LARGEST)


class MapInfoHandler(_MapHandler):
    """What the view starts with."""

    async def get(self) -> None:
        """Answer."""
        self.send(await self.compute(self.map.info))


class MapRegionHandler(_MapHandler):
    """Part of a plane."""

    async def get(self) -> None:
        """Answer."""
        names = ("plane", "y0", "y1", "x0", "x1")
        wanted = [self.number(name) for name in names]
        side = self.number("max_side", 1024)
        part = await self.compute(self.map.region, *wanted, side)
        middle = 0.5 * (part.box.x0 + part.box.x1 - 1), 0.5 * (part.box.y0 + part.box.y1 - 1)
        header = {
            "plane": wanted[0],
            **part.box._asdict(),
            "step": part.step,
            "orientation": await self.compute(self.map.orientation, *middle),
        }
        self.send_arrays(header, **_arrays_of(part))


class MapLevelsHandler(_MapHandler):
    """Brightness by percentile."""

    async def get(self) -> None:
        """Answer."""
        self.send(await self.compute(self.map.levels, self.number("plane")))


class MapAtHandler(_MapHandler):
    """One pixel."""

    async def get(self) -> None:
        """Answer."""
        wanted = [self.number(name) for name in ("plane", "x", "y")]
        self.send(await self.compute(self.map.at, *wanted))


class MapSpectrumHandler(_MapHandler):
    """One pixel in all channels."""

    async def get(self) -> None:
        """Answer."""
        self.send(await self.compute(self.map.spectrum, self.number("x"), self.number("y")))


class MapAxisHandler(_MapHandler):
    """Spectral values of the planes."""

    async def get(self) -> None:
        """Answer."""
        self.send(await self.compute(self.map.axis))


class MapSegmentsHandler(_MapHandler):
    """A page of segments."""

    async def get(self) -> None:
        """Answer."""
        first, count = self.number("first", 0), self.number("count", 50)
        page = await self.compute(self.map.segments, first, count, **_order(self))
        self.send(page)


class MapSegmentHandler(_MapHandler):
    """One segment."""

    async def get(self) -> None:
        """Answer."""
        number = self.number("number")
        self.send(await self.compute(self.map.segment, number, **_order(self)))


class MapTilesHandler(_MapHandler):
    """Tiles by their texture."""

    async def get(self) -> None:
        """Answer."""
        tiles = await self.compute(self.map.tile_latents, self.number("plane"))
        arrays = {name: tiles[name] for name in ("positions", "x", "y", "labels", "segments")}
        header = {name: tiles[name] for name in ("shares", "tile", "n_all")}
        self.send_arrays(header, **arrays)


def _order(handler: _MapHandler) -> dict[str, Any]:
    return {
        "sort": handler.text("sort", "id"),
        "descending": bool(handler.whole("descending", 0, 0, 1)),
    }


def _arrays_of(part: MapRegion) -> dict[str, np.ndarray[Any, Any]]:
    arrays = {"data": part.data, "labels": part.labels, "segments": part.segments}
    return {name: array for name, array in arrays.items() if array is not None}


ROUTES: tuple[tuple[str, type[Handler]], ...] = (
    ("api/map/info", MapInfoHandler),
    ("api/map/region", MapRegionHandler),
    ("api/map/levels", MapLevelsHandler),
    ("api/map/at", MapAtHandler),
    ("api/map/spectrum", MapSpectrumHandler),
    ("api/map/axis", MapAxisHandler),
    ("api/map/segments", MapSegmentsHandler),
    ("api/map/segment", MapSegmentHandler),
    ("api/map/tiles", MapTilesHandler),
)
"""Paths and what answers there."""
