"""Records on their way to TensorBoard."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from equiclust.exceptions import InputError

__all__ = ["Listener", "Record", "RecordLog"]

Record = dict[str, float]
Listener = Callable[[Record], None]


class RecordLog:
    """Writes every record that passes by for TensorBoard; without a folder it only passes them on.

    Parameters
    ----------
    folder : path, optional

    Raises
    ------
    InputError
        When there is a folder but no TensorBoard.
    """

    def __init__(self, folder: str | os.PathLike[str] | None) -> None:
        self._writer = None if folder is None else _writer(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.close()

    def also(self, prefix: str, listener: Listener | None) -> Listener:
        """A listener that logs a record under `prefix/NAME`, then tells another one.

        The first number of a record counts: it is the abscissa of the others.
        """

        def hear(record: Record) -> None:
            if self._writer is not None:
                _write(self._writer, prefix, record)
            if listener is not None:
                listener(record)

        return hear


def _write(writer: Any, prefix: str, record: Mapping[str, float]) -> None:
    (_, count), *others = record.items()
    for name, value in others:
        writer.add_scalar(f"{prefix}/{name}", value, int(count))
    writer.flush()


def _writer(folder: str | os.PathLike[str]) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise InputError(
            f"log_folder is {os.fspath(folder)!r}, but TensorBoard is not installed; "
            "pip install equiclust[watch], or leave log_folder out"
        ) from error
    return SummaryWriter(os.fspath(folder))
