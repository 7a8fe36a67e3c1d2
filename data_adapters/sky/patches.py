"""Patches of a map or cube as images, each with its own celestial coordinates."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np
from astropy.wcs import WCS

from data_adapters.discovery import split_part
from data_adapters.sky.sky_map import MapLike, SkyMap, as_sky_map
from data_adapters.sky.tiling import RowBlock, Tiling, masked_fractions
from equiclust.exceptions import InputError
from equiclust.images import Image, ImageSet
from equiclust.typing import BoolArray, Float32Array, Float64Array, IntArray

__all__ = ["Patches", "cut_patches"]

# Bytes of the map that are read at once, unless one row of tiles is more.
READ_BYTES = 1 << 28


class Patches(NamedTuple):
    """Patches of a map with their positions, as `cut_patches` returns them.

    Parameters
    ----------
    images : ImageSet
        Images of `tile x tile` pixels, with coordinates, unit and beam. Pixels that are masked or
        lie beyond the edge of the map are masked.
    origins : ndarray (n, 2), int64
        First row and column of each in the map, negative beyond its edge.
    masked_fractions : ndarray (n,), float64
        Share of masked pixels of each, from 0 to 1.
    n_left_out : int
        Number of patches that were left out because too much of them is masked.

    Examples
    --------
    >>> from data_adapters.sky import cut_patches
    >>> from equiclust.simulation import write_cloud_map
    >>> truth = write_cloud_map("cloud.fits", (64, 64), random_state=0)
    >>> patches = cut_patches("cloud.fits", tile=32)
    >>> len(patches.images), patches.images.pixels.shape
    (21, (21, 1, 32, 32))

    The patches at the four corners lie beyond the map by more than half:

    >>> patches.n_left_out, patches.origins[0], float(patches.masked_fractions[0])
    (4, array([-16,   0]), 0.5)
    """

    images: ImageSet
    origins: IntArray
    masked_fractions: Float64Array
    n_left_out: int


def cut_patches(
    sky: MapLike,
    *,
    tile: int,
    step: int | None = None,
    channels: slice = slice(None),
    mask: BoolArray | None = None,
    max_masked: float = 0.5,
) -> Patches:
    """Cut a map into square patches; the channels of a cube become those of the images.

    Parameters
    ----------
    sky : SkyMap or another of `MapLike`
    tile : int
        Side of the patches in pixels.
    step : int, optional
        Distance from one patch to the next in pixels; by default half of `tile`.
    channels : slice, default slice(None)
        Channels of a cube to take, of step 1; by default all.
    mask : ndarray (h, w), bool, optional
        `True` = ignore. Pixels that are blank in any of these channels are ignored too.
    max_masked : float, default 0.5
        Patches of which a larger share is masked are left out; from 0 to below 1.

    Returns
    -------
    Patches

    Raises
    ------
    InputError
        When an argument is out of range, or `mask` does not have the shape of the map.
    UnreadableFileError
        When the file cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> from data_adapters.sky import cut_patches
    >>> cube = np.ones((3, 64, 64), np.float32)
    >>> cube[:, :32] = np.nan
    >>> patches = cut_patches(cube, tile=16, step=8, max_masked=0.0)
    >>> patches.images.pixels.shape, bool(patches.images.mask.any())
    ((21, 3, 16, 16), False)
    >>> int(patches.origins[:, 0].min())
    32
    """
    sky = as_sky_map(sky)
    shape = sky.shape[1:]
    if mask is not None and mask.shape != shape:
        raise InputError(f"mask must have shape {shape}, got {mask.shape}")
    if not 0 <= max_masked < 1:
        raise InputError(f"max_masked must be from 0 to below 1, got {max_masked}")
    tiling = Tiling(shape, tile=tile, step=max(tile // 2, 1) if step is None else step)
    row_bytes = 4 * shape[1] * max(len(range(*channels.indices(sky.shape[0]))), 1)
    with sky:
        row_blocks = tiling.row_blocks(max(READ_BYTES // row_bytes, min(2 * tile, shape[0])))
        parts = [_of_block(sky, tiling, block, channels, mask, max_masked) for block in row_blocks]
    kept = np.concatenate([indices for indices, _, _ in parts])
    return Patches(
        ImageSet(tuple(image for _, _, images in parts for image in images)),
        tiling.origins[kept],
        np.concatenate([fractions for _, fractions, _ in parts]),
        len(tiling) - len(kept),
    )


def _of_block(
    sky: SkyMap,
    tiling: Tiling,
    block: RowBlock,
    channels: slice,
    mask: BoolArray | None,
    max_masked: float,
) -> tuple[IntArray, Float64Array, list[Image]]:
    """Indices into `Tiling.origins`, masked fractions and images of the patches that are kept."""
    values = sky.read(channels, block.rows)
    hidden: BoolArray = np.asarray(np.isnan(values).any(axis=0))
    if mask is not None:
        hidden |= mask[block.rows]
    fractions = masked_fractions(tiling, hidden, block=block)
    first = tiling.indices(block.tile_rows[0])[0]
    kept = first + np.flatnonzero(fractions <= max_masked)
    origins = tiling.origins
    images = [
        _patch(
            sky,
            tiling.cut(values, int(index), block=block),
            tiling.cut(hidden, int(index), fill=True, block=block),
            origins[index],
        )
        for index in kept
    ]
    return kept, fractions[kept - first], images


def _patch(
    sky: SkyMap,
    values: Float32Array,
    hidden: BoolArray,
    origin: IntArray,
) -> Image:
    row, column = map(int, origin)
    stem = "map"
    if sky.file is not None:
        stem = os.path.splitext(os.path.basename(split_part(sky.file)[0]))[0]
    return Image.from_values(
        values,
        f"{stem}_y{row}_x{column}",
        mask=hidden,
        path=sky.file,
        wcs=None if sky.wcs is None else _moved(sky.wcs, row, column),
        unit=sky.unit,
        beam=sky.beam,
    )


def _moved(wcs: WCS, row: int, column: int) -> WCS:
    """Coordinates of a patch that may begin outside of the map, as a slice of a WCS cannot."""
    moved = wcs.deepcopy()
    shift = np.array([column, row])
    moved.wcs.crpix -= shift
    if moved.sip is not None:
        moved.sip.crpix[:] -= shift
    return moved
