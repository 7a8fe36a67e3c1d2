"""Stamps of `equiclust cutouts` in FITS files, one or many a file, read as they were written."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np

from data_adapters.adapter import ImagePart
from data_adapters.fits_headers import errors_named
from data_adapters.size_claims import check_claim
from data_adapters.stamp_cards import STAMPS, cards_of_bytes, stamp_facts, values_of_cards
from equiclust.exceptions import UnreadableFileError
from equiclust.images import Image

__all__ = ["StampFile", "kind_of_stamps", "read_stamp", "read_stamps"]

_BLOCK, _CARD = 2880, 80
_MOST_BLOCKS = 64
_ORIGIN = f"ORIGIN  = '{STAMPS}'".encode()
_TYPES: Mapping[int, Any] = {-32: np.dtype(">f4"), -64: np.dtype(">f8")}


StampFile = Literal["", "one", "many"]
"""Whether a file holds a stamp, or many in extensions, as `equiclust cutouts` writes them."""


def kind_of_stamps(path: Path) -> StampFile:
    """Whether a file holds stamps, as `equiclust cutouts` writes them.

    Parameters
    ----------
    path : Path

    Returns
    -------
    StampFile
        Empty for any other file, and when it cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_BLOCK)
            while b"END".ljust(_CARD) not in content and len(content) < _MOST_BLOCKS * _BLOCK:
                if not (block := file.read(_BLOCK)):
                    return ""
                content += block
    except OSError:
        return ""
    if not content.startswith(b"SIMPLE  =") or _ORIGIN not in content:
        return ""
    said = values_of_cards(cards_of_bytes(content))
    if said.get("ORIGIN") != STAMPS:
        return ""
    if said.get("NAXIS") == "0":
        return "many"
    # Another program may have written it anew.
    is_float = said.get("BITPIX") in [str(one) for one in _TYPES] and "BSCALE" not in said
    return "one" if is_float and said.get("NAXIS") in ("2", "3") else ""


def read_stamp(path: Path, id: str) -> Image:
    """The one stamp of a file.

    Parameters
    ----------
    path : Path
    id : str
        Of the image.

    Returns
    -------
    Image

    Raises
    ------
    UnreadableFileError
        When the file is damaged.
    """
    with errors_named(path), path.open("rb") as file:
        begin = _header_end(file, 0, path)
        return replace(
            _image(file, path, 0, begin, _data_size(file, 0, path)), id=id, path=str(path)
        )


def read_stamps(path: Path, *, first: int = 0, most_bytes: int = 1 << 26) -> Iterator[ImagePart]:
    """The stamps of a file in order, some at a time.

    Parameters
    ----------
    path : Path
    first : int, default 0
        Number of the first stamp that is read.
    most_bytes : int, default 1 << 26
        About how many bytes the pixels of one part may take.

    Yields
    ------
    ImagePart

    Raises
    ------
    UnreadableFileError
        When the file is damaged.
    """
    with errors_named(path), path.open("rb") as file:
        places = list(_places(file, path))
    for some in _divided(places[first:], most_bytes):
        with errors_named(path), path.open("rb") as file:
            images = tuple(_image(file, path, *place) for place in some)
        yield ImagePart(len(images), len(places), images)


def _places(file: IO[bytes], path: Path) -> Iterator[tuple[int, int, int]]:
    """Where the header and the pixels of each stamp begin, and how many bytes the pixels take."""
    size = path.stat().st_size
    start = _header_end(file, 0, path)
    while start < size:
        begin = _header_end(file, start, path)
        n_bytes = _data_size(file, start, path)
        file.seek(start)
        if values_of_cards(cards_of_bytes(file.read(_BLOCK))).get("EXTNAME") == "STAMP":
            yield start, begin, n_bytes
        start = begin + -(-n_bytes // _BLOCK) * _BLOCK


def _data_size(file: IO[bytes], start: int, path: Path) -> int:
    """Bytes of the pixels behind the header that begins at `start`."""
    begin = _header_end(file, start, path)
    file.seek(start)
    shape, bitpix = _sizes(values_of_cards(cards_of_bytes(file.read(_BLOCK))), path)
    n_bytes = math.prod(shape) * abs(bitpix) // 8
    missing = begin + n_bytes - path.stat().st_size
    if missing > 0:
        raise UnreadableFileError(
            f"{path}: it is damaged or truncated ({missing} bytes of its pixels are missing)"
        )
    return n_bytes


def _header_end(file: IO[bytes], start: int, path: Path) -> int:
    """Where the header that begins at `start` ends."""
    file.seek(start)
    for number in range(1, _MOST_BLOCKS + 1):
        block = file.read(_BLOCK)
        if len(block) < _BLOCK:
            break
        if any(block[at : at + _CARD].rstrip() == b"END" for at in range(0, _BLOCK, _CARD)):
            return start + number * _BLOCK
    raise UnreadableFileError(f"{path}: it is damaged or truncated (a header has no end)")


def _sizes(cards: Mapping[str, str], path: Path) -> tuple[list[int], int]:
    """Lengths of the axes, fastest first, and `BITPIX`."""
    try:
        shape = [int(cards[f"NAXIS{k + 1}"]) for k in range(int(cards["NAXIS"]))]
        bitpix = int(cards["BITPIX"])
    except (KeyError, ValueError) as error:
        raise UnreadableFileError(f"{path}: it is damaged (a header has no sizes)") from error
    if bitpix not in _TYPES or len(shape) not in (2, 3) or min(shape) < 1:
        raise UnreadableFileError(f"{path}: it is damaged ({shape} values of BITPIX {bitpix})")
    return shape, bitpix


def _divided(
    places: list[tuple[int, int, int]], most_bytes: int
) -> Iterator[list[tuple[int, int, int]]]:
    some: list[tuple[int, int, int]] = []
    total = 0
    for place in places:
        if some and total + place[2] > most_bytes:
            yield some
            some, total = [], 0
        some.append(place)
        total += place[2]
    if some:
        yield some


def _image(file: IO[bytes], path: Path, start: int, begin: int, n_bytes: int) -> Image:
    file.seek(start)
    content = file.read(begin - start)
    said = values_of_cards(cards_of_bytes(content))
    shape, bitpix = _sizes(said, path)
    check_claim(path, math.prod(shape))
    values = np.frombuffer(file.read(n_bytes), _TYPES[bitpix]).reshape(shape[::-1])
    crpix = float(said.get("CRPIX1", 0.0)), float(said.get("CRPIX2", 0.0))
    facts = stamp_facts(content, (shape[1], shape[0]), crpix, path)
    return Image.from_values(
        values.astype(values.dtype.newbyteorder("=")),
        said.get("OBJECT") or f"{path.stem}_{start}",
        path=f"{path}[STAMP,{said.get('EXTVER', '')}]",
        wcs=facts.wcs,
        unit=facts.unit,
        beam=facts.beam,
    )
