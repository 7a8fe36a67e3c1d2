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
import numpy.typing as npt

from equiclust.exceptions import InputError, OutputError

__all__ = [
    "atomic_path",
    "read_arrays",
    "read_json",
    "replace_folder",
    "write_arrays",
    "write_json",
]

Array = npt.NDArray[Any]


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well.

    Raises
    ------
    OutputError
        When the folder cannot be made or written to.
    """
    target = Path(path)
    with _workplace_beside(target) as workplace:
        # The name is kept, since writers choose their format by it.
        draft = workplace / target.name
        yield draft
        os.replace(draft, target)


@contextmanager
def replace_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """An empty folder that takes the place of the folder `path` when the block ends well."""
    target = Path(path)
    with _workplace_beside(target) as workplace:
        draft = workplace / "new"
        draft.mkdir()
        yield draft
        if target.exists():
            # A folder cannot be renamed onto one that is not empty.
            os.replace(target, workplace / "old")
        os.replace(draft, target)


@contextmanager
def _workplace_beside(target: Path) -> Iterator[Path]:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        workplace = Path(tempfile.mkdtemp(prefix=".partial-", dir=target.parent))
    except OSError as error:
        raise OutputError(
            f"cannot write {str(target)!r}: {error.strerror}; choose an output that is writable"
        ) from error
    try:
        yield workplace
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


def write_json(path: str | os.PathLike[str], content: Mapping[str, Any]) -> None:
    """Write `content` as readable JSON; numpy scalars and arrays become numbers and lists."""
    text = json.dumps(content, indent=2, default=_plain, allow_nan=False)
    with atomic_path(path) as draft:
        draft.write_text(text + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in JSON")


def read_json(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Content of a JSON object on disk.

    Raises
    ------
    InputError
        When the file is missing, is not JSON, or holds something else than an object.
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


def write_arrays(path: str | os.PathLike[str], arrays: Mapping[str, Array]) -> None:
    """Write named arrays as safetensors."""
    from safetensors.numpy import save_file

    with atomic_path(path) as draft:
        save_file({name: np.asarray(array, order="C") for name, array in arrays.items()}, draft)


def read_arrays(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Named arrays of a safetensors file; raises `InputError` when it cannot be read."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise InputError(f"cannot read {str(path)!r} as safetensors: {error}") from error
