"""Files that are packed as a whole: gzip, bzip2, xz, and zip of one file."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from equiclust.exceptions import UnreadableFileError

__all__ = ["is_packed", "unpacked"]

_OPENERS: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
}
_PACKED = (*_OPENERS, b"PK\x03\x04", b"\x1f\x9d")


def is_packed(path: Path) -> bool:
    """Whether a file is packed as a whole, as by gzip, so that it cannot be read by section.

    Parameters
    ----------
    path : Path

    Returns
    -------
    bool
    """
    with path.open("rb") as file:
        return file.read(6).startswith(_PACKED)


def unpacked(path: Path, stack: ExitStack) -> IO[bytes]:
    """A file open for reading, unpacked if it is packed as a whole.

    Parameters
    ----------
    path : Path
    stack : contextlib.ExitStack
        Closes it.

    Returns
    -------
    binary file

    Raises
    ------
    UnreadableFileError
        When it is packed in a way that is not understood, or with other files.
    OSError
        When it cannot be opened.
    """
    file = stack.enter_context(path.open("rb"))
    start = file.read(6)
    file.seek(0)
    for magic, opener in _OPENERS.items():
        if start.startswith(magic):
            unpacked: IO[bytes] = stack.enter_context(opener(file))
            return unpacked
    if start.startswith(b"PK\x03\x04"):
        archive = stack.enter_context(zipfile.ZipFile(file))
        members = archive.namelist()
        if len(members) != 1:
            raise UnreadableFileError(
                f"{path}: it is a zip archive of {len(members)} files; unpack it first"
            )
        return stack.enter_context(archive.open(members[0]))
    if start.startswith(b"\x1f\x9d"):
        raise UnreadableFileError(f"{path}: it is packed by compress; unpack it first")
    return file
