"""The course of the learning rate that every training here takes."""

from __future__ import annotations

import math
from collections.abc import Callable

__all__ = ["WARM_UP", "warm_cosine"]

WARM_UP = 0.2
"""Share of the steps in which the learning rate rises."""


def warm_cosine(steps: int) -> Callable[[int], float]:
    """Factor on the learning rate: linear up over the first fifth, then half a cosine down.

    Parameters
    ----------
    steps : int
        Length of the training; the factor stays at the end of the cosine after it.
    """
    rise = max(round(WARM_UP * steps), 1)

    def factor(step: int) -> float:
        if step < rise:
            return (step + 1) / rise
        return 0.5 * (1.0 + math.cos(math.pi * min((step - rise) / max(steps - rise, 1), 1.0)))

    return factor
