"""`Kinds`: what a few labels say of every image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from equiclust.typing import Float64Array, IntArray

__all__ = ["NONE_OF_THESE", "Kinds"]

NONE_OF_THESE = "none of these"
"""Kind of an image that is unlike all labelled ones."""


@dataclass(frozen=True, eq=False)
class Kinds:
    """Kinds of `n` images.

    Parameters
    ----------
    names : tuple of str
        Of the `k` kinds.
    probabilities : ndarray (n, k)
        Calibrated, for an image that is of one of these kinds.
    labels : ndarray (n,), int
        Index of the kind: the label where the image has one, else the most probable; -1 where it is
        unlike all labelled ones.
    given : ndarray (n,), int
        Label that the image was given when the classifier was taught; -1 = none.
    novelty : ndarray (n,)
        Distance to the nearest labelled image, relative to the threshold for "none of these"; 0
        where there is no threshold.
    """

    names: tuple[str, ...]
    probabilities: Float64Array
    labels: IntArray
    given: IntArray
    novelty: Float64Array

    @property
    def kinds(self) -> list[str]:
        """Names of the kinds of the images."""
        return [self.names[one] if one >= 0 else NONE_OF_THESE for one in self.labels]

    @property
    def probability(self) -> Float64Array:
        """Probability `(n,)` of the kind; of the most probable one where it is none of these."""
        chosen = np.where(self.labels >= 0, self.labels, self.probabilities.argmax(axis=1))
        return self.probabilities[np.arange(len(chosen)), chosen]
