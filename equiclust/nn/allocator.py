"""Whether glibc keeps freed memory for the next tensor, which makes training faster, or not."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import sys
from functools import cache

__all__ = ["keep_freed_memory", "return_freed_memory"]

logger = logging.getLogger(__name__)

# Options of mallopt(3).
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_KEPT_BYTES = 2**30
_PADDING_BYTES = 2**26


@cache
def keep_freed_memory() -> bool:
    """Let glibc's allocator keep freed memory of this process for the next tensor.

    By default every large tensor gets fresh pages from the kernel and returns them, which makes
    training on the CPU several times slower. The setting holds for the whole process and cannot be
    undone, so the library never makes it in the process of its user: a program does at its start,
    as the command line ``equiclust`` and the processes that train the members of an ensemble do.
    The environment variables ``MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=1073741824
    MALLOC_TOP_PAD_=67108864``, set before Python starts, do the same.

    Nothing is done on other systems than Linux, without glibc, or where the user has set a variable
    whose name begins with ``MALLOC_``, or another allocator by ``LD_PRELOAD``.

    Returns
    -------
    bool
        Whether the allocator has accepted the settings.

    Examples
    --------
    >>> from equiclust.nn import keep_freed_memory
    >>> accepted = keep_freed_memory()
    """
    chosen = [name for name in os.environ if name.startswith("MALLOC_") or name == "LD_PRELOAD"]
    if sys.platform != "linux" or chosen:
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    options = {_MMAP_MAX: 0, _TRIM_THRESHOLD: _KEPT_BYTES, _TOP_PAD: _PADDING_BYTES}
    accepted = all(mallopt(option, value) == 1 for option, value in options.items())
    logger.debug("the allocator keeps freed memory: %s", accepted)
    return accepted


def return_freed_memory() -> None:
    """Return memory that is kept but not used to the system, where the C library can do it."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
