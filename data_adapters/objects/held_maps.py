"""`held_map`: an object in memory as if it were the HDU of a FITS file."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from data_adapters.extensions import chosen_hdu, long_axes
from data_adapters.fits_files import open_fits
from data_adapters.objects.arrays import pixels_of_array, unit_card
from data_adapters.objects.coordinates import header_of_coordinates, plain_wcs
from data_adapters.objects.kinds import ARRAYS, Kind, kind_of
from data_adapters.objects.pixels import Pixels
from equiclust.exceptions import InputError, InputTypeError
from equiclust.typing import Float64Array, IntArray
from equiclust.validation import shown

__all__ = ["HeldMap", "beam_table", "described", "held_map"]

_SCALING = ("BSCALE", "BZERO", "BLANK")
# Zero points of the types that FITS has not, by which `BLANK` is written.
_ZEROS = {"u2": 1 << 15, "u4": 1 << 31, "u8": 1 << 63, "i1": -128}


@dataclass(frozen=True, eq=False)
class HeldMap:
    """An array with a header.

    Parameters
    ----------
    header : astropy.io.fits.Header
        With `BITPIX` and the lengths of the axes.
    pixels : Pixels or None
        None where they are to be read from the file of `hdu`.
    hdus : astropy.io.fits.HDUList
        What tables of coordinates and beams are looked for in.
    path : Path
        The file of `hdu`; else what the object is, as messages call it.
    hdu : astropy HDU, optional
        One of `hdus`, none of whose pixels has been read yet.
    part : str, default ""
        What names it in the file, in brackets behind the path.
    file : str, optional
        Path of what the pixels are read from, if they are not those of `hdu`.
    """

    header: fits.Header = field(repr=False)
    pixels: Pixels | None
    hdus: fits.HDUList = field(repr=False)
    path: Path
    hdu: Any = field(default=None, repr=False)
    part: str = ""
    file: str | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes, slowest first."""
        return self.hdu.shape if self.pixels is None else self.pixels.shape


def held_map(value: Any, *, part: str = "") -> HeldMap:
    """Pixels and header of a map, a cube or an image.

    Parameters
    ----------
    value : object
        Of a kind of `data_adapters.objects.kinds.MAPS` or `ARRAYS`.
    part : str, default ""
        Name or number of an extension of an `HDUList`.

    Returns
    -------
    HeldMap

    Raises
    ------
    InputTypeError
        When it is none of these.
    InputError
        When it holds no real numbers of two axes or more.
    """
    kind = kind_of(value)
    name = f"{kind.value} in memory"
    if kind in (Kind.HDU, Kind.HDU_LIST):
        return _of_hdu(value, part, name)
    if kind == Kind.PAIR:
        array, coordinates = value
        return _assembled(*pixels_of_array(array, name), coordinates, name)
    if kind == Kind.NDDATA:
        coordinates = plain_wcs(value.wcs, name)
        return _assembled(_masked(value, name), value.unit, coordinates, name, value.meta)
    if kind == Kind.CUTOUT:
        return _assembled(*pixels_of_array(value.data, name), value.wcs, name)
    if kind in (Kind.CUBE, Kind.PROJECTION):
        return _of_cube(value, name)
    if kind in ARRAYS:
        return _assembled(*pixels_of_array(value, name), None, name)
    raise InputTypeError(
        "a map must be a path, an array, (array, WCS), an HDU, NDData or SpectralCube, got "
        f"{shown(value)}"
    )


def _masked(value: Any, name: str) -> Pixels:
    pixels, _ = pixels_of_array(value.data, name)
    if value.mask is None:
        return pixels
    mask = value.mask
    if np.ndim(mask) == 0:
        mask = np.broadcast_to(np.asarray(mask, dtype=bool), pixels.shape)
    return Pixels(pixels.values, name, mask)


def _assembled(pixels: Pixels, unit: Any, coordinates: Any, name: str, meta: Any = None) -> HeldMap:
    header, hdus = header_of_coordinates(coordinates, pixels.shape, name)
    for card in ("BMAJ", "BMIN", "BPA", "BUNIT"):
        if meta is not None and card in meta and card not in header:
            header[card] = meta[card]
    return described(header, pixels, unit, hdus, name)


def described(
    header: fits.Header,
    pixels: Pixels,
    unit: Any,
    hdus: fits.HDUList,
    name: str,
    *,
    is_scaled: bool = True,
    file: str | None = None,
) -> HeldMap:
    """The map with a header that describes the values as they are read.

    Parameters
    ----------
    header : astropy.io.fits.Header
        Changed.
    pixels : Pixels
    unit : astropy unit or None
        None for that of the header.
    hdus : astropy.io.fits.HDUList
        What tables of coordinates and beams are looked for in.
    name : str
        As messages call it.
    is_scaled : bool, default True
        Whether the values are true ones already, whatever the header says.
    file : str, optional
        See `HeldMap`.

    Returns
    -------
    HeldMap

    Raises
    ------
    InputError
        When there are no two axes of more than a pixel.
    """
    for card in _SCALING if is_scaled else ():
        header.remove(card, ignore_missing=True)
    bits = 8 * pixels.dtype.itemsize
    header["BITPIX"] = -max(bits, 32) if pixels.dtype.kind == "f" else bits
    header["NAXIS"] = len(pixels.shape)
    for axis, length in enumerate(reversed(pixels.shape), start=1):
        header[f"NAXIS{axis}"] = length
    if unit is not None:
        header["BUNIT"] = unit_card(unit)
    found = HeldMap(header, pixels, hdus, Path(name), file=file)
    if len(long_axes(found)) < 2:
        raise InputError(f"{name}: its array of shape {pixels.shape} is no image of two axes")
    return found


