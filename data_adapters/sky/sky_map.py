"""Maps and cubes of the sky, read by section, so that they need not fit into memory."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from data_adapters.discovery import split_part
from data_adapters.extensions import chosen_hdu
from data_adapters.fits_files import open_fits
from data_adapters.fits_headers import (
    beam_of,
    card,
    errors_named,
)
from data_adapters.objects.held_maps import HeldMap, held_map
from data_adapters.packed_files import is_packed
from data_adapters.sky.axes import MapAxes, map_axes
from data_adapters.sky.beams import channel_beams, largest_beam, plausible_beam
from data_adapters.sky.frames import say_unknown_frame
from data_adapters.sky.header import sky_header
from data_adapters.sky.sections import Scaling, Sections
from data_adapters.sky.sections_of_hdu import sections_of_hdu, stored_bytes
from data_adapters.sky.spectral import SpectralAxis, spectral_axis
from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError, UnreadableFileError
from equiclust.images import Beam
from equiclust.precision import float32_holds
from equiclust.typing import Float32Array, Float64Array

__all__ = ["MapLike", "SkyMap", "SpectralAxis", "as_sky_map", "open_sky_map"]

logger = logging.getLogger(__name__)

MapLike = Any
"""Maps and cubes as users hold them; a type checker knows none of the packages they may come from.

- `SkyMap`, and paths of FITS files and CASA images;
- ``(array, WCS)`` and ``(array, Header)``; arrays of NumPy, dask, Zarr and h5py, without
  coordinates too;
- of astropy `HDUList` and a single HDU, `NDData`, `CCDData`, `Cutout2D` and `Quantity`;
- of spectral-cube a `SpectralCube` and a `Projection`.

