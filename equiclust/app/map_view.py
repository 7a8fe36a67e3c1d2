"""`MapView`: a label map over its data, one part, pixel, spectrum or page of segments at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from data_adapters.sky.geometry import celestial_wcs
from equiclust.app.map_layers import MapLayers
from equiclust.app.map_planes import MOMENT, PERCENTILES, Box
from equiclust.app.map_segments import SegmentIndex
from equiclust.app.map_sky import orientation, place_on_sky
from equiclust.app.map_tiles import MapTiles
from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.typing import Float32Array, PathLike
from equiclust.validation import check_whole

__all__ = ["MapRegion", "MapView"]

_LARGEST_SIDE = 2048


class MapRegion(NamedTuple):
    """Part of a plane, by blocks of `step` times `step` pixels from its lower left corner.

    Parameters
    ----------
    box : Box
        Which pixels.
    step : int
        Side of a block in pixels; 1 where every pixel is there.
    data : ndarray (ceil(h / step), ceil(w / step)), float32, or None
        Mean of every block; NaN where all of it is blank. None without data.
    labels : ndarray of the same shape, int16
        Label in the middle of every block: a cluster from 0, -1 "don't know", -2 masked.
    segments : ndarray of the same shape, int32, or None
        Number of the segment there, 0 for none; None where segments cannot be looked up.
    """

    box: Box
    step: int
    data: Float32Array | None
    labels: npt.NDArray[np.int16]
    segments: npt.NDArray[np.int32] | None


class MapView:
    """A label map that `equiclust segment` wrote, over the map that it was made from.

    Nothing is written. Planes are the channels of a cube, or its planes of labels where there is
    no cube; where the labels are of a moment of a cube, plane -1 is that moment. Held in memory are
    at most three planes (each 64 MiB at most), the moment, and, once a segment is looked up, the
    segment of every pixel (256 MiB at most, 1 GiB while it is found); files are read by rows.

    Parameters
    ----------
    path : path-like
        The label map, such as ``kinds.fits``.
    data : path-like, optional
        The map or cube where it is now; by default where the record of the segmentation says, or
        beside the label map. Labels are shown alone where it is not found or does not fit.

    Raises
    ------
    InputError
        When `data` is given and cannot be read or does not fit.
    UnreadableFileError
        When the file is missing, damaged, or no label map.
    """

    @checks_types
    def __init__(self, path: PathLike, data: PathLike | None = None) -> None:
        self.path = Path(path)
        self._layers = MapLayers(self.path, data)
        self._wcs = celestial_wcs(self._layers.labels.labels.sky.header)
        self._segments = SegmentIndex(self._layers.labels)
        self._tiles = MapTiles(self._layers, self._segments)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of what is held of packed files."""
        self._layers.close()

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self._layers.shape

    @property
    def n_planes(self) -> int:
        """Planes from 0, that of the moment not counted."""
        return self._layers.n_planes

    def info(self) -> dict[str, Any]:
        """What the view needs to start with.

        Returns
        -------
        dict
            "name", "path" and "data_path" (None for labels alone), "notes" (sentences), "shape",
            "n_planes", "moment" ("", "integrated" or "peak"), "first_plane", "group" (planes that
            share labels; 0 where all do), "n_bytes" of the data, "units" of the "moment" and of a
            "channel", "clusters" (label, name, colour, n_pixels), "beam" (major, minor,
            position_angle in degrees) or None, "has_sky", "n_segments",
            "columns" of the segments, "has_spectrum" and "has_tiles".
        """
        layers, sky = self._layers, self._layers.source.sky
        beam = layers.labels.labels.sky.beam
        return {
            "name": self.path.name,
            "path": str(self.path),
            "data_path": sky and sky.path,
            "notes": [*layers.source.notes, *filter(None, [self._segments.note])],
            "shape": list(self.shape),
            "n_planes": self.n_planes,
            "moment": layers.moment,
            "first_plane": layers.first_plane,
            "group": 0 if layers.labels.flat else layers.group,
            "n_bytes": 0 if sky is None else sky.n_bytes,
            "units": {"moment": layers.unit(MOMENT), "channel": layers.unit(0)},
            "clusters": layers.labels.clusters,
            "beam": beam and beam._asdict(),
            "has_sky": self._wcs is not None,
            "n_segments": len(self._segments),
            "columns": self._segments.columns,
            "has_spectrum": layers.data is not None and layers.data.count > 1,
            "has_tiles": self._tiles.can_be_found,
        }

    def region(
        self, plane: int, y0: int, y1: int, x0: int, x1: int, max_side: int = 1024
    ) -> MapRegion:
        """Part of a plane, in as much detail as `max_side` allows.

        Parameters
        ----------
        plane : int
            From 0, or -1 for the moment.
        y0, y1, x0, x1 : int
            Rows and columns from 0, the last not included.
        max_side : int, default 1024
            Most blocks of pixels along a side, at most 2048.

        Returns
        -------
        MapRegion

        Raises
        ------
        InputError
            When an argument is out of range.
        """
        labelled = self._layers.label_plane(plane)
        box = Box.within(self.shape, y0, y1, x0, x1)
        check_whole("max_side", max_side, 1, largest=_LARGEST_SIDE)
        step = box.step(max_side)
        return MapRegion(
            box,
            step,
            None if self._layers.data is None else self._layers.data.means(plane, box, step),
            self._layers.labels.nearest(labelled, box, step),
            self._segments.nearest(labelled, box, step),
        )

    def overview(self, plane: int, max_side: int = 1024) -> MapRegion:
        """A whole plane; see `region`.

        Parameters
        ----------
        plane : int
        max_side : int, default 1024

        Returns
        -------
        MapRegion
        """
        return self.region(plane, 0, self.shape[0], 0, self.shape[1], max_side)

    def orientation(self, x: float, y: float) -> dict[str, Any] | None:
        """Directions and scale of the map about a pixel, as `map_sky.orientation`.

        Parameters
        ----------
        x, y : float
            Column and row, from 0.

        Returns
        -------
        dict or None
        """
        return orientation(self._wcs, x, y)

    def levels(self, plane: int) -> dict[str, list[float]]:
        """Brightness by percentile, for the limits of the grey scale.

        Parameters
        ----------
        plane : int
            From 0, or -1 for the moment; all channels share their levels.

        Returns
        -------
        dict
            "percentiles" and "values", both rising; empty lists without data.
        """
        self._layers.label_plane(plane)
        if self._layers.data is None:
            return {"percentiles": [], "values": []}
        return {
            "percentiles": PERCENTILES.tolist(),
            "values": self._layers.data.levels(plane).tolist(),
        }

    def at(self, plane: int, x: int, y: int) -> dict[str, Any]:
        """Everything about one pixel.

        Parameters
        ----------
        plane : int
            From 0, or -1 for the moment.
        x, y : int
            Column and row, from 0.

        Returns
        -------
        dict
            "x", "y", "plane", "value" (NaN where blank, None without data), "unit", "label",
            "name", "membership" (NaN where masked), "segment" (0 for none), "row" of its segment or
            None, and "sky", as `equiclust.app.map_sky.place_on_sky`.

        Raises
        ------
        InputError
            When an argument is out of range.
        """
        labelled = self._layers.label_plane(plane)
        self._layers.check_pixel(x, y)
        label = int(self._layers.labels.labels.pixel(labelled, x, y))
        segment = self._segments.at(labelled, x, y)
        names = {row[0]: row[1] for row in self._layers.labels.rows}
        return {
            "x": x,
            "y": y,
            "plane": plane,
            "value": None if self._layers.data is None else self._layers.data.pixel(plane, x, y),
            "unit": self._layers.unit(plane),
            "label": label,
            "name": names.get(label, str(label)),
            "membership": self._layers.labels.membership.pixel(labelled, x, y),
            "segment": segment,
            "row": self._segments.segment(segment)["row"] if segment else None,
            "sky": place_on_sky(self._wcs, x, y),
        }

    def spectrum(self, x: int, y: int) -> dict[str, Any]:
        """Brightness of one pixel in all channels.

        Parameters
        ----------
        x, y : int
            Column and row, from 0.

        Returns
        -------
        dict
            "x", "y", "values" (NaN where blank), "unit", and "axis" as `axis`.

        Raises
        ------
        InputError
            When the data is no cube, or an argument is out of range.
        """
        cube = self._layers.data
        if cube is None or cube.count == 1:
            raise InputError("there is no spectrum: the data is not a cube")
        self._layers.check_pixel(x, y)
        values = cube.along(x, y).tolist()
        return {"x": x, "y": y, "values": values, "unit": cube.sky.unit, "axis": self.axis()}

    def axis(self) -> dict[str, Any]:
        """Spectral values of the planes; see `MapLayers.axis`.

        Returns
        -------
        dict
            "kind", "unit" and "values".
        """
        return self._layers.axis()

    def channel(self, plane: int) -> dict[str, Any]:
        """What a plane is.

        Parameters
        ----------
        plane : int
            From 0, or -1 for the moment.

        Returns
        -------
        dict
            "plane", "label_plane", "unit" of its data, and "kind", "value" and "value_unit" of its
            place on the spectral axis; None for the moment.
        """
        labelled = self._layers.label_plane(plane)
        axis = self.axis()
        value = None if plane == MOMENT else axis["values"][plane]
        return {
            "plane": plane,
            "label_plane": labelled,
            "unit": self._layers.unit(plane),
            "kind": axis["kind"],
            "value": value,
            "value_unit": axis["unit"],
        }

    def segments(
        self, first: int = 0, count: int = 50, *, sort: str = "id", descending: bool = False
    ) -> dict[str, Any]:
        """A page of the table of segments; see `SegmentIndex.page`.

        Parameters
        ----------
        first : int, default 0
            Rows before the page.
        count : int, default 50
            Rows of the page, at most 500.
        sort : str, default "id"
            Column.
        descending : bool, default False
            Largest first.

        Returns
        -------
        dict
        """
        return self._segments.page(first, count, sort=sort, descending=descending)

    def segment(self, number: int, *, sort: str = "id", descending: bool = False) -> dict[str, Any]:
        """One segment, where it lies, and its place in the sorted table.

        Parameters
        ----------
        number : int
            From 1.
        sort : str, default "id"
            As for `segments`.
        descending : bool, default False
            As for `segments`.

        Returns
        -------
        dict
            As `SegmentIndex.segment`, with "planes" of labels turned into those of the data, and
            "position", the number of rows before it.

        Raises
        ------
        InputError
            When there is no such segment.
        """
        found = self._segments.segment(number)
        if found["planes"] is not None:
            found["planes"] = self._layers.planes_of(*found["planes"])
        position = self._segments.position(number, sort=sort, descending=descending)
        return {**found, "position": position}

    def tile_latents(self, plane: int) -> dict[str, Any]:
        """Tiles of the segmentation by their texture; computed when first asked for, in seconds.

        Parameters
        ----------
        plane : int
            From 0, or -1 for the moment; channels with the same labels have the same tiles.

        Returns
        -------
        dict
            "positions" (n, 2) float32, the first two principal components of the latents of at most
            2,500 tiles; "x" and "y" (n,) float32, their centres in pixels; "labels" (n,) int16, the
            label there; "segments" (n,) int32, the segment there, 0 for none; "shares", the
            share of the variance along each component; "tile", their side in pixels; and
            "n_all", of how many tiles they are.

        Raises
        ------
        InputError
            When there are no networks or no data, or the networks cannot be read.
        """
        return self._tiles.of(self._layers.label_plane(plane))
