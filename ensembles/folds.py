"""Which images a member of the jury never sees."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from equiclust.exceptions import InputError

__all__ = ["fold_masks", "three_tenths"]


def three_tenths(n_folds: int) -> int:
    """Folds that a member does not see unless told: three tenths of them, at least one of two."""
    return min(max(round(0.3 * n_folds), 1), n_folds - 1)


def fold_masks(
    n: int, n_folds: int, held_out_folds: int, *, random_state: int
) -> npt.NDArray[np.bool_]:
    """Images held out from each member.

    The images are dealt into `n_folds` folds of like size. Member `k` does not train on fold `k`
    and the folds that follow it, `held_out_folds` in all, so that every image has as many members
    that never saw it, and all the others that did.

    Parameters
    ----------
    n : int
        How many images.
    n_folds : int
        How many members; one member holds nothing out.
    held_out_folds : int
        Fewer than `n_folds`.
    random_state : int

    Returns
    -------
    ndarray (n_folds, n), bool
        `True` = held out.

    Raises
    ------
    InputError
        When there are more folds than images, or nothing would be left to train on.
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
