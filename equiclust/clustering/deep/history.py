"""What happened during a fit, as a table and smoothed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from equiclust.exceptions import InputError

__all__ = ["history_table", "moving_average"]


def moving_average(values: npt.ArrayLike, window: int) -> npt.NDArray[np.float64]:
    """Mean of each value and of those before it, `window` in all; fewer at the beginning.

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
    if window < 1:
        raise InputError(f"window must be at least 1, got {window!r}")
    given = np.asarray(values, dtype=np.float64)
    sums = np.concatenate([[0.0], np.cumsum(given)])
    last = np.arange(1, len(given) + 1)
    first = np.maximum(last - window, 0)
    return np.asarray((sums[last] - sums[first]) / (last - first))


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
