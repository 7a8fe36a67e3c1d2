"""Functions that numba compiles, and whose machine code is kept on disk."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from numba import njit
from numba.core.dispatcher import Dispatcher

__all__ = ["compiled", "inlined", "keep_compiled"]

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


def keep_compiled(package: str) -> None:
    """Keep the machine code of a library that would compile its functions in every process.

    It is kept as that of `compiled`.

    Parameters
    ----------
    package : str
        Its name; what of it is imported by now is meant.
    """
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == package:
            for function in vars(module).values():
                if isinstance(function, Dispatcher):
                    # Without a place to keep it, it is compiled as before.
                    with suppress(RuntimeError):
                        function.enable_caching()
