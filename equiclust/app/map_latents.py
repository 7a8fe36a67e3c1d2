"""Latents of the tiles of a segmented map, found again from its networks."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA

from data_adapters.sky.tiling import Tiling
from ensembles.base_clusterings import concatenate_latents, latent_spreads
from equiclust.exceptions import InputError
from equiclust.io.manifest import check_manifest
from equiclust.segmentation.latent_grid import LatentGrid
from equiclust.segmentation.pairs import usable
from equiclust.segmentation.texture_axes import TextureAxes
from equiclust.segmentation.texture_models import TextureModel, load_textures
from equiclust.segmentation.texture_networks import TextureNetworks
from equiclust.typing import Array, Float32Array, Float64Array, IntArray

__all__ = ["MOST_TILES", "TileLatents", "tile_latents"]

MOST_TILES = 2500
"""Tiles that are encoded at most."""

# An encoder that was not trained on the map may be a hundred times as slow.
_MOST_TILES_OF_ENCODER = 500
_TILES_AT_ONCE = 512
_FEWEST = 3


class TileLatents(NamedTuple):
    """Tiles of a plane, on the sky and by their texture.

    Parameters
    ----------
    positions : ndarray (n, 2), float32
        First two principal components of the latents.
    shares : ndarray (2,), float64
        Share of the variance of the latents along each of them.
    x, y : ndarray (n,), float32
        Centres of the tiles in pixels from 0.
    tile : int
        Side of a tile in pixels.
    n_all : int
        Tiles of the plane at this spacing, of which these are all or a sample.
    """

    positions: Float32Array
    shares: Float64Array
    x: Float32Array
    y: Float32Array
    tile: int
    n_all: int


def _chosen_tiling(shape: tuple[int, int], tile: int, step: int, most: int) -> Tiling:
    """Tiles as close as those of the job, or farther apart where these would be too many."""
    for wider in range(min(step, tile), tile):
        tiling = Tiling(shape, tile=tile, step=wider)
        if len(tiling) <= most:
            return tiling
    return Tiling(shape, tile=tile, step=tile)


def tile_latents(plane: Array, model: Path, *, step: int | None, seed: int = 0) -> TileLatents:
    """Encode tiles of a plane as the segmentation did, and project their latents.

    Latents are averaged over neighbouring tiles as they were before they were clustered.

    Parameters
    ----------
    plane : ndarray (h, w)
        Pixels; those that were masked are NaN.
    model : Path
        Folder of the networks.
    step : int or None
        Distance of the tiles of the job in pixels; None for the default one.
    seed : int, default 0
        Of the draw of the tiles, where there are too many.

    Returns
    -------
    TileLatents

    Raises
    ------
    InputError
        When the networks cannot be read, or hardly a tile can be used.
    """
    check_manifest(model)
    networks = load_textures(model)
    is_fast = networks.trained or isinstance(networks, TextureAxes)
    most = MOST_TILES if is_fast else _MOST_TILES_OF_ENCODER
    spacing = networks.step if step is None else step
    tiling = _chosen_tiling(plane.shape, networks.tile, spacing, most)
    chosen = np.arange(len(tiling))
    if len(chosen) > most:
        drawn = np.random.default_rng(seed).choice(len(tiling), most, replace=False)
        chosen = np.sort(drawn)
    latents = _smoothed(networks, tiling, networks.stretch(plane.astype(np.float32)), chosen)
    kept = np.flatnonzero(np.isfinite(latents[:, 0, 0]))
    if len(kept) < _FEWEST:
        raise InputError("hardly a tile of this plane can be used: too much of it is masked")
    positions, shares = _projected(latents[kept])
    centres = tiling.origins[kept] + 0.5 * (networks.tile - 1)
    y, x = centres.T.astype(np.float32)
    return TileLatents(positions, shares, x, y, networks.tile, len(tiling))


def _smoothed(
    networks: TextureModel, tiling: Tiling, stretched: Float32Array, chosen: IntArray
) -> Float32Array:
    """Latents of the chosen tiles `(n_tiles, n_networks, d)`, NaN for others."""
    n_values = int(np.prod(networks.shape))
    found = np.full((len(tiling), n_values), np.nan, dtype=np.float32)
    if isinstance(networks, TextureAxes):
        every = networks.encode(stretched, tiling, range(len(tiling.rows)))
        found[chosen] = every.reshape(len(tiling), n_values)[chosen]
    else:
        _encode(networks, tiling, stretched, chosen, found)
    rows = range(len(tiling.rows))
    with TemporaryDirectory(prefix="equiclust-") as folder:
        grid = LatentGrid(
            Path(folder) / "latents.bin",
            tiling,
            n_planes=1,
            n_values=n_values,
            smoothing=networks.smoothing,
        )
        grid.put(0, rows, found.reshape(len(rows), -1, n_values))
        smooth: npt.NDArray[np.float32] = grid.smoothed(0, rows)
        del grid
    return smooth.reshape(len(tiling), *networks.shape)


def _encode(
    networks: TextureNetworks,
    tiling: Tiling,
    stretched: Float32Array,
    chosen: IntArray,
    found: Float32Array,
) -> None:
    """Fill in the latents of the chosen tiles."""
    for first in range(0, len(chosen), _TILES_AT_ONCE):
        part = chosen[first : first + _TILES_AT_ONCE]
        patches = np.stack([tiling.cut(stretched, int(index)) for index in part])
        good = usable(patches)
        if good.any():
            found[part[good]] = networks.encode(patches[good]).reshape(-1, found.shape[1])


def _projected(latents: Float32Array) -> tuple[Float32Array, Float64Array]:
    by_member = np.swapaxes(latents, 0, 1).astype(np.float64)
    joined = concatenate_latents(by_member, latent_spreads(by_member))
    pca = PCA(2, svd_solver="full")
    # A plane all alike has no variance to share.
    with np.errstate(invalid="ignore"):
        positions = pca.fit_transform(joined)
    shares = np.nan_to_num(pca.explained_variance_ratio_)
    return positions.astype(np.float32), np.asarray(shares, dtype=np.float64)
