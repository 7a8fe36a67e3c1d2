"""From planes to latents of tiles, and from latents to a label for every pixel."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed

from data_adapters.sky.overlap_average import OverlapAverage
from equiclust.nn.allocator import keep_freed_memory
from equiclust.progress import Update
from equiclust.segmentation.coherence import coherent_memberships
from equiclust.segmentation.latent_grid import LatentGrid
from equiclust.segmentation.pairs import usable
from equiclust.segmentation.planes import Planes
from equiclust.segmentation.segment_map import MASKED, UNSURE
from equiclust.segmentation.texture_axes import TextureAxes, tile_row_blocks
from equiclust.segmentation.texture_clusters import TextureClusters
from equiclust.segmentation.texture_models import TextureModel
from equiclust.segmentation.texture_networks import TextureNetworks
from equiclust.typing import Array, BoolArray, Float32Array

__all__ = ["Labelled", "encode_planes", "label_planes", "masked_plane"]


# Many, so that little time goes into what is done once for all of them.
TILES_AT_ONCE = 2048
# Of latents that are clustered: neighbouring rows are read once more with every part.
_VALUES_AT_ONCE = 1 << 18
# An encoder that was not trained here may be a hundred times as slow.
_ENCODER_TILES_AT_ONCE = 128


class Labelled(NamedTuple):
    """Arrays of a `SegmentMap`, with the planes as the first axis.

    Parameters
    ----------
    labels : ndarray (n_planes, h, w), int16
        Cluster from 0; -1 = "don't know"; -2 = masked.
    membership : ndarray (n_planes, h, w), float32
        Membership of the pixel in its cluster, the mean over its tiles, 0 to 1; NaN where masked.
    coverage : ndarray (n_planes, h, w), int32
        Number of tiles over the pixel.
    """

    labels: npt.NDArray[np.int16]
    membership: Float32Array
    coverage: npt.NDArray[np.int32]


class _Chunk(NamedTuple):
    """Rows of tiles of one plane, those to encode among them, and their patches."""

    plane: int
    tile_rows: range
    chosen: BoolArray
    patches: Float32Array


def masked_plane(planes: Planes, number: int, mask: BoolArray | None) -> Float32Array:
    """One plane with NaN where it is masked.

    Parameters
    ----------
    planes : Planes
        All planes.
    number : int
        Which plane, from 0.
    mask : ndarray (h, w), bool, or None
        True = ignore.

    Returns
    -------
    ndarray (h, w), float32
        The plane.
    """
    plane = planes.read(number)
    return plane if mask is None else np.where(mask, np.float32(np.nan), plane)


def encode_planes(
    planes: Planes,
    mask: BoolArray | None,
    networks: Path | TextureModel,
    grid: LatentGrid,
    *,
    on_progress: Update | None = None,
) -> None:
    """Encode all tiles that have no latents yet, in the active joblib backend.

    Parameters
    ----------
    planes : Planes
        What is segmented.
    mask : ndarray (h, w), bool, or None
        True = ignore.
    networks : Path, TextureNetworks or TextureAxes
        Folder of the saved `TextureNetworks`, which every process reads for itself; or themselves,
        where they are an encoder, or statistics, which need no process beside this one.
    grid : LatentGrid
        Where the latents are written.
    on_progress : callable, optional
        Gets the rows of tiles done, their total, and "rows of tiles".
    """
    if isinstance(networks, TextureAxes):
        _encode_by_axes(planes, mask, networks, grid, on_progress)
        return
    known = _networks(networks)
    total = planes.count * len(grid.tiling.rows)
    sent: list[_Chunk] = []

    def tasks() -> Iterator[tuple[object, ...]]:
        for chunk in _chunks(planes, mask, grid, known):
            sent.append(chunk._replace(patches=chunk.patches[:0]))
            yield delayed(_encode)(networks, chunk.patches, os.getpid())

    # One at a time where no other backend is active: torch has the threads.
    for latents in Parallel(return_as="generator", pre_dispatch="2*n_jobs")(tasks()):
        chunk = sent.pop(0)
        found = np.full((*chunk.chosen.shape, latents.shape[1]), np.nan, dtype=np.float32)
        found[chunk.chosen] = latents
        grid.put(chunk.plane, chunk.tile_rows, found)
        if on_progress is not None:
            done = chunk.plane * len(grid.tiling.rows) + chunk.tile_rows.stop
            on_progress(done, total, "rows of tiles")


def _encode_by_axes(
    planes: Planes,
    mask: BoolArray | None,
    axes: TextureAxes,
    grid: LatentGrid,
    on_progress: Update | None,
) -> None:
    n_rows = len(grid.tiling.rows)
    for number, rows in groupby(grid.todo(), key=lambda place: place[0]):
        stretched = axes.stretch(masked_plane(planes, number, mask))
        for tile_rows in tile_row_blocks(grid.tiling, next(rows)[1]):
            grid.put(number, tile_rows, axes.encode(stretched, grid.tiling, tile_rows))
            if on_progress is not None:
                done = number * n_rows + tile_rows.stop
                on_progress(done, planes.count * n_rows, "rows of tiles")


def _chunks(
    planes: Planes, mask: BoolArray | None, grid: LatentGrid, networks: TextureNetworks
) -> Iterator[_Chunk]:
    most = TILES_AT_ONCE if networks.trained else _ENCODER_TILES_AT_ONCE
    for number, rows in groupby(grid.todo(), key=lambda place: place[0]):
        stretched = networks.stretch(masked_plane(planes, number, mask))
        for tile_rows in _together([row for _, row in rows], len(grid.tiling.columns), most):
            patches = np.stack(
                [
                    grid.tiling.cut(stretched, index)
                    for row in tile_rows
                    for index in grid.tiling.indices(row)
                ]
            )
            chosen = usable(patches)
            in_rows = chosen.reshape(len(tile_rows), -1)
            yield _Chunk(number, tile_rows, in_rows, patches[chosen])


def _together(rows: list[int], n_columns: int, most: int) -> Iterable[range]:
    at_once = max(1, most // n_columns)
    for first in range(rows[0], rows[-1] + 1, at_once):
        yield range(first, min(first + at_once, rows[-1] + 1))


def _encode(networks: Path | TextureNetworks, patches: Float32Array, sender: int) -> Float32Array:
    """Latents of patches by all networks, one after the other, `(n, n_networks * d)`."""
    if os.getpid() != sender:
        # A process that joblib started for this work, not the user's own.
        keep_freed_memory()
    known = _networks(networks)
    if len(patches) == 0:
        return np.empty((0, int(np.prod(known.shape))), dtype=np.float32)
    return known.encode(patches).reshape(len(patches), -1)


def _networks(networks: Path | TextureNetworks) -> TextureNetworks:
    """Read once by every process, and again when they have been written anew."""
    if isinstance(networks, TextureNetworks):
        return networks
    return _networks_as_of(networks, (networks / "textures.json").stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _networks_as_of(folder: Path, written: int) -> TextureNetworks:
    return TextureNetworks.load(folder)


def label_planes(
    planes: Planes,
    mask: BoolArray | None,
    grid: LatentGrid,
    clusters: TextureClusters,
    n_networks: int,
    *,
    min_membership: float = 0.0,
    coherence: float = 0.0,
    on_progress: Update | None = None,
) -> Labelled:
    """Label every pixel by the mean memberships of the tiles over it.

    Parameters
    ----------
    planes : Planes
        What is segmented.
    mask : ndarray (h, w), bool, or None
        True = ignore.
    grid : LatentGrid
        Latents of all tiles.
    clusters : TextureClusters
        Clusters of the latents.
    n_networks : int
        Networks whose latents are concatenated in the grid.
    min_membership : float, default 0.0
        Pixels whose highest mean membership is lower get -1, as do those without a tile.
    coherence : float, default 0.0
        How much the tiles around a tile say about its membership, see `coherent_memberships`.
    on_progress : callable, optional
        Gets the planes done, their total, and "planes".

    Returns
    -------
    Labelled
        Labels, membership and coverage.
    """
    shape = (planes.count, *grid.tiling.shape)
    labels = np.empty(shape, dtype=np.int16)
    membership = np.empty(shape, dtype=np.float32)
    coverage = np.empty(shape, dtype=np.int32)
    for number in range(planes.count):
        votes, alone = (OverlapAverage(grid.tiling, clusters.n_clusters) for _ in range(2))
        memberships = _memberships(number, grid, clusters, n_networks)
        for own, coherent in _with_coherent(memberships, grid, coherence):
            part, chosen = alone.add(own), votes.add(coherent).mean.argmax(axis=0)
            # How sure the tiles are by themselves: together they are surer than they are right.
            best = np.take_along_axis(part.mean, chosen[None], axis=0)[0]
            sure = (part.coverage > 0) & (best >= min_membership)
            labels[number, part.rows] = np.where(sure, chosen, UNSURE)
            membership[number, part.rows] = np.where(part.coverage > 0, best, 0.0)
            coverage[number, part.rows] = part.coverage
        hidden = np.isnan(masked_plane(planes, number, mask))
        labels[number][hidden] = MASKED
        membership[number][hidden] = np.nan
        if on_progress is not None:
            on_progress(number + 1, planes.count, "planes")
    return Labelled(labels, membership, coverage)


def _memberships(
    plane: int, grid: LatentGrid, clusters: TextureClusters, n_networks: int
) -> Iterator[Float32Array]:
    """Memberships of the tiles `(n_tile_columns, n_clusters)`, row of tiles by row of tiles."""
    rows = list(range(len(grid.tiling.rows)))
    most = max(TILES_AT_ONCE, _VALUES_AT_ONCE // grid.n_values)
    for tile_rows in _together(rows, len(grid.tiling.columns), most):
        latents = grid.smoothed(plane, tile_rows)
        n = latents.shape[0] * latents.shape[1]
        found = clusters.memberships(latents.reshape(n, n_networks, -1))
        yield from found.reshape(len(tile_rows), -1, clusters.n_clusters)


def _with_coherent(
    memberships: Iterable[Float32Array], grid: LatentGrid, coherence: float
) -> Iterable[tuple[Array, Array]]:
    """Memberships, and those that agree with their surroundings; the same without coherence."""
    if not coherence:
        return ((own, own) for own in memberships)
    plane = np.stack(list(memberships)).astype(np.float64)
    return zip(
        plane, coherent_memberships(plane, sigma=grid.sigma, strength=coherence), strict=True
    )
