"""How much memory the machine has, and sizes in words."""

from __future__ import annotations

import os
import re

from equiclust.exceptions import InputError

__all__ = ["parse_bytes", "readable_size", "total_memory", "used_memory"]

_PREFIXES = ("k", "M", "G", "T", "P")
_SIZE = re.compile(r"\s*([0-9]*\.?[0-9]+)\s*([KMGT]?)(i?)B?\s*", re.IGNORECASE)


def parse_bytes(text: str) -> int:
    """Bytes of a size such as ``2GB``, ``500 MB`` or ``1.5GiB``.

    Parameters
    ----------
    text : str
        A number with a unit; without one, bytes.

    Returns
    -------
    int
        Bytes.

    Raises
    ------
    InputError
        When the text is not a size.
    """
    found = _SIZE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise InputError(f"max_memory must be a size like 2GB or 500MB, got {text!r}")
    power = "KMGT".find(found[2].upper()) + 1 if found[2] else 0
    return int(float(found[1]) * (1024 if found[3] else 1000) ** power)


def total_memory() -> int | None:
    """Memory of this machine.

    Returns
    -------
    int or None
        Bytes; None where the system does not say.
    """
    try:
        found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
    # What cannot be determined is -1.
    return found if found > 0 else None


def used_memory() -> int | None:
    """Memory that this process takes at the moment.

    Returns
    -------
    int or None
        Bytes; None where the system does not say.
    """
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def readable_size(n_bytes: float) -> str:
    """A number of bytes in words, to three digits.

    Parameters
    ----------
    n_bytes : float
        At least 0; integers may be of any size.

    Returns
    -------
    str
        Such as ``12 bytes`` or ``1.23 GB``, by powers of 1000.
    """
    if n_bytes < 1000:
        return f"{n_bytes:.0f} bytes"
    if n_bytes >= 999.5 * 1000 ** len(_PREFIXES):
        return f"more than 1000 {_PREFIXES[-1]}B"
    power = 0
    # Above that, three digits would be those of the next prefix.
    while n_bytes >= 999.5 and power < len(_PREFIXES):
        n_bytes, power = n_bytes / 1000, power + 1
    return f"{n_bytes:.3g} {_PREFIXES[power - 1]}B"
