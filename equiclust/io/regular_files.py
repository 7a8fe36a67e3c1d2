"""Files of folders that somebody else may have made, read only where they are regular files.

A named pipe keeps whoever opens it waiting, and a device may never end.
"""

from __future__ import annotations

import os
import stat
from typing import BinaryIO, NoReturn

from equiclust.exceptions import InputError
from equiclust.typing import PathLike

__all__ = ["open_regular", "read_regular"]

# Some are missing on some platforms.
_FLAGS = os.O_RDONLY
for _name in ("O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY"):
    _FLAGS |= getattr(os, _name, 0)

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
# Some file systems do not tell the size of what they make up.
_LEAST = 1 << 20


def open_regular(path: PathLike, *, most_bytes: int | None = None) -> BinaryIO:
    """Open a file to read its bytes, without ever waiting for it.

    Parameters
    ----------
    path : path-like
        A regular file, or a symbolic link to one.
    most_bytes : int, optional
        Largest size, of any size by default.

    Returns
    -------
    binary file
        For the caller to close.

    Raises
    ------
    InputError
        When it is missing, cannot be read, is no regular file or is too large.
    """
    try:
        # Some devices act on being opened, so it is looked at before. What takes its place in
        # between is opened without waiting, and found out.
        _check(path, os.stat(path), most_bytes)
        file = os.open(path, _FLAGS)
    except InputError:
        raise
    except (OSError, ValueError) as error:
        _refuse(path, error)
    try:
        _check(path, os.fstat(file), most_bytes)
    except BaseException:
        os.close(file)
        raise
    return os.fdopen(file, "rb")


def read_regular(path: PathLike, most_bytes: int) -> bytes:
    """Read a whole file.

    Parameters
    ----------
    path : path-like
        A regular file, or a symbolic link to one.
    most_bytes : int
        Largest size.

    Returns
    -------
    bytes

    Raises
    ------
    InputError
        When it is missing, cannot be read, is no regular file or is too large.
    """
    with open_regular(path, most_bytes=most_bytes) as file:
        expected = max(os.fstat(file.fileno()).st_size, _LEAST)
        try:
            content = file.read(min(expected, most_bytes) + 1)
        except OSError as error:
            _refuse(path, error)
    if len(content) > most_bytes:
        _refuse_size(path, len(content), most_bytes)
    return content


def _check(path: PathLike, found: os.stat_result, most_bytes: int | None) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = next((kind for is_kind, kind in _KINDS if is_kind(found.st_mode)), "something else")
        raise InputError(
            f"cannot read {os.fspath(path)!r}: it is {kind}, not a regular file; put the file "
            "back, or remove it"
        )
    if most_bytes is not None and found.st_size > most_bytes:
        _refuse_size(path, found.st_size, most_bytes)


def _refuse(path: PathLike, error: OSError | ValueError) -> NoReturn:
    reason = getattr(error, "strerror", None) or error
    raise InputError(f"cannot read {os.fspath(path)!r}: {reason}") from error


def _refuse_size(path: PathLike, size: int, most_bytes: int) -> NoReturn:
    raise InputError(
        f"cannot read {os.fspath(path)!r}: it holds {size} bytes or more, and at most {most_bytes} "
        "are read; put the file back that was there, or remove it"
    )
