"""Sums over the blocks of frames and counts of their odd pixels, in one pass over the pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

from equiclust.compiled import compiled
from equiclust.typing import Array

__all__ = ["COUNTED", "sum_blocks"]

COUNTED = ("masked", "zero", "hot", "saturated")
"""What `sum_blocks` counts, in the order of its counts."""


@compiled
def sum_blocks(
    frames: Array,
    mask_value: Any,
    saturation: Any,
    limits: Array,
    rows: Array,
    bounds: Array,
    sums: Array,
    valid: Array,
    counts: Array,
) -> None:
    """Add up the pixels of each block of each frame, and count the odd ones.

    A pixel is hot when it exceeds its limit and four times both of its neighbours in the row; one
    of these is added in its place.

    Parameters
    ----------
    frames : ndarray (n, h, w), uint16, uint32 or float32
    mask_value : scalar
        Of the type of the frames; such pixels count as masked and as nothing else.
    saturation : scalar
        Of the type of the frames; pixels from this value on are saturated.
    limits : ndarray (h, w)
        Of the type of the frames; what no usual pixel exceeds.
    rows : ndarray (r, 2), int64
        Rows of pixels to look at, in rising order, and the row of blocks of each.
    bounds : ndarray (g + 1,), int64
        First columns of the blocks, and the width.
    sums : ndarray (n, g, g), float32
        Zero; the sums are added to it.
    valid : ndarray (n, g, g), int32
        Zero; the numbers of pixels that are not masked are added to it.
    counts : ndarray (n, 4), int64
        Zero; the numbers of pixels of the kinds `COUNTED` are added to it.
    """
    n_blocks, width = len(bounds) - 1, frames.shape[2]
    total = np.empty(width, np.float32)
    masked = np.empty(width, np.uint16)
    others = np.empty((3, width), np.uint16)
    sizes = np.zeros(n_blocks, np.int32)
    for r in range(rows.shape[0]):
        sizes[rows[r, 1]] += 1
    for i in range(frames.shape[0]):
        total[:] = 0
        masked[:] = 0
        others[:] = 0
        for r in range(rows.shape[0]):
            y, band = rows[r, 0], rows[r, 1]
            _add_row(frames[i, y], mask_value, saturation, total, masked, others)
            _add_hot(frames[i, y], limits[y], mask_value, total, others[1])
            if r + 1 == rows.shape[0] or rows[r + 1, 1] != band:
                for g in range(n_blocks):
                    n_masked = 0
                    for x in range(bounds[g], bounds[g + 1]):
                        sums[i, band, g] += total[x]
                        n_masked += masked[x]
                    valid[i, band, g] += sizes[band] * (bounds[g + 1] - bounds[g]) - n_masked
                    counts[i, 0] += n_masked
                total[:] = 0
                masked[:] = 0
        for kind in range(3):
            counts[i, kind + 1] += others[kind].sum()


@compiled
def _add_row(
    row: Array, mask_value: Any, saturation: Any, total: Array, masked: Array, others: Array
) -> None:
    zero, saturated = others[0], others[2]
    for x in range(len(row)):
        value = row[x]
        is_masked = value == mask_value
        total[x] += np.float32(0) if is_masked else np.float32(value)
        masked[x] += np.uint16(is_masked)
        zero[x] += np.uint16(value == 0)
        saturated[x] += np.uint16((not is_masked) & (value >= saturation))


@compiled
def _add_hot(row: Array, limits: Array, mask_value: Any, total: Array, hot: Array) -> None:
    """Count hot pixels, and put what their neighbour shows in their place."""
    before, middle, after, allowed = row[:-2], row[1:-1], row[2:], limits[1:-1]
    found, added = hot[1:-1], total[1:-1]
    for x in range(len(middle)):
        value = middle[x]
        quarter = np.float32(value) * np.float32(0.25)
        exceeds = (value > allowed[x]) & (value != mask_value)
        alone = (quarter > np.float32(before[x])) & (quarter > np.float32(after[x]))
        is_hot = exceeds & alone
        found[x] += np.uint16(is_hot)
        added[x] -= np.float32(value) - np.float32(before[x]) if is_hot else np.float32(0)
