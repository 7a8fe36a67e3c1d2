"""Images that each member of an ensemble is not trained on."""

from __future__ import annotations

import numpy as np

from equiclust.exceptions import InputError
from equiclust.typing import BoolArray

__all__ = ["fold_masks", "three_tenths"]


def three_tenths(n_folds: int) -> int:
    """Three tenths of the number of folds, rounded, at least 1 and fewer than all.

    Parameters
    ----------
    n_folds : int

    Returns
    -------
    int
        0 for a single fold.
    """
    return min(max(round(0.3 * n_folds), 1), n_folds - 1)


def fold_masks(n: int, n_folds: int, held_out_folds: int, *, random_state: int) -> BoolArray:
    """Images held out from each member.

    The images are split at random into `n_folds` folds whose sizes differ by at most one. Fold `k`
    and the folds that follow it, `held_out_folds` in all, are held out from member `k`, so that
    every image is held out from `held_out_folds` members.

    Parameters
    ----------
    n : int
        Number of images.
    n_folds : int
        Number of folds and of members; nothing is held out from a single member.
    held_out_folds : int
        At least 1 and fewer than `n_folds`.
    random_state : int

    Returns
    -------
    ndarray (n_folds, n), bool
        `True` = held out.

    Raises
    ------
    InputError
        When there are more folds than images, or no fold would be left to train on.
    """
    if n_folds == 1:
        return np.zeros((1, n), dtype=bool)
    if not 2 <= n_folds <= n:
        raise InputError(
            f"n_folds must be from 1 to the number of images, got {n_folds} for {n} images"
        )
    if not 1 <= held_out_folds < n_folds:
        raise InputError(
            f"held_out_folds must be from 1 to {n_folds - 1} for {n_folds} folds, "
            f"got {held_out_folds}"
        )
    fold = np.empty(n, dtype=np.int64)
    fold[np.random.default_rng(random_state).permutation(n)] = np.arange(n) % n_folds
    member = np.arange(n_folds)[:, None]
    return (fold - member) % n_folds < held_out_folds
