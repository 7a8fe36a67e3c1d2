"""What the metadata of a Zarr array claims, checked before any library sees it."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data_adapters.size_claims import SMALLEST_LIMIT, UNPACKING_RATIO
from equiclust.exceptions import UnreadableFileError
from equiclust.io.atomic import read_json
from equiclust.memory import readable_size

__all__ = ["ZarrArray", "arrays_within"]

_V2, _V3, _GROUP_V2 = ".zarray", "zarr.json", ".zgroup"

# Codecs of numbers alone. Others, such as pickle, run code or make objects.
_CODECS = (
    *("adler32", "bitround", "blosc", "bytes", "bz2", "crc32", "crc32c", "delta", "fletcher32"),
    *("fixedscaleoffset", "gzip", "lz4", "lzma", "packbits", "quantize", "sharding_indexed"),
    *("shuffle", "transpose", "zlib", "zstd"),
)
_TYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64"),
)
# Bytes of one chunk, which is unpacked whole.
_LARGEST_CHUNK = 1 << 30


class ZarrArray(NamedTuple):
    """An array of a store, as its metadata describes it.

    Attributes
    ----------
    folder : Path
    version : int
        Of the format, 2 or 3.
    shape : tuple of int
    dtype : numpy.dtype
    chunks : tuple of int
        Shape of what is unpacked at once.
    """

    folder: Path
    version: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @classmethod
    def described(cls, folder: Path, store: Path) -> ZarrArray:
        """The array in a folder.

        Parameters
        ----------
        folder : Path
            Of the array.
        store : Path
            Named in messages.

        Returns
        -------
        ZarrArray

        Raises
        ------
        UnreadableFileError
            When it is no array, holds anything but numbers, needs a codec that is not of numbers
            alone, or claims more than it can hold.
        """
        try:
            found = _of_version_3(folder) if (folder / _V3).exists() else _of_version_2(folder)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            text = " ".join(str(error).split())
            raise UnreadableFileError(
                f"{store}: its metadata cannot be read ({type(error).__name__}: {text})"
            ) from error
        array, codecs = found
        for name in codecs:
            if name.removeprefix("numcodecs.") not in _CODECS:
                raise UnreadableFileError(
                    f"{store}: its values are packed by {name!r}, which is not opened; save it "
                    "with zstd, blosc or gzip"
                )
        array._check(store)
        return array

    def _check(self, store: Path) -> None:
        if min(self.shape, default=0) < 1 or min(self.chunks, default=0) < 1:
            raise UnreadableFileError(f"{store}: its array of shape {self.shape} is empty")
        if len(self.shape) != len(self.chunks):
            raise UnreadableFileError(
                f"{store}: its array of shape {self.shape} has chunks of {self.chunks}"
            )
        n_bytes = math.prod(self.chunks) * self.dtype.itemsize
        if n_bytes > _LARGEST_CHUNK:
            raise UnreadableFileError(
                f"{store}: its chunks take {readable_size(n_bytes)} each, more than "
                f"{readable_size(_LARGEST_CHUNK)}; save it in smaller ones"
            )
        claimed = math.prod(self.shape) * self.dtype.itemsize
        limit = max(SMALLEST_LIMIT, UNPACKING_RATIO * _bytes_within(self.folder))
        if claimed > limit:
            raise UnreadableFileError(
                f"{store}: it claims {readable_size(claimed)} where a store of its size may take "
                f"{readable_size(limit)}"
            )


def arrays_within(store: Path) -> dict[str, Path]:
    """Folders of the arrays of a store.

    Parameters
    ----------
    store : Path

    Returns
    -------
    dict of str to Path
        By their names; the name is empty where the store itself is an array.
    """
    if _is_array(store):
        return {"": store}
    with os.scandir(store) as entries:
        folders = sorted(entry.name for entry in entries if entry.is_dir())
    return {name: store / name for name in folders if _is_array(store / name)}


def _is_array(folder: Path) -> bool:
    if (folder / _V2).is_file():
        return True
    path = folder / _V3
    return path.is_file() and read_json(path).get("node_type") == "array"


def _of_version_2(folder: Path) -> tuple[ZarrArray, list[str]]:
    content = read_json(folder / _V2)
    dtype = content["dtype"]
    if not isinstance(dtype, str) or np.dtype(dtype).kind not in "biuf":
        raise ValueError(f"its values are of type {dtype!r}, and only real numbers are read")
    packers = [content.get("compressor"), *(content.get("filters") or ())]
    codecs = [str(one["id"]) for one in packers if one is not None]
    shape, chunks = _lengths(content["shape"]), _lengths(content["chunks"])
    return ZarrArray(folder, 2, shape, np.dtype(dtype), chunks), codecs


def _of_version_3(folder: Path) -> tuple[ZarrArray, list[str]]:
    content = read_json(folder / _V3)
    name = content["data_type"]
    if name not in _TYPES:
        raise ValueError(f"its values are of type {name!r}, and only real numbers are read")
    if content.get("storage_transformers"):
        raise ValueError("it has storage transformers")
    codecs = content["codecs"]
    grid = content["chunk_grid"]
    chunks = _lengths(grid["configuration"]["chunk_shape"])
    for one in codecs:
        if one["name"] == "sharding_indexed":
            chunks = _lengths(one["configuration"]["chunk_shape"])
    shape = _lengths(content["shape"])
    return ZarrArray(folder, 3, shape, np.dtype(name), chunks), list(_names(codecs))


def _names(codecs: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    """Names of codecs, and of those within them."""
    for one in codecs:
        yield str(one["name"])
        inner = one.get("configuration") or {}
        for part in ("codecs", "index_codecs"):
            yield from _names(inner.get(part) or ())


def _lengths(values: Sequence[Any]) -> tuple[int, ...]:
    if not all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        raise ValueError(f"{list(values)!r} are no lengths of axes")
    return tuple(values)


def _bytes_within(folder: Path) -> int:
    total = 0
    for parent, _, files in os.walk(folder):
        total += sum(os.lstat(os.path.join(parent, name)).st_size for name in files)
    return total
