"""What all simulated sets share: balanced classes, a seed per image, checks and truth tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from equiclust.exceptions import InputError
from equiclust.validation import check_whole

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = [
    "RandomState",
    "balanced_classes",
    "check_classes",
    "check_set",
    "image_seeds",
    "root_seed",
    "truth_table",
]

# Images of one call; more than that are made by several.
_MOST = 10**7

RandomState = int | np.random.Generator | np.random.RandomState | None


def root_seed(random_state: RandomState) -> int:
    """Seed of a set, from which all its other seeds follow.

    Parameters
    ----------
    random_state : int, Generator, RandomState or None

    Returns
    -------
    int

    Raises
    ------
    InputError
        When `random_state` is of another type.
    """
    if isinstance(random_state, int | np.integer) and random_state >= 0:
        return int(random_state)
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31))
    if random_state is None or isinstance(random_state, np.random.Generator):
        return int(np.random.default_rng(random_state).integers(2**62))
    raise InputError(
        "random_state must be None, a whole number from 0, a Generator or a RandomState, "
        f"got {random_state!r}"
    )


def balanced_classes(classes: Sequence[str], n: int, root: int) -> list[str]:
    """Classes of the images of a set, balanced and shuffled.

    They are shuffled block by block: the first ones do not depend on `n`.

    Parameters
    ----------
    classes : sequence of str
        Classes to draw from.
    n : int
        Number of images.
    root : int
        Seed of the set.

    Returns
    -------
    list of str
        One for each image.
    """
    rng = np.random.default_rng([root, 0])
    order: list[str] = []
    while len(order) < n:
        order.extend(classes[i] for i in rng.permutation(len(classes)))
    return order[:n]


def image_seeds(n: int, root: int) -> list[int]:
    """Seeds of the images of a set; the first ones do not depend on `n`.

    Parameters
    ----------
    n : int
        Number of images.
    root : int
        Seed of the set.

    Returns
    -------
    list of int
        One for each image.
    """
    return [int(seed) for seed in np.random.default_rng([root, 1]).integers(2**62, size=n)]


def check_classes(classes: Sequence[str], known: Sequence[str]) -> None:
    """Check that classes are known and differ.

    Parameters
    ----------
    classes : sequence of str
    known : sequence of str
        Legal classes.

    Raises
    ------
    InputError
        When one is unknown or occurs twice, or there is none.
    """
    unknown = [class_name for class_name in classes if class_name not in known]
    if unknown or len(classes) == 0 or len(set(classes)) < len(classes):
        raise InputError(
            f"classes must be different ones of {', '.join(known)}, got {list(classes)}"
        )


def check_set(n: int, size: int, snr: tuple[float, float]) -> None:
    """Check the number, size and signal to noise of images to simulate.

    Parameters
    ----------
    n : int
        Number of images.
    size : int
        Height and width in pixels.
    snr : tuple of two floats
        Range of the signal to noise.

    Raises
    ------
    InputError
        When one of them is illegal.
    """
    check_whole("n", n, largest=_MOST)
    if not 16 <= size <= 4096:
        raise InputError(f"size must lie between 16 and 4096 pixels, got {size}")
    if not 0.0 < snr[0] <= snr[1] < math.inf:
        raise InputError(f"snr must be a range above 0, lowest first, got {snr}")


def truth_table(
    rows: list[dict[str, Any]], descriptions: Mapping[str, str], units: Mapping[str, str]
) -> Table:
    """Table of the truth about simulated images.

    Parameters
    ----------
    rows : list of dict
        Values by column, one for each image.
    descriptions : mapping of str to str
        Description of every column, in order.
    units : mapping of str to str
        Unit of the columns that have one.

    Returns
    -------
    astropy.table.Table
        One row for each image.
    """
    from astropy.table import Table

    table = Table(rows=rows)
    for name, description in descriptions.items():
        table[name].description = description
        table[name].unit = units.get(name)
    return table
