"""Records of a fit, as a table and for TensorBoard."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.optional import import_optional
from equiclust.typing import Float32Array, Float64Array, IntArray, PathLike
from equiclust.validation import check_array, check_whole

__all__ = ["Frame", "Listener", "Record", "RecordLog", "history_table", "moving_average"]

Record = dict[str, float]
Listener = Callable[[Record], None]


@dataclass(frozen=True, eq=False)
class Frame:
    """The latents of some samples at one step of the training.

    Attributes
    ----------
    step : int
        Steps done before.
    latents : ndarray (m, d), float32
        As the network gives them.
    labels : ndarray (m,), int
        Their clusters.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust.clustering.deep import Frame
    >>> from equiclust.report import write_latent_animation
    >>> latents = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    >>> labels = (latents[:, 0] > 0).astype(int)
    >>> frames = [Frame(step, latents + step * labels[:, None], labels) for step in (0, 5)]
    >>> write_latent_animation(frames, "training.gif")
    """

    step: int
    latents: Float32Array
    labels: IntArray


@checks_types
def moving_average(values: npt.ArrayLike, window: int) -> Float64Array:
    """Mean of each value and the `window - 1` before it, or fewer at the start.

    Values that are not finite are left out.

    Parameters
    ----------
    values : array-like (n,)
        In order.
    window : int
        Number of values, at least 1.

    Returns
    -------
    ndarray (n,)
        NaN where no value in the window is finite.

    Raises
    ------
    InputError
        When the window is below 1, or the values are not numbers of one axis.

    Examples
    --------
    >>> from equiclust.clustering.deep import moving_average
    >>> moving_average([4.0, 2.0, 0.0, 1.0], 2)
    array([4. , 3. , 1. , 0.5])
    """
    check_whole("window", window)
    given = check_array("values", values).astype(np.float64)
    if given.ndim != 1:
        raise InputError(f"values must have shape (n,), got {given.shape}")
    known = np.isfinite(given)
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, given, 0.0))])
    counts = np.concatenate([[0], np.cumsum(known)])
    last = np.arange(1, len(given) + 1)
    first = np.maximum(last - min(window, len(given)), 0)
    n = counts[last] - counts[first]
    nothing = np.full(len(given), np.nan)
    return np.asarray(np.divide(sums[last] - sums[first], n, out=nothing, where=n > 0))


@checks_types
def history_table(
    records: Sequence[Mapping[str, float]], *, window: int | None = None
) -> dict[str, Float64Array]:
    """Turn the records of a training into the columns of a table.

    Parameters
    ----------
    records : sequence of mapping
        Such as `DeepEmbeddedClustering.history_`.
    window : int, optional
        Adds the moving average of every column but the first, the step or epoch, under the name
        ``NAME (mean of WINDOW)``.

    Returns
    -------
    dict of str to ndarray (n,)
        For `astropy.table.Table` or `pandas.DataFrame`; NaN where a record lacks a value.

    Examples
    --------
    >>> from equiclust.clustering.deep import history_table
    >>> history = [{"step": 0, "loss": 4.0}, {"step": 10, "loss": 2.0}]
    >>> history_table(history, window=2)
    {'step': array([ 0., 10.]), 'loss': array([4., 2.]), 'loss (mean of 2)': array([4., 3.])}
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


class RecordLog:
    """Writes records for TensorBoard.

    Parameters
    ----------
    folder : path or None
        Where TensorBoard reads them; nothing is written if None.

    Raises
    ------
    MissingPackageError
        When there is a folder, but TensorBoard is not installed.
    """

    def __init__(self, folder: PathLike | None) -> None:
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

    def listener(self, prefix: str, then: Listener | None = None) -> Listener:
        """A function that writes a record.

        Parameters
        ----------
        prefix : str
            Values are written as ``PREFIX/NAME`` over the first value, the step or epoch.
        then : callable, optional
            Called with the record afterwards.

        Returns
        -------
        callable
            Takes a record.
        """

        def write(record: Record) -> None:
            if self._writer is not None:
                _write(self._writer, prefix, record)
            if then is not None:
                then(record)

        return write


def _write(writer: Any, prefix: str, record: Mapping[str, float]) -> None:
    (_, step), *others = record.items()
    for name, value in others:
        writer.add_scalar(f"{prefix}/{name}", value, int(step))
    writer.flush()


def _writer(folder: PathLike) -> Any:
    tensorboard = import_optional(
        "torch.utils.tensorboard", package="tensorboard", extra="watch", purpose="log_folder"
    )
    return tensorboard.SummaryWriter(os.fspath(folder))