def _of_hdu(value: Any, part: str, name: str) -> HeldMap:
    hdus = value if isinstance(value, fits.HDUList) else fits.HDUList([value])
    hdu = chosen_hdu(hdus, part, Path(name))
    is_alone = hdus is not value
    file = _untouched(hdu, is_alone=is_alone)
    if file is not None:
        part = _number_in_file(hdu, file) if is_alone else part
        return HeldMap(hdu.header, None, hdus, file, hdu, part)
    header = hdu.header.copy()
    pixels = Pixels(hdu.data if hdu._data_loaded else hdu.section, name)
    is_scaled = not hdu._do_not_scale_image_data
    blank = header.get("BLANK")
    found = described(header, pixels, None, hdus, name, is_scaled=is_scaled)
    if is_scaled and hdu._data_loaded and blank is not None and pixels.stored.kind in "iu":
        # astropy leaves whole numbers as they are.
        found.header["BLANK"] = int(blank) + _ZEROS.get(pixels.stored.str[1:], 0)
    return found


def _number_in_file(hdu: Any, path: Path) -> str:
    """What names an HDU in its file; nothing where it is the first."""
    start = hdu.fileinfo()["hdrLoc"]
    with open_fits(path) as hdus:
        places = [other.fileinfo()["hdrLoc"] for other in hdus]
    return "" if places.index(start) == 0 else str(places.index(start))


def _untouched(hdu: Any, *, is_alone: bool) -> Path | None:
    """The file of an HDU whose pixels are still there alone, and can be read by section."""
    place = None if hdu._data_loaded else hdu.fileinfo()
    if place is None or (is_alone and isinstance(hdu, fits.CompImageHDU)):
        return None
    file = place["file"]
    if file.name is None or file.compression is not None:
        return None
    try:
        # It may have been replaced since it was opened.
        is_same = os.path.samestat(os.fstat(file._file.fileno()), os.stat(file.name))
    except (OSError, AttributeError, ValueError):
        return None
    return Path(file.name) if is_same else None


@dataclass(frozen=True, eq=False)
class _CubeValues:
    """Values of a cube of spectral-cube, NaN under its mask."""

    cube: Any

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.cube.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        stored: np.dtype[Any] = np.dtype(self.cube._data.dtype)
        return stored

    @property
    def chunks(self) -> Any:
        return getattr(self.cube._data, "chunks", None)

    def __getitem__(self, box: Any) -> Any:
        return np.asarray(self.cube.unitless_filled_data[box])


def _of_cube(cube: Any, name: str) -> HeldMap:
    """A cube of spectral-cube, or a map made from one."""
    is_map = kind_of(cube) == Kind.PROJECTION
    pixels = Pixels(cube.value if is_map else _CubeValues(cube), name)
    header, hdus = header_of_coordinates(cube.wcs, pixels.shape, name)
    for card in ("BMAJ", "BMIN", "BPA", "CASAMBM"):
        if card in cube.header:
            header[card] = cube.header[card]
    if hasattr(type(cube), "unmasked_beams"):
        beams, n = cube.unmasked_beams, pixels.shape[0]
        sizes = [one.to_value("deg") for one in (beams.major, beams.minor, beams.pa)]
        hdus.append(beam_table(np.transpose(sizes), np.arange(n), np.zeros(n, np.int64)))
    return described(header, pixels, cube.unit, hdus, name)


def beam_table(beams: Float64Array, channels: IntArray, planes: IntArray) -> fits.BinTableHDU:
    """Beams of channels as CASA writes them.

    Parameters
    ----------
    beams : ndarray (n, 3)
        Major and minor axis and position angle, in degrees.
    channels, planes : ndarray (n,), int
        Channel and Stokes plane of each.

    Returns
    -------
    astropy.io.fits.BinTableHDU
    """
    columns = [
        fits.Column(name, "1D", unit="deg", array=np.asarray(beams[:, number], dtype=np.float64))
        for number, name in enumerate(("BMAJ", "BMIN", "BPA"))
    ]
    columns += [
        fits.Column(name, "1J", array=np.asarray(numbers, dtype=np.int32))
        for name, numbers in (("CHAN", channels), ("POL", planes))
    ]
    return fits.BinTableHDU.from_columns(columns, name="BEAMS")
