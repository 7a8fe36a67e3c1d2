"""Headers of stamps as bytes: a template for each image, with the numbers of each stamp in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from astropy.io import fits

from data_adapters.fits_headers import CHANNEL_AXIS
from data_adapters.stamp_cards import STAMPS, cards_of_bytes, values_of_cards
from equiclust.cutouts.survey_images import ONE_BAND, Tile
from equiclust.io.catalogue import printable
from equiclust.typing import Array

__all__ = ["HeaderTemplate", "file_header", "fits_data", "image_cards", "weight_header"]

_BLOCK, _CARD = 2880, 80


def image_cards(tile: Tile, tiles: Sequence[Tile]) -> fits.Header:
    """Cards that all stamps of an image have: its celestial axes, unit and beam.

    Parameters
    ----------
    tile : Tile
        Whose pixel grid the stamps have.
    tiles : sequence of Tile
        One of every band; what differs among them is left out.

    Returns
    -------
    astropy.io.fits.Header
    """
    header = tile.sky.header.copy()
    header.remove("WCSAXES", ignore_missing=True)
    units = {one.sky.unit for one in tiles}
    if len(units) == 1 and (unit := units.pop()):
        header["BUNIT"] = printable(unit, ascii_only=True)
    beams = {one.sky.beam for one in tiles}
    beam = beams.pop() if len(beams) == 1 else None
    if beam is not None:
        header["BMAJ"], header["BMIN"], header["BPA"] = beam
    return header


class HeaderTemplate:
    """Header of the stamps of one image.

    Parameters
    ----------
    cards : astropy.io.fits.Header
        From `image_cards`.
    bands : sequence of str
        Names of the channels.
    dtype : numpy.dtype
        Type of the pixels.
    extension : bool
        Whether they are extensions of one file.
    """

    def __init__(
        self, cards: fits.Header, bands: Sequence[str], dtype: np.dtype[Any], *, extension: bool
    ) -> None:
        said = values_of_cards(cards_of_bytes(cards.tostring().encode("ascii")))
        self.has_sky = "CRPIX1" in said or bool(said.get("CTYPE1"))
        self.reference = float(said.get("CRPIX1", 0.0)), float(said.get("CRPIX2", 0.0))
        n_axes = 2 if len(bands) == 1 else 3
        header = _sizes(n_axes, dtype, len(bands), extension=extension, name="STAMP")
        if self.has_sky:
            header["WCSAXES"] = n_axes
            header["CRPIX1"], header["CRPIX2"] = self.reference
        header.extend(cards, update=True)
        if n_axes == 3:
            header["CTYPE3"] = CHANNEL_AXIS
            if any(name.startswith("CD1_") for name in header):
                # Else the matrix of three axes could not be inverted.
                header["CD3_3"] = 1.0
        header["OBJECT"] = ""
        header["SRCROW"] = (0, "row of its source in the catalogue, from 1")
        if self.has_sky:
            header["RA_SRC"] = (0.0, "[deg] position of its source, ICRS")
            header["DEC_SRC"] = (0.0, "[deg] position of its source, ICRS")
        for k, band in enumerate(bands):
            if band != ONE_BAND:
                header[f"BAND{k + 1}"] = (printable(band, ascii_only=True), "name of the channel")
        header["ORIGIN"] = STAMPS
        content = _bytes_of(header)
        self._lines = [content[at : at + _CARD] for at in range(0, len(content), _CARD)]
        self._places = {line[:8].rstrip().decode("ascii"): k for k, line in enumerate(self._lines)}

    def stamp(
        self,
        name: str,
        *,
        side: int,
        corner: Sequence[int],
        row: int,
        position: Sequence[float],
        number: int,
    ) -> bytes:
        """Header of one stamp.

        Parameters
        ----------
        name : str
            ASCII without quotes.
        side : int
            In pixels.
        corner : sequence of int
            Row and column of the image at which it begins.
        row : int
            Of its source in the catalogue, from 0.
        position : sequence of float
            Right ascension and declination of the source in degrees.
        number : int
            Of the extension, from 1.

        Returns
        -------
        bytes
            Whole blocks.
        """
        lines = list(self._lines)

        def put(keyword: str, value: str) -> None:
            if keyword in self._places:
                k = self._places[keyword]
                is_short = len(value) <= 20 and not value.startswith("'")
                comment = lines[k][30:].rstrip().decode("ascii") if is_short else ""
                lines[k] = f"{keyword:<8}= {value:>20}{comment}".ljust(_CARD).encode("ascii")

        put("NAXIS1", str(side))
        put("NAXIS2", str(side))
        put("EXTVER", str(number))
        put("OBJECT", f"'{name:<8}'".ljust(20))
        put("SRCROW", str(row + 1))
        if self.has_sky:
            put("CRPIX1", _number(self.reference[0] - int(corner[1])))
            put("CRPIX2", _number(self.reference[1] - int(corner[0])))
            put("RA_SRC", _number(float(position[0])))
            put("DEC_SRC", _number(float(position[1])))
        return b"".join(lines)


def file_header() -> bytes:
    """Header at the beginning of a file whose extensions are stamps.

    Returns
    -------
    bytes
    """
    header = fits.Header()
    header["SIMPLE"] = True
    header["BITPIX"] = 8
    header["NAXIS"] = 0
    header["EXTEND"] = True
    header["ORIGIN"] = STAMPS
    return _bytes_of(header)


def weight_header(shape: Sequence[int], number: int) -> bytes:
    """Header of the extension of a stamp's weights.

    Parameters
    ----------
    shape : sequence of int
        `(c, h, w)`.
    number : int
        That of the stamp.

    Returns
    -------
    bytes
    """
    n_axes = 2 if shape[0] == 1 else 3
    header = _sizes(n_axes, np.dtype(np.float32), shape[0], extension=True, name="WEIGHT")
    header["NAXIS1"], header["NAXIS2"] = int(shape[2]), int(shape[1])
    header["EXTVER"] = number
    return _bytes_of(header)


def fits_data(values: Array) -> bytes:
    """Values as FITS stores them, in whole blocks.

    Parameters
    ----------
    values : ndarray
        Of float32 or float64.

    Returns
    -------
    bytes
    """
    content = values.astype(values.dtype.newbyteorder(">")).tobytes()
    return content + bytes(-len(content) % _BLOCK)


def _sizes(
    n_axes: int, dtype: np.dtype[Any], n_bands: int, *, extension: bool, name: str
) -> fits.Header:
    header = fits.Header()
    if extension:
        header["XTENSION"] = "IMAGE"
    else:
        header["SIMPLE"] = True
    header["BITPIX"] = -8 * dtype.itemsize
    header["NAXIS"] = n_axes
    header["NAXIS1"] = header["NAXIS2"] = 0
    if n_axes == 3:
        header["NAXIS3"] = n_bands
    if extension:
        header["PCOUNT"], header["GCOUNT"] = 0, 1
        header["EXTNAME"], header["EXTVER"] = name, 0
    else:
        header["EXTEND"] = True
    return header


def _bytes_of(header: fits.Header) -> bytes:
    return str(header.tostring(sep="", endcard=True, padding=True)).encode("ascii")


def _number(value: float) -> str:
    """A number as FITS writes it, with all of its digits."""
    return repr(value).upper()
