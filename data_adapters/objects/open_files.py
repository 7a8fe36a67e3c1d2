"""Files that a user has opened, or that are in memory, read as the files of their format."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from data_adapters.registry import adapter_of, adapters_by_suffix, suffix_of_content
from data_adapters.time_limit import limited_time
from equiclust.exceptions import InputError, InputTypeError, UnreadableFileError
from equiclust.images import Image

__all__ = ["images_of_open_file", "path_of_open_file"]

_START = 1 << 10


def path_of_open_file(file: Any) -> str | None:
    """Path of a file that is open, where it is still that file.

    Parameters
    ----------
    file : binary file object

    Returns
    -------
    str or None
        None of a file in memory, and of one that has another name by now or is written to.

    Raises
    ------
    InputTypeError
        When the file is open for text.
    """
    if isinstance(file, io.TextIOBase) or "b" not in getattr(file, "mode", "b"):
        raise InputTypeError(
            f"{getattr(file, 'name', 'the file')} is open for text; open it by mode 'rb'"
        )
    name = getattr(file, "name", None)
    if not isinstance(name, str) or file.writable():
        return None
    try:
        is_same = os.path.samestat(os.fstat(file.fileno()), os.stat(name))
    except OSError:
        return None
    return os.path.abspath(name) if is_same else None


def images_of_open_file(file: Any, name: str, axes: str, *, stem: str) -> tuple[Image, ...]:
    """All images of a file in memory; where it stands is as before.

    Parameters
    ----------
    file : binary file object
        That can be read and sought.
    name : str
        As messages call it.
    axes : str
        Letters of `data_adapters.read`.
    stem : str
        Name of the file without suffix, by which ids are made.

    Returns
    -------
    tuple of Image

    Raises
    ------
    UnreadableFileError
        When it is of no known format, or damaged.
    """
    try:
        at = file.tell()
        file.seek(0)
        start = file.read(_START)
        file.seek(0)
    except (OSError, ValueError) as error:
        raise UnreadableFileError(f"{name}: it cannot be read ({error})") from error
    try:
        suffix = suffix_of_content(start)
        if not suffix:
            raise UnreadableFileError(f"{name}: its content is of no format that is known")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"{stem}{suffix}")
            with path.open("wb") as copy:
                shutil.copyfileobj(file, copy)
            return _read(path, name, axes)
    finally:
        file.seek(at)


def _read(path: Path, name: str, axes: str) -> tuple[Image, ...]:
    adapter = adapter_of(path, adapters_by_suffix())
    options = {"axes": axes} if getattr(adapter, "takes_axes", False) else {}
    try:
        with limited_time(path):
            return tuple(adapter.read(path, **options))
    except InputError as error:
        # The copy is nothing that the user knows.
        raise UnreadableFileError(str(error).replace(str(path), name)) from error
