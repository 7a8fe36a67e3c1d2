"""What happened during a fit, as a table and smoothed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from equiclust.optional import import_optional
from equiclust.validation import check_whole

__all__ = ["Listener", "Record", "RecordLog", "history_table", "moving_average"]


def moving_average(values: npt.ArrayLike, window: int) -> npt.NDArray[np.float64]:
    """Mean of each value and of those before it, `window` in all; fewer at the beginning.

    What is not a number is left out; where nothing else is in the window, the mean is none either.

    Parameters
    ----------
    values : array-like (n,)
    window : int
        At least 1.

    Returns
    -------
    ndarray (n,)

    Raises
    ------
    InputError
        When the window is below 1.
    """
    check_whole("window", window)
    given = np.asarray(values, dtype=np.float64)
    known = np.isfinite(given)
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, given, 0.0))])
    counts = np.concatenate([[0], np.cumsum(known)])
    last = np.arange(1, len(given) + 1)
    first = np.maximum(last - window, 0)
    n = counts[last] - counts[first]
    nothing = np.full(len(given), np.nan)
    return np.asarray(np.divide(sums[last] - sums[first], n, out=nothing, where=n > 0))


def history_table(
    records: Sequence[Mapping[str, float]], *, window: int | None = None
) -> dict[str, npt.NDArray[np.float64]]:
    """Records as columns, NaN where a record lacks a name; with their moving averages beside.

    Parameters
    ----------
    records : sequence of mapping
        Such as `DeepEmbeddedClustering.history_`.
    window : int, optional
        Adds a column ``NAME (mean of WINDOW)`` for each but the first, which counts.

    Returns
    -------
    dict of str to ndarray (n,)
        Ready for `astropy.table.Table` or `pandas.DataFrame`.
    """
    names = list(dict.fromkeys(name for record in records for name in record))
    columns = {
        name: np.array([record.get(name, np.nan) for record in records], dtype=np.float64)
        for name in names
    }
    if window is None:
        return columns
    smooth = {
        f"{name} (mean of {window})": moving_average(columns[name], window) for name in names[1:]
    }
    return columns | smooth


Record = dict[str, float]
Listener = Callable[[Record], None]


class RecordLog:
    """Writes every record that passes by for TensorBoard; without a folder it only passes them on.

    Parameters
    ----------
    folder : path, optional

    Raises
    ------
    MissingPackageError
        When there is a folder, but TensorBoard is not installed.
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
    tensorboard = import_optional(
        "torch.utils.tensorboard", package="tensorboard", extra="watch", purpose="log_folder"
    )
    return tensorboard.SummaryWriter(os.fspath(folder))
