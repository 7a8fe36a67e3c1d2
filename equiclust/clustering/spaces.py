"""Spaces of a latent: the parts that different encoders made, each with the same weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from equiclust.exceptions import InputError
from equiclust.typing import Float64Array, IntArray

__all__ = ["ALL", "check_spaces", "space_columns", "space_scales"]

ALL = "all"
"""Name of all spaces side by side."""

Spaces = Mapping[str, Sequence[int]]


def check_spaces(spaces: Spaces | None, n_columns: int) -> dict[str, list[int]]:
    """Check that spaces share the columns of the latents among them.

    Parameters
    ----------
    spaces : mapping of str to sequence of int, or None
        Columns by the name of the space; None for a single one.
    n_columns : int

    Returns
    -------
    dict of str to list of int
        With "all" as the name of the only space where there is none.

    Raises
    ------
    InputError
        When a column is missing, or in two spaces.
    """
    if spaces is None:
        return {ALL: list(range(n_columns))}
    if not isinstance(spaces, Mapping):
        raise InputError(f"spaces must map names to columns, got {type(spaces).__name__}")
    try:
        found = {str(name): [int(column) for column in own] for name, own in spaces.items()}
    except (TypeError, ValueError):
        raise InputError("spaces must map names to lists of columns") from None
    columns = sorted(column for own in found.values() for column in own)
    if columns != list(range(n_columns)):
        raise InputError(
            f"spaces must hold each of the {n_columns} columns once, got {len(columns)} columns"
        )
    return found


def space_scales(points: Float64Array, spaces: Spaces) -> Float64Array:
    """Root of the mean squared length in each space, repeated for each of its columns.

    Parameters
    ----------
    points : ndarray (n, d)
        Centred.
    spaces : mapping of str to sequence of int

    Returns
    -------
    ndarray (d,)
        1 where nothing varies.
    """
    scales = np.ones(points.shape[1])
    for columns in spaces.values():
        length = float(np.sqrt(np.square(points[:, columns]).sum(axis=1).mean()))
        scales[list(columns)] = length if length > 0 else 1.0
    return scales


def space_columns(spaces: Spaces, name: str) -> IntArray:
    """Columns of a space.

    Parameters
    ----------
    spaces : mapping of str to sequence of int
    name : str
        Of one of them, or "all".

    Returns
    -------
    ndarray (q,), int
    """
    if name in spaces:
        return np.asarray(spaces[name], dtype=np.int64)
    return np.arange(sum(len(columns) for columns in spaces.values()))
