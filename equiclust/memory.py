"""How much memory the machine has, and sizes in words."""

from __future__ import annotations

import os

__all__ = ["readable_size", "total_memory"]

_PREFIXES = ("k", "M", "G", "T", "P")


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
