"""Stamps on disk: a folder of FITS files, one FITS file, or a Zarr store, and how they grow."""

from __future__ import annotations

import math
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from astropy.io import fits

from data_adapters.stamp_cards import STAMPS
from data_adapters.zarr_stamps import HEADER_INDEX, HEADERS, IDS, ORIGINS
from equiclust.cutouts.stamp_headers import file_header
from equiclust.cutouts.work import Worked
from equiclust.io.staging import refused, sync
from equiclust.optional import import_optional
from equiclust.typing import Array, IntArray

__all__ = ["StampOutput", "StoreLayout", "kind_of", "make_output"]

_CHUNK_BYTES = 1 << 22


class StoreLayout(NamedTuple):
    """What a store needs to know before the first stamp.

    Attributes
    ----------
    n : int
        Stamps, at most.
    side : int
        In pixels.
    bands : tuple of str
    dtype : numpy.dtype
    with_weights : bool
    longest_name : int
        Characters of the longest name.
    headers : mapping of int to astropy.io.fits.Header
        Cards of every home tile.
    """

    n: int
    side: int
    bands: tuple[str, ...]
    dtype: np.dtype[Any]
    with_weights: bool
    longest_name: int
    headers: Mapping[int, fits.Header]


class StampOutput(ABC):
    """Stamps that are written into a hidden draft, which takes its place when it is complete.

    Parameters
    ----------
    output : Path
        Where they are to lie.
    """

    def __init__(self, output: Path) -> None:
        self.output = output
        self.draft = output.with_name(f".{output.name}.partial")

    @abstractmethod
    def open(self, state: Mapping[str, Any]) -> None:
        """Begin, or go on where a stopped call has ended.

        Parameters
        ----------
        state : mapping
            From `append`; empty to begin.
        """

    @abstractmethod
    def append(self, worked: Worked, names: Array, home: int, corner: IntArray) -> dict[str, Any]:
        """Write the stamps of a block.

        Parameters
        ----------
        worked : Worked
        names : ndarray (m,), str
            Of those that are kept.
        home : int
            Their home tile.
        corner : ndarray (m, 2), int64
            Row and column of it at which each begins.

        Returns
        -------
        dict
            What `open` needs to go on.
        """

    def finish(self) -> None:
        """Have the draft on disk, and put it into its place."""
        with refused(self.output):
            self.complete()
            with suppress(OSError):
                # An empty folder may wait there.
                self.output.rmdir()
            os.replace(self.draft, self.output)

    @abstractmethod
    def complete(self) -> None:
        """Write what is still to be written."""

    def remove(self) -> None:
        """Remove the draft."""
        if self.draft.is_dir() and not self.draft.is_symlink():
            shutil.rmtree(self.draft)
        else:
            self.draft.unlink(missing_ok=True)


class _Folder(StampOutput):
    """One FITS file a stamp, written by the processes that cut them."""

    def open(self, state: Mapping[str, Any]) -> None:
        with refused(self.output):
            self.draft.mkdir(exist_ok=True)

    def append(self, worked: Worked, names: Array, home: int, corner: IntArray) -> dict[str, Any]:
        return {}

    def complete(self) -> None:
        if hasattr(os, "sync"):
            os.sync()


class _File(StampOutput):
    """One FITS file with an extension a stamp."""

    def open(self, state: Mapping[str, Any]) -> None:
        with refused(self.output):
            if state:
                if self.draft.stat().st_size < int(state["n_bytes"]):
                    raise OSError(f"{str(self.draft)!r} is shorter than it was; remove it")
                # What was written behind is of a block that was not complete.
                os.truncate(self.draft, int(state["n_bytes"]))
            else:
                self.draft.write_bytes(file_header())

    def append(self, worked: Worked, names: Array, home: int, corner: IntArray) -> dict[str, Any]:
        with refused(self.output), self.draft.open("ab") as file:
            file.writelines(worked.content)
            return {"n_bytes": file.tell()}

    def complete(self) -> None:
        with self.draft.open("rb") as file:
            os.fsync(file.fileno())


