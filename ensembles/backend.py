"""Where networks are trained: on this machine, or by the workers of a Dask scheduler."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from equiclust.exceptions import InputError
from equiclust.optional import import_optional

__all__ = ["check_scheduler", "connected", "training_backend"]

_SECONDS_TO_CONNECT = 20


def check_scheduler(address: str | None) -> None:
    """Refuse a scheduler that does not answer, before any work is done.

    Parameters
    ----------
    address : str or None
        Such as ``tcp://host:8786``; None for this machine.

    Raises
    ------
    InputError
        When it cannot be reached.
    MissingPackageError
        When the package distributed is not installed.
    """
    if address is not None:
        connected(address).close()


@contextmanager
def training_backend(address: str | None) -> Iterator[None]:
    """Send joblib's work to the workers of a scheduler, or keep it on this machine.

    Parameters
    ----------
    address : str or None
        Such as ``tcp://host:8786``; None for this machine.

    Yields
    ------
    None

    Raises
    ------
    InputError, MissingPackageError
        As `check_scheduler`.
    """
    if address is None:
        yield
        return
    from joblib import parallel_config

    with connected(address), parallel_config(backend="dask"):
        yield


def connected(address: str) -> Any:
    """A client of a scheduler.

    Parameters
    ----------
    address : str
        Such as ``tcp://host:8786``.

    Returns
    -------
    distributed.Client
        To be closed, as by a ``with`` statement.

    Raises
    ------
    InputError, MissingPackageError
        As `check_scheduler`.
    """
    distributed = import_optional("distributed", extra="cluster", purpose="--scheduler")
    try:
        return distributed.Client(address, timeout=_SECONDS_TO_CONNECT)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot reach the Dask scheduler {address!r}: {error}") from error
