"""HDF5 files: opening them, what their errors say, and what of them can be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from equiclust.exceptions import EquiclustError, InputError, UnreadableFileError
from equiclust.optional import import_optional

__all__ = [
    "DAMAGE",
    "check_filters",
    "check_sources",
    "damage_told",
    "open_file",
    "reason_of_hdf5",
    "text_of",
]

# What HDF5 itself provides.
_BUILT_IN_FILTERS = (1, 2, 3)
DAMAGE = (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError)
"""What h5py raises of files that are damaged."""


def open_file(path: Path) -> Any:
    """Open an HDF5 file to be read.

    Parameters
    ----------
    path : Path

    Returns
    -------
    h5py.File

    Raises
    ------
    UnreadableFileError
        When it is none, or damaged.
    MissingPackageError
        When h5py or hdf5plugin is not installed.
    """
    h5py = import_optional("h5py", extra="frames", purpose="reading HDF5 files")
    # It registers the compressions of detectors when it is imported.
    import_optional("hdf5plugin", extra="frames", purpose="reading HDF5 files")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise UnreadableFileError(f"cannot read {str(path)!r}: {_open_reason(error)}") from error


def _open_reason(error: OSError) -> str:
    text = str(error)
    if "truncated" in text:
        return "the HDF5 file is truncated; copy it again, or wait until it is written"
    if "signature not found" in text:
        return "it is not an HDF5 file"
    return error.strerror or reason_of_hdf5(error)


def reason_of_hdf5(error: BaseException) -> str:
    """What HDF5 says, without its stack of calls.

    Parameters
    ----------
    error : BaseException

    Returns
    -------
    str
    """
    text = " ".join(str(error.args[0] if error.args else error).split())
    found = re.search(r"\(([^()]*(?:\([^()]*\)[^()]*)*)\)\s*$", text)
    return found[1] if found else text or type(error).__name__


@contextmanager
def damage_told(path: Path, name: str = "") -> Iterator[None]:
    """Turn whatever HDF5 raises into one sentence.

    Parameters
    ----------
    path : Path
    name : str, default ""
        Of a data set in the file.

    Yields
    ------
    None

    Raises
    ------
    UnreadableFileError
    """
    try:
        yield
    except EquiclustError:
        raise
    except DAMAGE as error:
        what = f"{name!r} of {str(path)!r}" if name else repr(str(path))
        raise UnreadableFileError(f"cannot read {what}: {reason_of_hdf5(error)}") from error


def text_of(value: Any) -> str | None:
    """Text of an attribute.

    Parameters
    ----------
    value : object

    Returns
    -------
    str or None
        None where it is no text.
    """
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value if isinstance(value, str) else None


def check_filters(path: Path, name: str, dataset: Any) -> None:
    """Refuse a data set that nothing here can unpack.

    Parameters
    ----------
    path : Path
    name : str
    dataset : h5py.Dataset

    Raises
    ------
    InputError
    """
    h5py = import_optional("h5py", extra="frames", purpose="reading HDF5 files")
    plist = dataset.id.get_create_plist()
    for number in range(plist.get_nfilters()):
        code, _, _, label = plist.get_filter(number)
        if code not in _BUILT_IN_FILTERS and not h5py.h5z.filter_avail(code):
            said = label.decode(errors="replace") or "without a name"
            raise InputError(
                f"{name!r} of {str(path)!r} is compressed by the HDF5 filter {code} ({said}), for "
                "which there is no plugin; install one in HDF5_PLUGIN_PATH"
            )


def check_sources(path: Path, name: str, dataset: Any) -> None:
    """Refuse a virtual data set that lacks files: HDF5 would fill in zeros without a word.

    Parameters
    ----------
    path : Path
    name : str
    dataset : h5py.Dataset

    Raises
    ------
    UnreadableFileError
    """
    if not dataset.is_virtual:
        return
    for source in dataset.virtual_sources():
        if source.file_name != "." and not (path.parent / source.file_name).is_file():
            raise UnreadableFileError(
                f"{name!r} of {str(path)!r} is virtual, and its source {source.file_name!r} is "
                "missing; put it beside the file"
            )