class _Store(StampOutput):
    """A Zarr store; see `data_adapters.zarr_stamps`."""

    def __init__(self, output: Path, layout: StoreLayout) -> None:
        super().__init__(output)
        self.layout = layout
        self._n = 0
        self._tiles = sorted(layout.headers)
        self._group: Any = None
        self._arrays: dict[str, Any] = {}

    def open(self, state: Mapping[str, Any]) -> None:
        zarr = import_optional("zarr", extra="zarr", purpose="a Zarr store")
        with refused(self.output):
            if state:
                self._n = int(state["n"])
                for left in self.draft.rglob("*.partial"):
                    # Chunks that were being written when the process was killed.
                    left.unlink()
                self._group = zarr.open_group(str(self.draft), mode="r+", zarr_format=3)
                self._arrays = dict(self._group.arrays())
            else:
                self.remove()
                self._group = zarr.create_group(str(self.draft), zarr_format=3)
                self._group.attrs.update(self._attributes())
                self._make_arrays()

    def _attributes(self) -> dict[str, Any]:
        return {"origin": STAMPS, "format": 1, "bands": list(self.layout.bands)}

    def _make_arrays(self) -> None:
        one = self.layout
        shape = (one.n, len(one.bands), one.side, one.side)
        depth = max(1, _CHUNK_BYTES // (math.prod(shape[1:]) * one.dtype.itemsize))
        self._make("images", shape, one.dtype, depth)
        self._make("mask", (one.n, one.side, one.side), np.dtype(bool), depth)
        if one.with_weights:
            self._make("weights", shape, np.dtype(np.float32), depth)
        few = 1 << 14
        self._make(IDS, (one.n, one.longest_name), np.dtype(np.uint8), few)
        self._make(HEADER_INDEX, (one.n,), np.dtype(np.int32), few)
        self._make(ORIGINS, (one.n, 2), np.dtype(np.int32), few)
        texts = [_text_of(one.headers[number]) for number in self._tiles]
        width = max(map(len, texts))
        rows = np.frombuffer(b"".join(text.ljust(width) for text in texts), np.uint8)
        self._make(HEADERS, (len(texts), width), np.dtype(np.uint8), len(texts))
        self._arrays[HEADERS][:] = rows.reshape(len(texts), width)

    def _make(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], depth: int) -> None:
        # Not packed: pixels with noise gain a tenth by it, and what is mostly zero would claim so
        # many times its size that no careful reader believes it.
        self._arrays[name] = self._group.create_array(
            name,
            shape=shape,
            dtype=dtype,
            chunks=(min(depth, shape[0]), *shape[1:]),
            compressors=None,
            config={"write_empty_chunks": True},
        )

    def append(self, worked: Worked, names: Array, home: int, corner: IntArray) -> dict[str, Any]:
        count = len(worked.content)
        if count:
            with refused(self.output):
                self._append(worked, names, home, corner)
            self._n += count
        return {"n": self._n}

    def _append(self, worked: Worked, names: Array, home: int, corner: IntArray) -> None:
        place = slice(self._n, self._n + len(worked.content))
        pixels = np.stack(worked.content)
        self._arrays["images"][place] = pixels
        self._arrays["mask"][place] = np.isnan(pixels).any(axis=1)
        if worked.weights:
            self._arrays["weights"][place] = np.stack(worked.weights)
        texts = names.astype(f"S{self.layout.longest_name}")
        self._arrays[IDS][place] = texts.view(np.uint8).reshape(len(texts), -1)
        self._arrays[HEADER_INDEX][place] = self._tiles.index(home)
        self._arrays[ORIGINS][place] = corner

    def complete(self) -> None:
        if self._n < self.layout.n:
            for name, array in self._arrays.items():
                if name != HEADERS:
                    array.resize((self._n, *array.shape[1:]))
        sync(self.draft)


def kind_of(output: Path) -> str:
    """Kind of output that a path asks for.

    Parameters
    ----------
    output : Path

    Returns
    -------
    str
        "store" for .zarr, "file" for .fits, .fit and .fts, and else "folder".
    """
    suffix = output.suffix.lower()
    if suffix == ".zarr":
        return "store"
    return "file" if suffix in (".fits", ".fit", ".fts") else "folder"


def make_output(output: Path, layout: StoreLayout) -> StampOutput:
    """Output of the kind that its path asks for.

    Parameters
    ----------
    output : Path
    layout : StoreLayout
        Used by a store.

    Returns
    -------
    StampOutput
    """
    kinds: Mapping[str, type[StampOutput]] = {"folder": _Folder, "file": _File}
    kind = kind_of(output)
    return _Store(output, layout) if kind == "store" else kinds[kind](output)


def _text_of(header: fits.Header) -> bytes:
    text: Sequence[str] = header.tostring(sep="", endcard=False, padding=False)
    return str(text).encode("ascii")
