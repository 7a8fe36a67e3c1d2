"""Which tiles of a map show something, without cutting all of them out."""

from __future__ import annotations

import numpy as np

from data_adapters.sky.tiling import RowBlock, Tiling, masked_fractions
from equiclust.segmentation.pairs import FLATNESS, usable
from equiclust.typing import BoolArray, Float32Array, IntArray

__all__ = ["usable_tiles"]

_AT_ONCE = 2048
# Share of a whole tile that may be masked and at least half of its disc is still seen.
_LITTLE_MASKED = 0.25
# Places in a tile, along either axis, where its contrast is looked for first.
_LOOKED_AT = (0.25, 0.5, 0.75)


def usable_tiles(stretched: Float32Array, tiling: Tiling, tile_rows: range) -> BoolArray:
    """Which tiles are `usable`.

    Tiles of which little is masked, and a few pixels of which differ, are: only others are cut out
    and looked at.

    Parameters
    ----------
    stretched : ndarray (h, w), float32
        A whole plane; masked pixels are NaN.
    tiling : Tiling
    tile_rows : range
        Rows of tiles.

    Returns
    -------
    ndarray (n_rows, n_tile_columns), bool
    """
    first, last = int(tiling.rows[tile_rows.start]), int(tiling.rows[tile_rows.stop - 1])
    block = RowBlock(tile_rows, slice(max(first, 0), min(last + tiling.tile, tiling.shape[0])))
    masked = masked_fractions(tiling, ~np.isfinite(stretched[block.rows]), block=block)
    good = (masked <= _LITTLE_MASKED) & _surely_varied(stretched, tiling, tile_rows).ravel()
    doubtful = np.flatnonzero(~good)
    of_first = tiling.indices(tile_rows.start).start
    for start in range(0, len(doubtful), _AT_ONCE):
        some = doubtful[start : start + _AT_ONCE]
        cut = [tiling.cut(stretched, of_first + int(index)) for index in some]
        good[some] = usable(np.stack(cut))
    return good.reshape(len(tile_rows), -1)


def _surely_varied(stretched: Float32Array, tiling: Tiling, tile_rows: range) -> BoolArray:
    """Tiles of which a few pixels differ so much that the tile is not constant."""
    rows = tiling.rows[tile_rows.start : tile_rows.stop]
    y = _looked_at(rows, tiling.tile, tiling.shape[0])
    x = _looked_at(tiling.columns, tiling.tile, tiling.shape[1])
    seen = stretched[np.ix_(y.ravel(), x.ravel())].reshape(*y.shape, *x.shape)
    highest, lowest = np.fmax.reduce(seen, axis=(1, 3)), np.fmin.reduce(seen, axis=(1, 3))
    # All pixels of the tile are no larger than this and their contrast together.
    largest = np.maximum(np.abs(highest), np.abs(lowest))
    return np.asarray(highest - lowest > 2.0 * FLATNESS * largest)


def _looked_at(starts: IntArray, tile: int, length: int) -> IntArray:
    """Pixels of tiles along one axis, `(n, 3)`; of those beyond the map the middle of the tile."""
    offsets = np.array([int(share * (tile - 1)) for share in _LOOKED_AT])
    places = starts[:, None] + offsets
    beyond = (places < 0) | (places >= length)
    return np.asarray(np.where(beyond, np.clip(places[:, 1:2], 0, length - 1), places))
