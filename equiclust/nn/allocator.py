"""Keep the pages of freed tensors, which glibc would give back only to ask for them again."""

from __future__ import annotations

import ctypes
import logging
import os
import sys
from functools import cache

__all__ = ["keep_freed_memory"]

logger = logging.getLogger(__name__)

# Options of mallopt(3).
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_KEPT_BYTES = 2**30
_PADDING_BYTES = 2**26


@cache
def keep_freed_memory() -> bool:
    """Tell glibc's allocator to keep freed memory for the next tensor.

    By default every large tensor gets fresh pages from the kernel and hands them back, which makes
    training on the CPU several times slower. Nothing is done on other systems, or where the user
    has set one of the `MALLOC_` variables or runs another allocator by `LD_PRELOAD`.

    Returns
    -------
    bool
        Whether the allocator was told.
    """
    chosen = [name for name in os.environ if name.startswith("MALLOC_") or name == "LD_PRELOAD"]
    if sys.platform != "linux" or chosen:
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    options = {_MMAP_MAX: 0, _TRIM_THRESHOLD: _KEPT_BYTES, _TOP_PAD: _PADDING_BYTES}
    told = all(mallopt(option, value) == 1 for option, value in options.items())
    logger.debug("allocator keeps freed memory: %s", told)
    return told
