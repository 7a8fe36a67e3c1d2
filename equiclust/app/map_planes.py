"""Parts of the planes of a map or cube, at any zoom and within a bound of memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from threading import RLock
from typing import NamedTuple, Self

import numpy as np

from data_adapters.sky.moments import channel_groups
from data_adapters.sky.sky_map import SkyMap
from equiclust.exceptions import InputError
from equiclust.typing import Array, Float32Array, Float64Array
from equiclust.validation import check_whole

__all__ = ["MOMENT", "MOST_PIXELS", "PERCENTILES", "Box", "MapPlanes", "thinned"]

MOMENT = -1
"""Number of the plane that is a sum over all channels, or the brightest of them."""

MOST_PIXELS = 1 << 26
"""Pixels of a plane or label map up to which whole arrays of it are held."""

# Bytes of the last plane that are kept, and of the rows that are read at once.
_KEPT_BYTES = 1 << 26
_STRIP_BYTES = 1 << 24
# Values, and planes of a cube, from which brightness levels are taken.
_MOST_VALUES = 1 << 20
_MOST_PLANES = 8
# Half of the percentiles lie in the tails, where limits are chosen.
_TAIL = np.array([0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0])
PERCENTILES = np.concatenate([_TAIL, np.arange(5.0, 95.5, 5.0), 100.0 - _TAIL[::-1]])
"""Percentiles of which `MapPlanes.levels` gives the values."""


class Box(NamedTuple):
    """Rectangle of pixels, rows `y0` to `y1` and columns `x0` to `x1`, the last not included.

    Parameters
    ----------
    y0, y1, x0, x1 : int
        Pixels from 0.
    """

    y0: int
    y1: int
    x0: int
    x1: int

    @classmethod
    def within(cls, shape: tuple[int, int], y0: int, y1: int, x0: int, x1: int) -> Self:
        """A rectangle that lies in an image and is not empty.

        Parameters
        ----------
        shape : (int, int)
            Height and width of the image.
        y0, y1, x0, x1 : int
            Pixels from 0.

        Returns
        -------
        Box

        Raises
        ------
        InputError
            When it does not lie in the image, or is empty.
        """
        sides = (("y0", y0, "y1", y1, shape[0]), ("x0", x0, "x1", x1, shape[1]))
        for first_name, first, last_name, last, length in sides:
            check_whole(first_name, first, 0, largest=length - 1)
            check_whole(last_name, last, first + 1, largest=length)
        return cls(y0, y1, x0, x1)

    def step(self, max_side: int) -> int:
        """Side of the blocks of pixels that are shown as one, so that `max_side` are enough.

        Parameters
        ----------
        max_side : int
            Most blocks along a side.

        Returns
        -------
        int
            1 where every pixel is shown.
        """
        return -(-max(self.y1 - self.y0, self.x1 - self.x0) // max_side)


class MapPlanes:
    """Planes of a FITS map or cube, of which the last one is kept if it has at most 64 MiB.

    Larger planes are read strip by strip, 16 MiB at a time; packed files are unpacked once and held
    until `close`. Calls of several threads wait for each other.

    Parameters
    ----------
    sky : SkyMap
        Map or cube.
    moment : {"", "integrated", "peak"}, default ""
        What plane `MOMENT` of a cube is; "" for none.
    """

    def __init__(self, sky: SkyMap, *, moment: str = "") -> None:
        self.sky, self.moment = sky, moment if sky.shape[0] > 1 else ""
        self.lock = RLock()
        self._kept: tuple[int, Array] | None = None
        self._moment: Array | None = None
        self._levels: dict[bool, Float64Array] = {}
        self._held = ExitStack()
        if not sky.by_section:
            self._held.enter_context(sky)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of what is held."""
        self._kept = self._moment = None
        self._held.close()

    @property
    def count(self) -> int:
        """Planes, that of the moment not counted."""
        return self.sky.shape[0]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.sky.shape[1:]

    def rows(self, plane: int, first: int, last: int) -> Array:
        """Some rows of a plane over the whole width.

        Parameters
        ----------
        plane : int
            From 0, or `MOMENT`.
        first, last : int
            Rows from `first` up to but not including `last`.

        Returns
        -------
        ndarray (last - first, w), float32 or float64
            Not to be written to. Blank pixels are NaN.

        Raises
        ------
        InputError
            When the moment of too large a cube is asked for.
        UnreadableFileError
            When the file cannot be read any more.
        """
        with self.lock:
            if plane == MOMENT:
                return self._moment_plane()[first:last]
            if self._kept is not None and self._kept[0] == plane:
                return self._kept[1][first:last]
            channel = slice(plane, plane + 1)
            height, width = self.shape
            if height * width * self.sky.dtype.itemsize > _KEPT_BYTES:
                strip: Array = self.sky.read(channel, slice(first, last))[0]
                return strip
            whole: Array = self.sky.read(channel)[0]
            self._kept = (plane, whole)
            return whole[first:last]

    def _moment_plane(self) -> Array:
        if self._moment is not None:
            return self._moment
        if self.shape[0] * self.shape[1] > MOST_PIXELS:
            raise InputError(
                f"plane must be a channel: the sum over all channels of {self.shape[0]} x "
                f"{self.shape[1]} pixels takes more memory than is used here, got {MOMENT}"
            )
        added = _brightest(self.sky) if self.moment == "peak" else _integrated(self.sky)
        self._moment = added.astype(self.sky.dtype)
        return self._moment

    def means(self, plane: int, box: Box, step: int) -> Float32Array:
        """Means of blocks of pixels; those at the right and upper edge may be smaller.

        Parameters
        ----------
        plane : int
            From 0, or `MOMENT`.
        box : Box
            Which pixels.
        step : int
            Side of a block in pixels.

        Returns
        -------
        ndarray (ceil(h / step), ceil(w / step)), float32
            Blank pixels do not count; NaN where all of a block are blank.
        """
        found = [self._means_of(strip, step) for strip in self._strips(plane, box, step)]
        return np.concatenate(found)

    @staticmethod
    def _means_of(strip: Array, step: int) -> Float32Array:
        # float32 is for the eye; what it cannot hold is left blank.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            if step > 1:
                known = np.isfinite(strip)
                total = _block_sums(np.where(known, strip, 0.0), step)
                strip = total / _block_sums(known.astype(np.float64), step)
            shown = strip.astype(np.float32)
        shown[~np.isfinite(shown)] = np.nan
        return shown

    def nearest(self, plane: int, box: Box, step: int) -> Float32Array:
        """The pixel in the middle of every block, as `means` takes them.

        Parameters
        ----------
        plane : int
            From 0.
        box : Box
            Which pixels.
        step : int
            Side of a block in pixels.

        Returns
        -------
        ndarray (ceil(h / step), ceil(w / step)), float32
            Values of single pixels.
        """
        strips = self._strips(plane, box, step)
        return np.concatenate([thinned(strip, step) for strip in strips]).astype(np.float32)

    def _strips(self, plane: int, box: Box, step: int) -> Iterator[Array]:
        """Rows of the box, as many whole blocks together as fit."""
        row_bytes = self.shape[1] * self.sky.dtype.itemsize
        at_once = max(1, _STRIP_BYTES // (row_bytes * step)) * step
        for first in range(box.y0, box.y1, at_once):
            yield self.rows(plane, first, min(first + at_once, box.y1))[:, box.x0 : box.x1]

    def pixel(self, plane: int, x: int, y: int) -> float:
        """Value of one pixel.

        Parameters
        ----------
        plane : int
            From 0, or `MOMENT`.
        x, y : int
            Column and row, from 0.

        Returns
        -------
        float
            NaN where it is blank.
        """
        return float(self.rows(plane, y, y + 1)[0, x])

    def along(self, x: int, y: int) -> Float64Array:
        """Values of one pixel in all channels; the rows through it are read, and no more.

        Parameters
        ----------
        x, y : int
            Column and row, from 0.

        Returns
        -------
        ndarray (count,), float64
            NaN where it is blank.
        """
        values = np.empty(self.count)
        row_bytes = self.shape[1] * self.sky.dtype.itemsize
        at_once = max(_STRIP_BYTES // row_bytes, 1)
        if self.sky.channel_step > 1:
            # One costs as much as all of them.
            at_once = -(-at_once // self.sky.channel_step) * self.sky.channel_step
        with self.lock:
            for first in range(0, self.count, at_once):
                part = slice(first, min(first + at_once, self.count))
                values[part] = self.sky.read(part, slice(y, y + 1))[:, 0, x]
        return values

    def levels(self, plane: int) -> Float64Array:
        """Brightness at `PERCENTILES`, of the moment, or of all channels together.

        Parameters
        ----------
        plane : int
            From 0, or `MOMENT`.

        Returns
        -------
        ndarray (len(PERCENTILES),), float64
            From a million pixels at most, spread evenly; NaN where all of them are blank.
        """
        key = plane == MOMENT
        if key not in self._levels:
            spread = np.linspace(0, self.count - 1, min(self.count, _MOST_PLANES))
            planes = [MOMENT] if key else sorted({round(number) for number in spread})
            box = Box(0, self.shape[0], 0, self.shape[1])
            step = 1
            while len(planes) * self.shape[0] * self.shape[1] > _MOST_VALUES * step**2:
                step += 1
            found = [thinned(one, step) for n in planes for one in self._strips(n, box, step)]
            values = np.concatenate([one[np.isfinite(one)] for one in found])
            self._levels[key] = (
                np.percentile(values.astype(np.float64), PERCENTILES)
                if values.size
                else np.full(len(PERCENTILES), np.nan)
            )
        return self._levels[key]


def thinned(strip: Array, step: int) -> Array:
    """The pixel in the middle of every block; blocks at the far edge may be smaller.

    Parameters
    ----------
    strip : ndarray (h, w)
        Pixels.
    step : int
        Side of a block.

    Returns
    -------
    ndarray (ceil(h / step), ceil(w / step))
        Single pixels.
    """
    rows, columns = (
        (np.arange(0, length, step) + np.minimum(np.arange(0, length, step) + step, length)) // 2
        for length in strip.shape
    )
    return strip[np.ix_(rows, columns)]


def _block_sums(values: Array, step: int) -> Float64Array:
    by_row = np.add.reduceat(values, np.arange(0, values.shape[0], step), axis=0, dtype=np.float64)
    sums: Float64Array = np.add.reduceat(by_row, np.arange(0, values.shape[1], step), axis=1)
    return sums


def _integrated(sky: SkyMap) -> Float64Array:
    """Sum over the channels of brightness times width, as `moment_maps` adds them up."""
    widths = np.ones(sky.shape[0]) if sky.spectral is None else sky.spectral.widths
    total, seen = np.zeros(sky.shape[1:]), np.zeros(sky.shape[1:], dtype=bool)
    for plane, width in zip(channel_groups(sky, 1), widths, strict=True):
        known = np.isfinite(plane)
        seen |= known
        total += np.where(known, plane, 0.0) * width
    return np.where(seen, total, np.nan)


def _brightest(sky: SkyMap) -> Array:
    brightest = np.full(sky.shape[1:], np.nan, dtype=sky.dtype)
    for plane in channel_groups(sky, 1):
        np.fmax(brightest, plane, out=brightest)
    return brightest
