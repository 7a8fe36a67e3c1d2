"""The labels of a map and the data under them, and which plane of one belongs to which."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from equiclust.app.map_labels import LabelPlanes
from equiclust.app.map_planes import MOMENT, MOST_PIXELS, MapPlanes
from equiclust.app.map_source import find_source
from equiclust.exceptions import InputError
from equiclust.typing import PathLike
from equiclust.validation import check_whole

__all__ = ["MapLayers"]

# Bytes of a cube up to which its channels are added up before they are asked for.
_SUMMED_AT_ONCE = 1 << 29


class MapLayers:
    """A label map and, where it is found, the map or cube that it was made from.

    Parameters
    ----------
    path : Path
        The label map.
    data : path-like, optional
        The map or cube; by default that of the record, see `find_source`.

    Raises
    ------
    InputError
        When `data` is given and cannot be read or does not fit.
    UnreadableFileError
        When the file is missing, damaged, or no label map.
    """

    def __init__(self, path: Path, data: PathLike | None = None) -> None:
        self.labels = LabelPlanes(path)
        try:
            source = find_source(path, self.labels.shape, flat=self.labels.flat, data=data)
        except InputError:
            self.labels.close()
            raise
        self.source = source
        self.data = None if source.sky is None else MapPlanes(source.sky, moment=source.moment)

    def close(self) -> None:
        """Let go of what is held."""
        self.labels.close()
        if self.data is not None:
            self.data.close()

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.labels.shape[1:]

    @property
    def moment(self) -> str:
        """What plane -1 is, "integrated" or "peak"; "" where there is none."""
        return "" if self.data is None else self.data.moment

    @property
    def n_planes(self) -> int:
        """Planes from 0: channels of the data, without data planes of labels."""
        return self.labels.shape[0] if self.data is None else self.data.count

    @property
    def first_plane(self) -> int:
        """Plane to show first: the moment of a cube unless it takes long, else the middle."""
        if self.data is not None and self.moment:
            is_quick = self.data.sky.n_bytes <= _SUMMED_AT_ONCE
            if is_quick and math.prod(self.shape) <= MOST_PIXELS:
                return MOMENT
        return self.n_planes // 2

    @property
    def group(self) -> int:
        """Planes that share a plane of labels, unless all do."""
        return 1 if self.data is None else self.source.group

    def label_plane(self, plane: int) -> int:
        """The plane of labels that belongs to a plane.

        Parameters
        ----------
        plane : int
            From 0, or -1 for the moment.

        Returns
        -------
        int

        Raises
        ------
        InputError
            When there is no such plane.
        """
        lowest = MOMENT if self.moment else 0
        check_whole("plane", plane, lowest, largest=self.n_planes - 1)
        return 0 if self.labels.flat else plane // self.group

    def planes_of(self, first: int, last: int) -> list[int]:
        """Planes that belong to some planes of labels.

        Parameters
        ----------
        first, last : int
            Planes of labels, the last not included.

        Returns
        -------
        list of int
            The first plane and the one behind the last.
        """
        if self.labels.flat:
            return [MOMENT if self.moment else 0, self.n_planes]
        return [first * self.group, min(last * self.group, self.n_planes)]

    def check_pixel(self, x: int, y: int) -> None:
        """Check that a pixel lies in the map.

        Parameters
        ----------
        x, y : int
            Column and row, from 0.

        Raises
        ------
        InputError
            When it does not.
        """
        check_whole("x", x, 0, largest=self.shape[1] - 1)
        check_whole("y", y, 0, largest=self.shape[0] - 1)

    def unit(self, plane: int) -> str:
        """Unit of the data of a plane.

        Parameters
        ----------
        plane : int
            From 0, or -1 for the moment.

        Returns
        -------
        str
            In FITS notation; empty when unknown.
        """
        if self.data is None or plane == MOMENT:
            return self.labels.unit
        return self.data.sky.unit

    def axis(self) -> dict[str, Any]:
        """Spectral values of the planes.

        Returns
        -------
        dict
            "kind" ("velocity", "frequency" and so on, or "channel"), "unit", and "values", the
            middle of every plane: in km/s where the header tells how, else as its axis counts,
            else channels from 0.
        """
        sky = self.labels.labels.sky if self.data is None else self.data.sky
        axis = sky.spectral
        if axis is None:
            return {"kind": "channel", "unit": "", "values": list(range(sky.shape[0]))}
        velocities = axis.velocities(axis.values)
        if velocities is not None:
            return {"kind": "velocity", "unit": "km/s", "values": velocities.tolist()}
        return {"kind": axis.kind, "unit": axis.unit, "values": axis.values.tolist()}
