"""`StoredArray`: NumPy's files, of which shape and type are checked before values are read."""

from __future__ import annotations

import math
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from data_adapters.size_claims import check_claim
from equiclust.exceptions import UnreadableFileError
from equiclust.typing import Array

__all__ = ["StoredArray", "opened_arrays"]

_MAGIC = b"\x93NUMPY"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")


@dataclass(frozen=True)
class StoredArray:
    """An array in a file that is open.

    Parameters
    ----------
    shape : tuple of int
        As the file claims.
    dtype : numpy.dtype
        As the file claims.
    n_bytes : int
        Bytes that are there for its values.
    path : Path
        The file.
    is_row_by_row : bool, default False
        Whether one index of the first axis after the other is stored.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    n_bytes: int
    path: Path
    _open: Callable[[], IO[bytes]] = field(repr=False)
    is_row_by_row: bool = False
    _offset: int = field(default=0, repr=False)

    @property
    def may_be_images(self) -> bool:
        """Whether it has as many axes as images can have, and holds real numbers."""
        return self.dtype.kind in "biuf" and 2 <= len(self.shape) <= 4

    def load(self) -> Array:
        """The values.

        Returns
        -------
        ndarray

        Raises
        ------
        UnreadableFileError
            When they are Python objects or records, are not all there, or are too many.
        """
        self._check(whole=True)
        with self._open() as stream:
            return np.asarray(np.lib.format.read_array(stream, allow_pickle=False))

    def rows(self, step: int, *, first: int = 0) -> Iterator[Array]:
        """The values, some indices of the first axis at a time.

        Parameters
        ----------
        step : int
            Indices at a time.
        first : int, default 0
            Index to begin with.

        Yields
        ------
        ndarray

        Raises
        ------
        UnreadableFileError
            As `load`.
        """
        self._check(whole=False)
        n, *rest = self.shape
        length = math.prod(rest)
        with self._open() as stream:
            stream.seek(self._offset + first * length * self.dtype.itemsize)
            for start in range(first, n, step):
                count = min(step, n - start)
                wanted = count * length * self.dtype.itemsize
                values = np.frombuffer(stream.read(wanted), self.dtype)
                yield values.reshape(count, *rest)

    def _check(self, *, whole: bool) -> None:
        if self.dtype.hasobject:
            raise UnreadableFileError(f"{self.path}: it holds Python objects, which are not opened")
        if self.dtype.names is not None:
            fields = ", ".join(self.dtype.names)
            raise UnreadableFileError(
                f"{self.path}: it holds records ({fields}); save one field as an array of numbers"
            )
        n_values = math.prod(self.shape)
        claimed = n_values * self.dtype.itemsize
        if min(self.shape, default=0) < 0 or claimed > self.n_bytes:
            raise UnreadableFileError(
                f"{self.path}: it is damaged or truncated (its shape {self.shape} takes {claimed} "
                f"bytes, and {self.n_bytes} are there)"
            )
        check_claim(self.path, n_values, itemsize=self.dtype.itemsize, whole=whole)


@contextmanager
def opened_arrays(path: Path) -> Iterator[dict[str, StoredArray]]:
    """Arrays of a ``.npy`` or ``.npz`` file; no value is read yet.

    Parameters
    ----------
    path : Path
        The file; its content decides, not its name.

    Yields
    ------
    dict of str to StoredArray
        By name in an archive; under the name "" in a ``.npy`` file.

    Raises
    ------
    UnreadableFileError
        When it is no file of NumPy's.
    """
    with path.open("rb") as file:
        start = file.read(len(_MAGIC))
    if start == _MAGIC:
        yield {"": _stored(lambda: path.open("rb"), path.stat().st_size, path)}
    elif start.startswith(_ZIP):
        with zipfile.ZipFile(path) as archive:
            yield dict(_members(archive, path))
    elif start:
        raise UnreadableFileError(f"{path}: it is no NumPy file, and Python objects are not opened")
    else:
        raise UnreadableFileError(f"{path}: it is empty")


def _members(archive: zipfile.ZipFile, path: Path) -> Iterator[tuple[str, StoredArray]]:
    for info in archive.infolist():
        if info.filename.endswith(".npy"):
            name = info.filename.removesuffix(".npy")

            def opened(info: zipfile.ZipInfo = info) -> IO[bytes]:
                return archive.open(info)

            yield name, _stored(opened, info.file_size, path)


def _stored(opened: Callable[[], IO[bytes]], size: int, path: Path) -> StoredArray:
    with opened() as stream, warnings.catch_warnings():
        # Headers that Python 2 wrote are read with a warning.
        warnings.simplefilter("ignore")
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        elif version == (2, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream)
        else:
            raise UnreadableFileError(
                f"{path}: its arrays are of version {version[0]}.{version[1]} of the format, which "
                "holds records; save an array of numbers"
            )
        offset = stream.tell()
        return StoredArray(tuple(shape), dtype, size - offset, path, opened, not fortran, offset)
