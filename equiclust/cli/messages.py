"""Results in words, the same words in every command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["cluster_sizes", "format_sizes"]


def cluster_sizes(labels: npt.NDArray[np.integer[Any]], n_clusters: int) -> list[int]:
    """How many images have each label; those without one are not counted."""
    sizes: list[int] = np.bincount(labels[labels >= 0], minlength=n_clusters).tolist()
    return sizes


def format_sizes(sizes: Sequence[int], unassigned: int, *, what: str = "images") -> str:
    """Sizes of the clusters in one line."""
    n = sum(sizes) + unassigned
    if len(sizes) == 1:
        said = f"{n} {what}, no clusters among them"
    else:
        said = f"{n} {what} in {len(sizes)} clusters: {', '.join(map(str, sizes))}"
    return said + (
        f"; {unassigned} without a label, for they are too uncertain" if unassigned else ""
    )
