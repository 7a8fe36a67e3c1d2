"""The planes of a map or cube that are segmented: the map, a moment of the cube, its channels."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from astropy.io import fits

from data_adapters.sky.cube_headers import cube_header
from data_adapters.sky.moments import channel_groups, group_slices, moment_maps
from data_adapters.sky.sky_map import SkyMap
from equiclust.io.atomic import atomic_path
from equiclust.progress import Update
from equiclust.typing import Float32Array, Float64Array

__all__ = ["CUBE_WAYS", "Planes", "Velocities", "open_planes"]


CUBE_WAYS = ("integrated", "peak", "channels")
"""What of a cube is segmented."""

_STORED = ("integrated", "peak", "low", "high")


class Velocities(NamedTuple):
    """Range of spectral values with signal behind each pixel.

    Parameters
    ----------
    low, high : ndarray (h, w), float64
        Lowest and highest value; NaN where there is no signal.
    unit : str
        Their unit in FITS notation.
    kind : str
        What they are, as in `SegmentMap.spectral_kind`.
    """

    low: Float64Array
    high: Float64Array
    unit: str
    kind: str


class Planes(Protocol):
    """Planes of one size, read one at a time; blank pixels are NaN.

    `flat` says that there is one, which is a map and not a cube.
    """

    count: int
    flat: bool
    header: fits.Header
    unit: str
    velocities: Velocities | None

    def read(self, number: int) -> Float32Array:
        """One plane.

        Parameters
        ----------
        number : int
            Which, from 0.

        Returns
        -------
        ndarray (h, w), float32
            Pixels; blank ones are NaN.
        """
        ...


class _OnePlane:
    def __init__(
        self,
        plane: Float32Array,
        header: fits.Header,
        unit: str,
        velocities: Velocities | None = None,
    ) -> None:
        self.count, self.flat = 1, True
        self.header, self.unit, self.velocities = header, unit, velocities
        self._plane = plane

    def read(self, number: int) -> Float32Array:
        return self._plane


class _Channels:
    """Means of groups of channels, read from the cube when asked for."""

    def __init__(self, sky: SkyMap, group: int) -> None:
        self.velocities: Velocities | None = None
        self._sky, self._group = sky, group
        self._parts = group_slices(sky, group)
        self.count, self.flat, self.unit = len(self._parts), False, sky.unit
        self.header = cube_header(sky, group=group)

    def read(self, number: int) -> Float32Array:
        part = self._parts[number]
        return next(channel_groups(self._sky, self._group, channels=part))


def open_planes(
    sky: SkyMap, way: str, *, group: int, folder: Path, on_progress: Update | None = None
) -> Planes:
    """Planes of a map, or of a cube in one of `CUBE_WAYS`.

    Parameters
    ----------
    sky : SkyMap
        Map or cube.
    way : {"integrated", "peak", "channels"}
        "integrated" or "peak" makes one plane of a cube, with the velocities behind each pixel;
        "channels" makes one plane of every `group` channels. A map is one plane in any case.
    group : int
        Channels that are averaged to one plane.
    folder : Path
        Where the moments are kept, so that a resumed call need not read the cube again.
    on_progress : callable, optional
        Gets the units done, their total and a remark.

    Returns
    -------
    Planes
        Read one at a time.

    Raises
    ------
    UnreadableFileError
        When the file cannot be read.
    """
    if sky.shape[0] == 1:
        return _OnePlane(sky.read()[0], sky.header, sky.unit)
    if way == "channels":
        return _Channels(sky, group)
    kept = folder / "moments.npz"
    if not kept.is_file():
        moments = moment_maps(sky, on_progress=on_progress)
        units = [moments.integrated_unit, moments.spectral_unit]
        with atomic_path(kept) as draft:
            arrays = {name: getattr(moments, name) for name in _STORED}
            np.savez(draft, **arrays, units=np.array(units))
        del moments
    with np.load(kept, allow_pickle=False) as stored:
        integrated, spectral = map(str, stored["units"])
        velocities = _velocities(sky, stored["low"], stored["high"], spectral)
        unit = integrated if way == "integrated" else sky.unit
        return _OnePlane(stored[way], sky.header, unit, velocities)


def _velocities(sky: SkyMap, low: Float64Array, high: Float64Array, unit: str) -> Velocities:
    """Velocities where the header tells how, else what its axis counts."""
    if sky.spectral is None:
        return Velocities(low, high, unit, "channel")
    ends = sky.spectral.velocities(np.stack([low, high]))
    if ends is None:
        return Velocities(low, high, unit, sky.spectral.kind)
    # A high frequency is a low velocity.
    return Velocities(np.min(ends, axis=0), np.max(ends, axis=0), "km/s", "velocity")
