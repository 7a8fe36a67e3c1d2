"""Calls that take seconds each, side by side in processes, with the result of one process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeAlias

import numpy as np
from joblib import Parallel, cpu_count, delayed, parallel_config
from joblib.parallel import get_active_backend
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # It has no types.

from equiclust.exceptions import InputError
from equiclust.validation import shown

__all__ = ["Call", "at_most", "check_n_jobs", "make_calls"]

Call: TypeAlias = tuple[Callable[..., Any], tuple[Any, ...], Mapping[str, Any]]
"""A function and its arguments, as `joblib.delayed` gives them."""

_LOCAL = "LokyBackend"


def make_calls(calls: Sequence[Call], *, side_by_side: bool) -> list[Any]:
    """Make all calls, each on one thread.

    The order in which threads add up changes the last digits, so one thread each gives the same
    results whatever the number of processes.

    Parameters
    ----------
    calls : sequence of Call
        From `joblib.delayed`; long ones first.
    side_by_side : bool
        Whether they are worth the seconds that processes take to start. There are then as many as
        cores, or as an active `joblib.parallel_config` says; within a process of joblib's, or on
        another of its backends, one.

    Returns
    -------
    list
        What they return, in their order.
    """
    n_jobs = min(len(calls), _n_processes()) if side_by_side else 1
    if n_jobs <= 1:
        return [_on_one_thread(*call) for call in calls]
    # Mapped arrays cannot be written to, and numba would compile its functions for such anew.
    parallel = Parallel(n_jobs=n_jobs, max_nbytes=None)
    return list(parallel(delayed(_on_one_thread)(*call) for call in calls))


def at_most(n_jobs: int | None) -> AbstractContextManager[Any]:
    """Limit the processes of `make_calls` within a block.

    Parameters
    ----------
    n_jobs : int or None
        Processes at a time; None sets no limit.

    Returns
    -------
    context manager
    """
    return nullcontext() if n_jobs is None else parallel_config(n_jobs=n_jobs)


def check_n_jobs(n_jobs: object) -> None:
    """Refuse a number of processes that joblib does not take.

    Parameters
    ----------
    n_jobs : object
        None, or a whole number; joblib counts negative ones from the number of cores.

    Raises
    ------
    InputError
    """
    whole = isinstance(n_jobs, int | np.integer) and not isinstance(n_jobs, bool)
    if n_jobs is not None and not (whole and n_jobs != 0):
        raise InputError(f"n_jobs must be None or a whole number but 0, got {shown(n_jobs)}")


def _n_processes() -> int:
    backend, n_jobs = get_active_backend()
    if type(backend).__name__ != _LOCAL:
        return 1
    return cpu_count() if n_jobs is None else int(backend.effective_n_jobs(n_jobs))


def _on_one_thread(
    function: Callable[..., Any], arguments: tuple[Any, ...], options: Mapping[str, Any]
) -> Any:
    with threadpool_limits(limits=1):
        return function(*arguments, **options)
