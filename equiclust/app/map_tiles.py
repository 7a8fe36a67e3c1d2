"""The tiles of an open label map: where they lie, and which have like textures."""

from __future__ import annotations

import math
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from data_adapters.sky.moments import channel_groups
from equiclust.app.map_layers import MapLayers
from equiclust.app.map_planes import MOMENT, MOST_PIXELS, MapPlanes
from equiclust.app.map_segments import SegmentIndex
from equiclust.exceptions import InputError
from equiclust.segmentation.segment_map import MASKED
from equiclust.typing import Array

if TYPE_CHECKING:
    from equiclust.app.map_latents import TileLatents

__all__ = ["MapTiles"]


class MapTiles:
    """Tiles of the planes of an open label map; those of the last plane are kept.

    Parameters
    ----------
    layers : MapLayers
        Labels and data.
    segments : SegmentIndex
        Which segment is where.
    """

    def __init__(self, layers: MapLayers, segments: SegmentIndex) -> None:
        self._layers, self._segments = layers, segments
        self._lock = Lock()
        self._kept: tuple[int, TileLatents] | None = None

    @property
    def can_be_found(self) -> bool:
        """Whether there are networks and data."""
        return self._layers.source.model is not None and self._layers.data is not None

    def of(self, labelled: int) -> dict[str, Any]:
        """Tiles of a plane of labels, on the sky and by their texture.

        Parameters
        ----------
        labelled : int
            Plane of labels, from 0.

        Returns
        -------
        dict
            The fields of `TileLatents`, and "labels", (n,) int16, and "segments", (n,) int32, at
            the centres of the tiles.

        Raises
        ------
        InputError
            When there are no networks or no data, or the networks cannot be read.
        """
        with self._lock:
            if self._kept is None or self._kept[0] != labelled:
                self._kept = (labelled, self._encoded(labelled))
            tiles = self._kept[1]
        height, width = self._layers.shape
        x, y = (
            np.clip(np.rint(axis).astype(np.int64), 0, length - 1)
            for axis, length in ((tiles.x, width), (tiles.y, height))
        )
        ids = self._segments.ids()
        labels = self._layers.labels.labels.rows(labelled, 0, height)[y, x]
        segments = np.zeros(len(x), np.int32) if ids is None else ids[labelled, y, x]
        return {**tiles._asdict(), "labels": labels.astype(np.int16), "segments": segments}

    def _encoded(self, labelled: int) -> TileLatents:
        # Torch takes seconds to import, which only those who ask for tiles should wait.
        from equiclust.app.map_latents import tile_latents

        source, height = self._layers.source, self._layers.shape[0]
        if self._layers.data is None or source.model is None:
            raise InputError(
                "the tiles cannot be encoded: the map or the folder of its networks is not there"
            )
        if math.prod(self._layers.shape) > MOST_PIXELS:
            raise InputError(f"a plane of more than {MOST_PIXELS} pixels is not encoded here")
        hidden = self._layers.labels.labels.rows(labelled, 0, height) == MASKED
        options = source.job.get("options")
        step = options.get("step") if isinstance(options, dict) else None
        return tile_latents(
            np.where(hidden, np.nan, self._pixels(self._layers.data, labelled)),
            source.model,
            step=step if isinstance(step, int) and step > 0 else None,
        )

    def _pixels(self, data: MapPlanes, labelled: int) -> Array:
        """What was segmented: the map, the moment, or the mean of a group of channels."""
        if self._layers.labels.flat:
            return data.rows(MOMENT if data.moment else 0, 0, self._layers.shape[0])
        group = self._layers.source.group
        with data.lock:
            part = slice(labelled * group, min((labelled + 1) * group, data.count))
            return next(channel_groups(data.sky, group, channels=part))
