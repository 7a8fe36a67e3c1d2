"""What a Zarr store of stamps says of each: its name, coordinates, unit and beam.

Beside ``images`` (n, c, h, w) and ``mask`` (n, h, w) such a store has

- ``ids`` (n, length) uint8: names in UTF-8, filled with zeros; or (n,) of whole numbers;
- ``headers`` (k, length) uint8: cards of FITS of 80 bytes each, filled with blanks, one row for
  every image that stamps were cut from: its celestial axes, unit and beam;
- ``header_index`` (n,): row of ``headers`` of every stamp;
- ``origins`` (n, 2): row and column of that image at which every stamp begins.

The last three may be missing together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from data_adapters.stamp_cards import cards_of_bytes, stamp_facts, values_of_cards
from data_adapters.zarr_metadata import ZarrArray
from equiclust.exceptions import UnreadableFileError
from equiclust.images import Image
from equiclust.optional import import_optional
from equiclust.typing import Array

__all__ = ["HEADERS", "HEADER_INDEX", "IDS", "ORIGINS", "StampRecords"]

IDS, HEADERS, HEADER_INDEX, ORIGINS = "ids", "headers", "header_index", "origins"
"""Names of the arrays."""

_COORDINATES = (HEADERS, HEADER_INDEX, ORIGINS)


class StampRecords:
    """Names and coordinates of the images of a store.

    Parameters
    ----------
    store : Path
    folders : mapping of str to Path
        Folders of its arrays by their names, ``ids`` among them.
    n : int
        Images of the store.

    Raises
    ------
    UnreadableFileError
        When the arrays do not fit the images.
    """

    def __init__(self, store: Path, folders: Mapping[str, Path], n: int) -> None:
        self._store, self._n = store, n
        self._ids = self._array(folders, IDS, (1, 2))
        found = [name for name in _COORDINATES if name in folders]
        if found and len(found) < len(_COORDINATES):
            raise UnreadableFileError(
                f"{store}: its coordinates are in {', '.join(_COORDINATES)}, and it holds only "
                f"{', '.join(found)}"
            )
        self._index = self._origins = None
        self._headers: list[bytes] = []
        if found:
            self._index = self._array(folders, HEADER_INDEX, (1,))
            self._origins = self._array(folders, ORIGINS, (2,))
            table = ZarrArray.described(folders[HEADERS], store)
            rows = _values(table, slice(None)).astype(np.uint8)
            self._headers = [row.tobytes() for row in np.atleast_2d(rows)]

    def _array(self, folders: Mapping[str, Path], name: str, n_axes: tuple[int, ...]) -> ZarrArray:
        array = ZarrArray.described(folders[name], self._store)
        is_whole = array.dtype.kind in "iu"
        if array.ndim not in n_axes or array.shape[0] != self._n or not is_whole:
            raise UnreadableFileError(
                f"{self._store}: its array {name!r} must hold whole numbers for {self._n} images, "
                f"got shape {array.shape} of {array.dtype}"
            )
        return array

    def names(self, start: int, last: int) -> list[str]:
        """Ids of some images.

        Parameters
        ----------
        start, last : int
            Numbers of the first, and of the one behind the last.

        Returns
        -------
        list of str
        """
        values = _values(self._ids, slice(start, last))
        if values.ndim == 1:
            return [str(value) for value in values.tolist()]
        rows = [row.tobytes().rstrip(b"\0") for row in values.astype(np.uint8)]
        return [row.decode("utf-8", "replace") or str(start + k) for k, row in enumerate(rows)]

    def described(self, images: Sequence[Image], start: int) -> tuple[Image, ...]:
        """Images with their coordinates, unit and beam.

        Parameters
        ----------
        images : sequence of Image
        start : int
            Number of the first.

        Returns
        -------
        tuple of Image
        """
        if self._index is None or self._origins is None:
            return tuple(images)
        some = slice(start, start + len(images))
        index, origins = _values(self._index, some), _values(self._origins, some)
        return tuple(
            self._with_facts(image, int(row), origin)
            for image, row, origin in zip(images, index, origins, strict=True)
        )

    def _with_facts(self, image: Image, row: int, origin: Array) -> Image:
        if not 0 <= row < len(self._headers):
            raise UnreadableFileError(
                f"{self._store}: a stamp names header {row} of {len(self._headers)}; it is damaged"
            )
        content = self._headers[row]
        said = values_of_cards(cards_of_bytes(content))
        y, x = (float(value) for value in origin)
        crpix = float(said.get("CRPIX1", 0.0)) - x, float(said.get("CRPIX2", 0.0)) - y
        facts = stamp_facts(content, image.shape[1:], crpix, self._store)
        return replace(image, wcs=facts.wcs, unit=facts.unit, beam=facts.beam)


def _values(array: ZarrArray, rows: slice) -> Array:
    zarr: Any = import_optional("zarr", extra="zarr", purpose="a Zarr store")
    opened = zarr.open_array(str(array.folder), mode="r", zarr_format=array.version)
    return np.asarray(opened[rows])
