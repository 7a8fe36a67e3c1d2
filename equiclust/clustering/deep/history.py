"""What happened during a fit, as a table and smoothed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from equiclust.arguments import check_whole

__all__ = ["history_table", "moving_average"]


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
