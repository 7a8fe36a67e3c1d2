"""Adapters of all installed packages, found by the ending of a file's name."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from data_adapters.adapter import Adapter

__all__ = ["GROUP", "adapters_by_suffix", "known_suffix"]

logger = logging.getLogger(__name__)

GROUP = "equiclust.adapters"
# The built-in adapters, one for each family of formats. They are named in pyproject.toml as well;
# here, so that they are found when the package runs from a folder without metadata.
BUILT_IN = (
    EntryPoint("fits", "data_adapters.fits:FitsAdapter", GROUP),
    EntryPoint("pictures", "data_adapters.pictures:PictureAdapter", GROUP),
    EntryPoint("tiff", "data_adapters.tiff:TiffAdapter", GROUP),
    EntryPoint("arrays", "data_adapters.arrays:ArrayAdapter", GROUP),
)


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


def known_suffix(path: Path, suffixes: Iterable[str]) -> str:
    """Longest of the suffixes in which the name of a file ends.

    Parameters
    ----------
    path : Path
    suffixes : iterable of str
        With the dot and in lower case.

    Returns
    -------
    str
        Empty when the name ends in none of them, or is a suffix alone.
    """
    name = path.name.lower()
    return max((s for s in suffixes if name.endswith(s) and name != s), key=len, default="")


def _by_suffix(points: Iterable[EntryPoint]) -> dict[str, Adapter]:
    found: dict[str, Adapter] = {}
    for point in points:
        # Someone else's package may fail in any way, and must not take the others with it.
        try:
            adapter = point.load()()
            _check(adapter)
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


def _check(adapter: object) -> None:
    if not isinstance(adapter, Adapter):
        raise TypeError("it must have suffixes and read")
    suffixes = adapter.suffixes
    if isinstance(suffixes, str) or not all(s.startswith(".") and s.islower() for s in suffixes):
        raise ValueError(f"suffixes must be endings like ('.fits',), got {suffixes!r}")
