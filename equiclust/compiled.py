"""Functions that numba compiles, and whose machine code is kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

__all__ = ["compiled", "inlined"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def inlined(function: _Function, **options: Any) -> _Function:
    """Compile a function that compiled ones of the same file call.

    Parameters
    ----------
    function : callable
    **options
        Of `numba.njit`.

    Returns
    -------
    callable
        It holds no lock of Python while it runs.
    """
    made: _Function = njit(nogil=True, **options)(function)
    return made


def compiled(function: _Function, **options: Any) -> _Function:
    """Compile a function at its first call, and keep its machine code for other processes.

    It is kept beside the file of the function, or where that cannot be written to in the user's
    folder for such things (`NUMBA_CACHE_DIR` names another); where there is no such place either,
    every process compiles it anew, which takes a second.

    Parameters
    ----------
    function : callable
    **options
        Of `numba.njit`.

    Returns
    -------
    callable
        It holds no lock of Python while it runs.
    """
    try:
        made: _Function = njit(nogil=True, cache=True, **options)(function)
    except RuntimeError:
        made = inlined(function, **options)
    return made
