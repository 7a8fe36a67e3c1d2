"""Adapters of all installed packages, found by the ending of a file's name."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from data_adapters.adapter import Adapter
from equiclust.typing import PathLike

__all__ = [
    "FOLDERS",
    "GROUP",
    "adapter_of",
    "adapters_by_suffix",
    "check_suffixes",
    "is_folder_of_images",
    "known_suffix",
    "suffix_of_content",
]

logger = logging.getLogger(__name__)

GROUP = "equiclust.adapters"

FOLDERS = {
    ".zarr": "",
    **dict.fromkeys(
        (".image", ".im", ".image.pbcor", ".image.tt0", ".image.tt0.pbcor"), "table.dat"
    ),
}
"""How names of folders end that are read as if each were one file, and a file that is in these."""

# The built-in adapters, one for each family of formats. They are named in pyproject.toml as well;
# here, so that they are found when the package runs from a folder without metadata.
BUILT_IN = (
    EntryPoint("fits", "data_adapters.fits:FitsAdapter", GROUP),
    EntryPoint("pictures", "data_adapters.pictures:PictureAdapter", GROUP),
    EntryPoint("tiff", "data_adapters.tiff:TiffAdapter", GROUP),
    EntryPoint("arrays", "data_adapters.arrays:ArrayAdapter", GROUP),
    EntryPoint("zarr", "data_adapters.zarr_stores:ZarrAdapter", GROUP),
    EntryPoint("casa", "data_adapters.casa:CasaAdapter", GROUP),
    EntryPoint("hdf5", "data_adapters.hdf5_images:Hdf5Adapter", GROUP),
    EntryPoint("asdf", "data_adapters.asdf_images:AsdfAdapter", GROUP),
)

# How files begin, and a suffix of those that are read so.
_CONTENT = {
    **dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), ".tif"),
    **dict.fromkeys((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM"), ".png"),
    b"SIMPLE  =": ".fits",
    b"\x93NUMPY": ".npy",
    b"\x89HDF\r\n\x1a\n": ".h5",
    b"#ASDF ": ".asdf",
}
# Containers of many formats, which only tell what a file without a name is.
_CONTAINERS = {b"PK\x03\x04": ".npz", b"\x1f\x8b": ".fits.gz", b"BZh": ".fits.bz2"}


@cache
def adapters_by_suffix() -> Mapping[str, Adapter]:
    """Adapter of every suffix; those of other packages are preferred to those of this one.

    Returns
    -------
    mapping of str to Adapter
        By suffix with the dot and in lower case, such as ``.fits``.
    """
    own = {point.value for point in BUILT_IN}
    published = [point for point in entry_points(group=GROUP) if point.value not in own]
    return _by_suffix((*sorted(published, key=lambda point: point.name), *BUILT_IN))


def adapter_of(path: Path, adapters: Mapping[str, Adapter]) -> Adapter:
    """Adapter that reads a file: by its name, or by its content where that is of another family.

    Parameters
    ----------
    path : Path
        Its name ends in one of the suffixes.
    adapters : mapping of str to Adapter
        By suffix, from `adapters_by_suffix`.

    Returns
    -------
    Adapter
        Another package's own where it reads the suffix, whatever the content.
    """
    named = adapters[known_suffix(path, adapters)]
    if not _is_built_in(named):
        return named
    try:
        with path.open("rb") as file:
            start = file.read(max(map(len, _CONTENT)))
    except OSError:
        return named
    found = next((end for magic, end in _CONTENT.items() if start.startswith(magic)), "")
    other = adapters.get(found, named)
    return other if _is_built_in(other) else named


def suffix_of_content(start: bytes) -> str:
    """How a file would be called that begins so.

    Parameters
    ----------
    start : bytes

    Returns
    -------
    str
        A suffix such as ``.fits``; empty where the beginning says nothing.
    """
    known = {**_CONTENT, **_CONTAINERS}
    return next((end for magic, end in known.items() if start.startswith(magic)), "")


def _is_built_in(adapter: Adapter) -> bool:
    kind = type(adapter)
    return f"{kind.__module__}:{kind.__name__}" in {point.value for point in BUILT_IN}


def is_folder_of_images(path: PathLike, suffixes: Iterable[str]) -> bool:
    """Whether a path is a folder that one of the adapters reads as if it were one file.

    Parameters
    ----------
    path : str or Path
    suffixes : iterable of str
        Of the adapters, with the dot and in lower case.

    Returns
    -------
    bool
    """
    name = os.fspath(path)
    suffix = known_suffix(name.rstrip(os.sep), FOLDERS)
    if not suffix or suffix not in suffixes or not os.path.isdir(name):
        return False
    return os.path.exists(os.path.join(name, FOLDERS[suffix]))


def known_suffix(path: PathLike, suffixes: Iterable[str]) -> str:
    """Longest of the suffixes in which the name of a file ends.

    Parameters
    ----------
    path : str or Path
    suffixes : iterable of str
        With the dot and in lower case.

    Returns
    -------
    str
        Empty when the name ends in none of them, or is a suffix alone.
    """
    name = os.path.basename(path).lower()
    return max((s for s in suffixes if name.endswith(s) and name != s), key=len, default="")


def _by_suffix(points: Iterable[EntryPoint]) -> dict[str, Adapter]:
    found: dict[str, Adapter] = {}
    for point in points:
        # Someone else's package may fail in any way, and must not take the others with it.
        try:
            adapter = point.load()()
            check_suffixes(adapter)
        except Exception as error:
            logger.warning(
                "adapter %s (%s) is left out: %s: %s",
                point.name,
                point.value,
                type(error).__name__,
                error,
            )
            continue
        for suffix in adapter.suffixes:
            found.setdefault(suffix, adapter)
    return found


def check_suffixes(adapter: object) -> None:
    """Refuse what is no adapter.

    Parameters
    ----------
    adapter : object

    Raises
    ------
    TypeError
        When it has no `suffixes` or no `read`.
    ValueError
        When `suffixes` are no endings of file names.
    """
    if not isinstance(adapter, Adapter):
        raise TypeError("it must have suffixes and read")
    suffixes = adapter.suffixes
    if isinstance(suffixes, str) or not all(s.startswith(".") and s.islower() for s in suffixes):
        raise ValueError(f"suffixes must be endings like ('.fits',), got {suffixes!r}")
