"""Files written whole or not at all, and read without running anything in them."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError, OutputError
from equiclust.io.regular_files import open_regular, read_regular
from equiclust.io.staging import staged, staged_together, sync
from equiclust.typing import Array, PathLike

__all__ = [
    "atomic_path",
    "read_arrays",
    "read_json",
    "replace_folder",
    "write_arrays",
    "write_json",
]

_MOST_BYTES_OF_JSON = 1 << 28


@contextmanager
def atomic_path(path: PathLike) -> Iterator[Path]:
    """Temporary path beside `path` that takes its place when the block ends without an error.

    Parameters
    ----------
    path : path-like
        File to write. Its folder is made when missing, and an older file is replaced.

    Yields
    ------
    Path
        Where the block has to write the file. It has the same name, in another folder.

    Raises
    ------
    OutputError
        When the folder cannot be made or written to, is full, or `path` is a folder.
    """
    target = Path(path)
    with staged(target) as drafts:
        # The name is kept, since writers choose their format by it.
        draft = drafts / target.name
        yield draft
        sync(drafts)
        os.replace(draft, target)


@contextmanager
def replace_folder(path: PathLike) -> Iterator[Path]:
    """Empty folder that takes the place of the folder `path` when the block ends without an error.

    Whatever fails, and whenever it is interrupted, `path` is the whole old folder or the whole new
    one afterwards. Should even the attempt to put the old folder back fail, it is kept beside
    `path`, and the error names it. If the process is killed, `equiclust.io.staging.recover` puts
    it back.

    Parameters
    ----------
    path : path-like
        Folder to write; made with its parents when missing.

    Yields
    ------
    Path
        The new folder, for the block to fill.

    Raises
    ------
    OutputError
        When `path` is a file, or cannot be written.
    """
    target = Path(path)
    _check_replaceable(target)
    with staged_together(target.parent, [target.name]) as drafts:
        draft = drafts / target.name
        draft.mkdir()
        yield draft
        _check_replaceable(target)


def _check_replaceable(target: Path) -> None:
    if os.path.lexists(target) and not target.is_dir():
        raise OutputError(
            f"cannot write {str(target)!r}: it is there already and is not a folder; choose "
            "another output"
        )


@checks_types
def write_json(path: PathLike, content: Mapping[str, Any]) -> None:
    """Write a mapping as indented JSON, whole or not at all.

    Parameters
    ----------
    path : path-like
        An older file is replaced.
    content : mapping
        NumPy scalars and arrays become numbers and lists, paths become text.

    Raises
    ------
    InputError
        When a number in it is not finite.
    OutputError
        When the file cannot be written.
    """
    try:
        text = json.dumps(content, indent=2, default=_plain, allow_nan=False)
    except ValueError as error:
        raise InputError(
            f"cannot write {str(path)!r}: a number in it is not finite ({error})"
        ) from error
    with atomic_path(path) as draft:
        draft.write_text(text + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


@checks_types
def read_json(path: PathLike) -> dict[str, Any]:
    """Read a JSON object.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    dict

    Raises
    ------
    InputError
        When the file is missing, is no regular file of at most 256 MiB, is not JSON, or holds
        anything but an object of finite numbers.
    """
    found = read_regular(path, _MOST_BYTES_OF_JSON)
    try:
        text = found.decode("utf-8")
        content = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError as error:
        raise InputError(f"{str(path)!r} is not JSON that can be read: nested too deep") from error
    except ValueError as error:
        raise InputError(f"{str(path)!r} is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{str(path)!r} must hold a JSON object, got {type(content).__name__}")
    return content


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"it holds {name}, where only finite numbers may stand")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"it holds {text}, where only finite numbers may stand")
    return value


@checks_types
def write_arrays(path: PathLike, arrays: Mapping[str, Array]) -> None:
    """Write named arrays as safetensors, whole or not at all.

    Parameters
    ----------
    path : path-like
        An older file is replaced.
    arrays : mapping of str to ndarray
        Finite.

    Raises
    ------
    InputError
        When a value is not finite.
    OutputError
        When the file cannot be written.
    """
    from safetensors.numpy import save

    for name, array in arrays.items():
        if not _is_finite(array):
            raise InputError(
                f"cannot write {str(path)!r}: the array {name!r} holds values that are not finite"
            )
    content = save({name: np.asarray(array, order="C") for name, array in arrays.items()})
    with atomic_path(path) as draft:
        # By Python, whose errors of the file system have a number.
        draft.write_bytes(content)


def _is_finite(array: Array) -> bool:
    return array.dtype.kind not in "fc" or bool(np.isfinite(array).all())


@checks_types
def read_arrays(path: PathLike) -> dict[str, Array]:
    """Read named arrays from a safetensors file.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    InputError
        When the file cannot be read as safetensors, or a value is not finite.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    # The library itself would wait for a named pipe.
    open_regular(path).close()
    try:
        arrays = dict(load_file(path))
    # Types that NumPy lacks are a KeyError there.
    except (OSError, SafetensorError, ValueError, TypeError, KeyError, MemoryError) as error:
        raise InputError(f"cannot read {str(path)!r} as safetensors: {error}") from error
    for name, array in arrays.items():
        if not _is_finite(array):
            raise InputError(
                f"cannot use {str(path)!r}: the array {name!r} must hold finite values; restore it"
            )
    return arrays
