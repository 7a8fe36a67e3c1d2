"""Files written whole or not at all, and read without running anything in them."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from equiclust.exceptions import InputError, OutputError
from equiclust.typing import Array, PathLike

__all__ = [
    "atomic_path",
    "read_arrays",
    "read_json",
    "replace_folder",
    "write_arrays",
    "write_json",
]


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
        When the folder cannot be made or written to, or `path` is a folder.
    """
    target = Path(path)
    workspace = _workspace_beside(target)
    try:
        # The name is kept, since writers choose their format by it.
        draft = workspace / target.name
        yield draft
        with _refused(target):
            os.replace(draft, target)
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


@contextmanager
def replace_folder(path: PathLike) -> Iterator[Path]:
    """Empty folder that takes the place of the folder `path` when the block ends without an error.

    Whatever fails, and whenever it is interrupted, `path` is the whole old folder or the whole new
    one afterwards. Should even the attempt to put the old folder back fail, it is kept beside
    `path`, and the error names it.

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
    workspace = _workspace_beside(target)
    draft, old = workspace / "new", workspace / "old"
    try:
        draft.mkdir()
        yield draft
        _check_replaceable(target)
        with _refused(target):
            # A folder cannot be renamed onto one that is not empty.
            if target.exists():
                os.replace(target, old)
            os.replace(draft, target)
    finally:
        # Both run only when nothing is lost: an error here leaves the workspace as it is.
        _put_back(old, target)
        shutil.rmtree(workspace, ignore_errors=True)


def _put_back(old: Path, target: Path) -> None:
    if not old.exists() or os.path.lexists(target):
        return
    try:
        os.replace(old, target)
    except OSError as error:
        raise OutputError(
            f"cannot write {str(target)!r}: {error.strerror or error}; the older folder is kept as "
            f"{str(old)!r}, move it back"
        ) from error


def _check_replaceable(target: Path) -> None:
    if os.path.lexists(target) and not target.is_dir():
        raise OutputError(
            f"cannot write {str(target)!r}: it is there already and is not a folder; choose "
            "another output"
        )


def _workspace_beside(target: Path) -> Path:
    """New empty folder on the same file system, so that a rename within it is atomic."""
    with _refused(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".partial-", dir=target.parent))


@contextmanager
def _refused(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"cannot write {str(target)!r}: {error.strerror or error}; choose an output that is "
            "writable"
        ) from error


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
    OutputError
        When the file cannot be written.
    """
    text = json.dumps(content, indent=2, default=_plain, allow_nan=False)
    with atomic_path(path) as draft:
        draft.write_text(text + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


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
        When the file is missing, is not JSON, or holds anything but an object.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {str(path)!r}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{str(path)!r} is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{str(path)!r} must hold a JSON object, got {type(content).__name__}")
    return content


def write_arrays(path: PathLike, arrays: Mapping[str, Array]) -> None:
    """Write named arrays as safetensors, whole or not at all.

    Parameters
    ----------
    path : path-like
        An older file is replaced.
    arrays : mapping of str to ndarray

    Raises
    ------
    OutputError
        When the file cannot be written.
    """
    from safetensors.numpy import save_file

    with atomic_path(path) as draft:
        save_file({name: np.asarray(array, order="C") for name, array in arrays.items()}, draft)


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
        When the file cannot be read as safetensors.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise InputError(f"cannot read {str(path)!r} as safetensors: {error}") from error
