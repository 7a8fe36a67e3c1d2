"""Blobs of points in two spaces, few of them labelled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from equiclust.typing import Array, Float64Array, IntArray

KINDS = ("arc", "bar", "cup", "dot")


class Blobs(NamedTuple):
    latents: Float64Array
    truth: Array
    labelled: IntArray

    @property
    def labels(self) -> Array:
        """Kinds of the labelled ones, empty for the others."""
        given = np.full(len(self.truth), "", dtype=self.truth.dtype)
        given[self.labelled] = self.truth[self.labelled]
        return given

    @property
    def by_row(self) -> dict[int, str]:
        return {int(row): str(self.truth[row]) for row in self.labelled}


def make_blobs(seed: int, *, n: int = 160, n_labels: int = 24, spread: float = 0.35) -> Blobs:
    """Four kinds in six dimensions; labelled ones are drawn at random."""
    rng = np.random.default_rng(seed)
    centres = np.eye(6)[: len(KINDS)] * 2
    which = np.arange(n) % len(KINDS)
    latents = centres[which] + spread * rng.normal(size=(n, 6))
    return Blobs(latents, np.array(KINDS)[which], rng.permutation(n)[:n_labels])


@pytest.fixture
def blobs(random_state: int) -> Blobs:
    return make_blobs(random_state)
