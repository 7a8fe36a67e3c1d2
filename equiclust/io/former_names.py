"""Runs of earlier versions by present names: what is `stability` now was called `confidence`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from equiclust.io.atomic import read_json
from equiclust.io.catalogue import read_table
from equiclust.typing import PathLike

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["read_catalogue", "read_metrics"]

_FORMER, _PRESENT = "confidence", "stability"


def read_catalogue(path: PathLike) -> Table:
    """Read the catalogue of a run of this version or an earlier one.

    Parameters
    ----------
    path : path-like
        `catalogue.ecsv` or `catalogue.fits`.

    Returns
    -------
    astropy.table.Table
        With a column `stability` where an earlier version wrote `confidence`.

    Raises
    ------
    InputError
        When there is no table.
    """
    table = read_table(path)
    if _FORMER in table.colnames and _PRESENT not in table.colnames:
        table.rename_column(_FORMER, _PRESENT)
    return table


def read_metrics(path: PathLike) -> dict[str, Any]:
    """Read the `metrics.json` of a run of this version or an earlier one.

    Parameters
    ----------
    path : path-like
        Of the file.

    Returns
    -------
    dict
        With an entry `stability` where an earlier version wrote `confidence`.

    Raises
    ------
    InputError
        When the file is missing or damaged.
    """
    metrics = read_json(path)
    if _FORMER in metrics and _PRESENT not in metrics:
        metrics = {_PRESENT if name == _FORMER else name: metrics[name] for name in metrics}
    return metrics
