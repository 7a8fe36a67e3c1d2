"""Rotated views of images, with the zeros around that the first convolution needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from equiclust.nn.fused.splines import MARGIN, prefilter_splines, rotate_splines
from equiclust.nn.fused.vectors import PANEL
from equiclust.nn.rotation import spline_prefilter, spline_samples
from equiclust.typing import Float32Array, IntArray

__all__ = ["STEM_PAD", "RotatedViews", "ViewScratch"]

STEM_PAD = 3
"""Pixels of zeros around every view."""


class _Turn(NamedTuple):
    """What `rotate_splines` takes besides the coefficients."""

    starts: IntArray
    row_weights: Float32Array
    column_weights: Float32Array


class ViewScratch(NamedTuple):
    """Where a thread keeps what it rotates; both have zeros around.

    Attributes
    ----------
    view : ndarray (n, c, size + 2 STEM_PAD, size + 2 STEM_PAD)
    coefficients : ndarray (n, c, size + 2 MARGIN, size + 2 MARGIN)
    """

    view: Float32Array
    coefficients: Float32Array


class RotatedViews:
    """Images as they are, then rotated by each angle.

    Parameters
    ----------
    size : int
        Side of the images in pixels, a multiple of `PANEL`.
    angles : sequence of float
        In degrees, counter-clockwise with the first row on top.
    """

    def __init__(self, size: int, angles: Sequence[float]) -> None:
        prefilter = spline_prefilter(size).astype(np.float32)
        self._size, self._prefilter = size, prefilter
        # The matrix is its own transpose.
        self._packed = np.ascontiguousarray(prefilter.reshape(size, -1, PANEL).swapaxes(0, 1))
        self._turns = [_turn(size, angle) for angle in angles]

    def __len__(self) -> int:
        return 1 + len(self._turns)

    def scratch(self, n: int, channels: int) -> ViewScratch:
        """Memory for the views of images, to be used again and again.

        Parameters
        ----------
        n, channels : int
            Of the images.

        Returns
        -------
        ViewScratch
        """
        padded, around = self._size + 2 * STEM_PAD, self._size + 2 * MARGIN
        return ViewScratch(
            np.zeros((n, channels, padded, padded), np.float32),
            np.zeros((n, channels, around, around), np.float32),
        )

    def __call__(self, images: Float32Array, scratch: ViewScratch) -> Iterator[Float32Array]:
        """Rotate images.

        Parameters
        ----------
        images : ndarray (n, c, size, size)
        scratch : ViewScratch
            For as many images or more.

        Yields
        ------
        ndarray (n, c, size + 2 STEM_PAD, size + 2 STEM_PAD)
            Every view is written over the one before.
        """
        view, coefficients = (memory[: len(images)] for memory in scratch)
        view[:, :, STEM_PAD:-STEM_PAD, STEM_PAD:-STEM_PAD] = images
        yield view
        if self._turns:
            prefilter_splines(images, self._prefilter, self._packed, coefficients)
        for turn in self._turns:
            rotate_splines(coefficients, *turn, view)
            yield view


def _turn(size: int, angle: float) -> _Turn:
    samples = spline_samples(size, angle)
    # What lies further away than the margin counts nothing, wherever it is read.
    rows, columns = (
        np.clip(first, -MARGIN, size) + MARGIN for first in (samples.rows, samples.columns)
    )
    weights = (samples.row_weights, samples.column_weights)
    return _Turn(rows * (size + 2 * MARGIN) + columns, *(w.astype(np.float32) for w in weights))