Pixels are read by section where the object reads or computes them so.
"""


@dataclass(frozen=True, eq=False)
class SkyMap:
    """Map or cube of the sky, in a file or in memory, as `open_sky_map` returns it.

    Only `read` reads pixels. Within ``with sky:`` the file stays open between calls, otherwise each
    call opens it. It can be pickled. Two threads must not read at the same time.

    Parameters
    ----------
    path : str
        The file, with the extension in brackets if one was asked for; of an object in memory what
        it is.
    file : str or None
        The path; None of an object in memory.
    shape : (int, int, int)
        `(n_channels, h, w)`; a map has one channel. Axes of one pixel are dropped.
    header : astropy.io.fits.Header
        Cards of the two celestial axes, as they were written; empty when there are none.
    wcs : astropy.wcs.WCS or None
        The two celestial axes.
    spectral : SpectralAxis or None
        Velocities, frequencies or the like of the channels; None when there is no such axis.
    channel_ctype : str
        `CTYPE` of the axis of the channels; empty when there is no such axis or no such card.
    stokes : str
        Stokes parameter of the pixels, such as ``I``; empty when the file does not say.
    unit : str
        `BUNIT`; empty when unknown.
    beam : Beam or None
        Beam of the header, or the largest (by area) of the channels' beams.
    channel_beams : tuple of Beam or None
        One beam per channel, from the table `BEAMS`; a channel without beam has NaN.
    n_bytes : int
        Size of the pixels as stored, unpacked, in bytes.
    channel_step : int
        Number of channels below which a call reads or unpacks the same bytes again: 1 where
        channels follow one another in the file, the depth of compressed tiles, and all channels
        where the spectral axis is not the slowest of the file.
    by_section : bool
        False for packed files (``.gz``), which are unpacked whole into memory.

    Examples
    --------
    >>> from data_adapters.sky import open_sky_map
    >>> from equiclust.simulation import write_cloud_map
    >>> truth = write_cloud_map("cloud.fits", (64, 96), random_state=0)
    >>> with open_sky_map("cloud.fits") as sky:
    ...     strip = sky.read(rows=slice(10, 14))
    >>> strip.shape, strip.dtype.name
    ((1, 4, 96), 'float32')
    >>> sky.unit, [card for card in sky.header if card.startswith("CTYPE")]
    ('K km/s', ['CTYPE1', 'CTYPE2'])
    """

    path: str
    file: str | None
    shape: tuple[int, int, int]
    header: fits.Header = field(repr=False)
    wcs: WCS | None = field(repr=False)
    spectral: SpectralAxis | None = field(repr=False)
    channel_ctype: str
    stokes: str
    unit: str
    beam: Beam | None
    channel_beams: tuple[Beam, ...] | None = field(repr=False)
    n_bytes: int
    channel_step: int
    by_section: bool
    _sections: Sections = field(repr=False)
    _scaling: Scaling = field(repr=False)
    _order: tuple[int, int, int] = field(repr=False)
    _bitpix: int = field(repr=False)

    def __enter__(self) -> Self:
        self._sections.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._sections.__exit__(*error)

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """Type that `read` gives: float32, or float64 where float32 cannot hold the values.

        To know it of stored types of more than float32 holds, all pixels are read once.
        """
        if self._is_held_by_float32():
            return np.dtype(np.float32)
        logger.info("%s: float32 cannot hold its values; float64 is used", self.path)
        return np.dtype(np.float64)

    def _is_held_by_float32(self) -> bool:
        by_type = self._scaling.is_held_by_float32(self._bitpix)
        if by_type is not None:
            return by_type
        slow, middle, fast = self._sections.shape
        step = self.channel_step if self._order[0] == 0 else 1
        with self._sections as sections:
            for first in range(0, slow, step):
                part = slice(first, min(first + step, slow))
                for _, stored in sections.blocks((part, slice(0, middle), slice(0, fast))):
                    values = np.empty(stored.shape, np.float64)
                    self._scaling.fill(values, stored)
                    if not float32_holds(values):
                        return False
        return True

    def read(
        self,
        channels: slice = slice(None),
        rows: slice = slice(None),
        *,
        out: Float32Array | Float64Array | None = None,
    ) -> Float32Array | Float64Array:
        """Pixels of some channels and rows, over the whole width.

        Parameters
        ----------
        channels, rows : slice, default slice(None)
            Of step 1; by default all. Negative numbers count from the end.
        out : ndarray (n_channels, n_rows, w), optional
            Of `dtype`; where the pixels are written. By default a new array.

        Returns
        -------
        ndarray (n_channels, n_rows, w)
            Of `dtype`; `out` where it is given. Blank and infinite pixels are NaN. At most one more
            copy is held, as stored.

        Raises
        ------
        InputError
            When a slice has another step than 1, or `out` has another shape or type.
        UnreadableFileError
            When the file is damaged or does not exist any more.
        """
        for name, part in {"channels": channels, "rows": rows}.items():
            if part.step not in (None, 1):
                raise InputError(f"{name} must be a slice of step 1, got step {part.step}")
        box = (slice(*channels.indices(self.shape[0])), slice(*rows.indices(self.shape[1])))
        size = (*(max(0, part.stop - part.start) for part in box), self.shape[2])
        if out is not None and (out.shape != size or out.dtype != self.dtype):
            raise InputError(
                f"out must have shape {size} and dtype {self.dtype}, "
                f"got {out.shape} and {out.dtype}"
            )
        with errors_named(self._sections.path):
            pixels = np.empty(size, self.dtype) if out is None else out
            if pixels.size > 0:
                self._read_into(pixels, *box)
        return pixels

    def _read_into(self, pixels: Float32Array | Float64Array, channels: slice, rows: slice) -> None:
        # Of channel, row and column, the one that is slowest in the file comes first.
        first, second, third = np.argsort(self._order)
        wanted = (channels, rows, slice(0, self.shape[2]))
        as_stored = pixels.transpose(first, second, third)
        with self._sections as sections:
            for position, stored in sections.blocks((wanted[first], wanted[second], wanted[third])):
                self._scaling.fill(as_stored[position], stored)


@checks_types
def open_sky_map(
    path: MapLike, *, part: str = "", stokes: str = "", whole_limit: int = 1 << 30
) -> SkyMap:
    """Open a map or cube without reading a pixel.

    Parameters
    ----------
    path : str, Path or another of `MapLike`
        ``file.fits``, ``file.fits[EXT]`` with the name or number of an extension, or an object in
        memory. Of an object that computes its pixels, sections are computed when they are read.
    part : str, default ""
        Name or number of the extension, if it is not in brackets behind the path. By default the
        first image of two axes or more.
    stokes : str, default ""
        Stokes parameter to read where there is an axis of them, such as ``Q``; by default I.
    whole_limit : int, default 1 << 30
        Largest size in bytes of the unpacked pixels of a packed file (``.gz``), which cannot be
        read by section.

    Returns
    -------
    SkyMap

    Raises
    ------
    UnreadableFileError
        When the file does not exist, is damaged, or holds no such map.
    InputError
        When the object in memory holds no such map.

    Examples
    --------
    >>> from data_adapters.sky import open_sky_map
    >>> from equiclust.simulation import write_cloud_cube
    >>> truth = write_cloud_cube("cube.fits", (4, 48, 64), random_state=0)
    >>> sky = open_sky_map("cube.fits")
    >>> sky.shape, sky.unit, sky.spectral.kind
    ((4, 48, 64), 'K', 'velocity')

    An array with a `WCS` or a header is a map as well:

    >>> image = sky.read(slice(0, 1))[0]
    >>> open_sky_map((image, sky.wcs)).shape
    (1, 48, 64)
    """
    if not isinstance(path, str | os.PathLike):
        held = held_map(path, part=part)
        with errors_named(held.path):
            of_file = held if held.pixels is not None else held.hdu
            return _opened(of_file, held.hdus, held.path, held.part, stokes, None)
    name = os.fspath(path)
    if not part:
        name, part = split_part(name)
    file = Path(name)
    if file.is_dir():
        return _open_folder(file, stokes)
    with errors_named(file), open_fits(file) as hdus:
        hdu = chosen_hdu(hdus, part, file)
        limit = whole_limit if is_packed(file) else None
        return _opened(hdu, hdus, file, part, stokes, limit)


def _open_folder(path: Path, stokes: str) -> SkyMap:
    from data_adapters.sky.casa_maps import casa_map, is_casa_image

    if not is_casa_image(path):
        raise UnreadableFileError(f"{path}: it is a folder, not a file, and no CASA image")
    with errors_named(path):
        held = casa_map(path)
        return _opened(held, held.hdus, path, "", stokes, None)


def as_sky_map(sky: MapLike) -> SkyMap:
    """Map of what a public function may be given.

    Parameters
    ----------
    sky : SkyMap or another of `MapLike`
        A `SkyMap` is returned as it is.

    Returns
    -------
    SkyMap

    Raises
    ------
    InputError
        When it holds no map; see `open_sky_map`.
    """
    return sky if isinstance(sky, SkyMap) else open_sky_map(sky)


def _opened(
    hdu: Any, hdus: fits.HDUList, path: Path, part: str, stokes: str, whole_limit: int | None
) -> SkyMap:
    if isinstance(hdu, fits.GroupsHDU):
        raise UnreadableFileError(f"{path}: it holds visibilities (random groups) and no map")
    axes = map_axes(hdu, path, stokes=stokes)
    count = len(hdu.shape)
    n_channels = 1 if axes.channel is None else hdu.shape[axes.channel]
    shape = (n_channels, hdu.shape[axes.row], hdu.shape[axes.column])
    order = _order(axes, n_channels)
    header, wcs = sky_header(hdu, hdus, axes, path)
    say_unknown_frame(wcs, path)
    # A table of beams holds before the one beam of the header, unless CASAMBM denies it.
    denied = card(hdu.header, "CASAMBM") in ("False", "F")
    beams = None if denied else channel_beams(hdus, n_channels, axes.stokes, path)
    spectral, channel_ctype = None, ""
    if axes.channel is not None:
        channel_ctype = card(hdu.header, f"CTYPE{count - axes.channel}")
        spectral = spectral_axis(hdu.header, count - axes.channel, n_channels, path, hdus)
    name = f"{path}[{part}]" if part else str(path)
    return SkyMap(
        path=name,
        file=hdu.file if isinstance(hdu, HeldMap) else name,
        shape=shape,
        header=header,
        wcs=wcs,
        spectral=spectral,
        channel_ctype=channel_ctype,
        stokes=axes.stokes.name,
        unit=card(hdu.header, "BUNIT"),
        beam=plausible_beam(largest_beam(beams) or beam_of(hdu.header), wcs, shape, path),
        channel_beams=beams,
        n_bytes=stored_bytes(hdu),
        channel_step=_channel_step(hdu, axes, order, n_channels),
        by_section=whole_limit is None,
        _sections=sections_of_hdu(hdu, hdus, path, axes, order, shape, whole_limit),
        _scaling=Scaling.of(hdu.header, path),
        _order=order,
        _bitpix=int(hdu.header["BITPIX"]),
    )


def _order(axes: MapAxes, n_channels: int) -> tuple[int, int, int]:
    """Ranks of channel, row and column in the file, 0 for the slowest."""
    if axes.channel is None or n_channels == 1:
        return 0, 1, 2
    stored = sorted((axes.channel, axes.row, axes.column))
    return stored.index(axes.channel), stored.index(axes.row), stored.index(axes.column)


def _channel_step(hdu: Any, axes: MapAxes, order: tuple[int, int, int], n_channels: int) -> int:
    if order[0] != 0:
        return n_channels
    tiles = _tiles(hdu)
    if tiles is not None and axes.channel is not None:
        return int(min(tiles[axes.channel], n_channels))
    return 1


def _tiles(hdu: Any) -> tuple[int, ...] | None:
    """Shape of what is unpacked or computed at once; None where any pixel can be read alone."""
    if isinstance(hdu, HeldMap):
        return None if hdu.pixels is None else hdu.pixels.chunks
    return tuple(hdu.tile_shape) if isinstance(hdu, fits.CompImageHDU) else None
