"""`TextureAxes`: the combinations of texture statistics in which neighbouring tiles are alike."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from scipy import linalg

from data_adapters.sky.tiling import Tiling
from equiclust.exceptions import InputError
from equiclust.io.atomic import read_arrays, read_json, write_arrays, write_json
from equiclust.io.estimators import check_fits, check_ranks
from equiclust.segmentation.latent_grid import smoothed_tiles
from equiclust.segmentation.pairs import Stretch, check_enough
from equiclust.segmentation.texture_statistics import (
    n_statistics,
    statistics_reach,
    texture_statistics,
)
from equiclust.segmentation.usable_tiles import usable_tiles
from equiclust.typing import Float32Array, Float64Array

__all__ = ["AXES_FORMAT", "N_AXES", "TextureAxes", "block_pixels", "tile_row_blocks"]

N_AXES = 8
"""Numbers that describe a tile."""

AXES_FORMAT = 3
"""Of the file ``textures.json``, see `TextureNetworks`."""

_FILE, _ARRAYS = "textures.json", "axes.safetensors"
# In tiles: what is averaged before axes are learned, and how far the tiles of a pair are apart.
_SMOOTHED, _APART = 0.25, 0.75
# Share of the mean variance that every direction has within pairs at least.
_LEAST_WITHIN = 1e-5
# Pixels of a block of rows.
_BLOCK_PIXELS = 1 << 19


@dataclass(frozen=True, eq=False)
class TextureAxes:
    r"""Latents of tiles from statistics of their texture, combined as the map tells.

    Of all combinations of the statistics those whose variance over the map is largest in units of
    that between tiles side by side, which are of one texture more often than not:

    .. math::

        S v = \lambda S_w v, \qquad
        S_w = \tfrac{1}{2} \langle (f_1 - f_2)(f_1 - f_2)^\top \rangle

    with the covariance :math:`S` of the statistics :math:`f` averaged over neighbouring tiles, and
    pairs :math:`f_1, f_2` of them (the linear discriminants of Fisher 1936, with neighbours in
    place of classes). They are mixed in equal parts by an orthogonal matrix. No label, no network
    and no brightness enters. Latents are invariant under quarter turns and mirrors up to rounding,
    and nearly so at all other angles.

    Parameters
    ----------
    tile : int
        Side of a tile in pixels.
    stretch : Stretch
        Of the map that they were learned from.
    mean : ndarray (n_statistics,), float64
        Of the statistics.
    components : ndarray (8, n_statistics), float64
        Coefficients of the combinations.

    Examples
    --------
    >>> import numpy as np
    >>> from data_adapters.sky import Tiling
    >>> from equiclust.segmentation import Stretch, TextureAxes
    >>> from equiclust.simulation import simulate_cloud_map
    >>> image, truth = simulate_cloud_map((64, 64), scale=16.0, random_state=0)
    >>> stretch = Stretch.of(image.pixels[0])
    >>> stretched = stretch(image.pixels[0])
    >>> tiling = Tiling((64, 64), tile=16, step=4)
    >>> axes = TextureAxes.fit([stretched], stretch, tiling)
    >>> latents = axes.encode(stretched, tiling, range(len(tiling.rows)))
    >>> latents.shape
    (17, 17, 8)

    Latents of the turned map are those of the map, turned:

    >>> turned = axes.encode(np.rot90(stretched), tiling, range(len(tiling.rows)))
    >>> bool(np.allclose(turned, np.rot90(latents), atol=1e-3, equal_nan=True))
    True
    """

    tile: int
    stretch: Stretch
    mean: Float64Array
    components: Float64Array

    smoothing: ClassVar[float] = 0.375
    """Standard deviation of the Gaussian over which latents are averaged, in tiles."""

    coherence: ClassVar[float] = 4.0
    """Of neighbouring tiles, see `coherent_memberships`."""

    trained: ClassVar[bool] = False
    """No network was trained."""

    record: ClassVar[None] = None

    @classmethod
    def fit(cls, planes: Iterable[Float32Array], stretch: Stretch, tiling: Tiling) -> Self:
        """Learn the combinations.

        Parameters
        ----------
        planes : iterable of ndarray (h, w), float32
            Stretched; masked pixels are NaN.
        stretch : Stretch
            Their stretch.
        tiling : Tiling
            Tiles of every plane.

        Returns
        -------
        TextureAxes

        Raises
        ------
        InputError
            When hardly a tile can be used.
        """
        smooth, within = [], _Scatter(n_statistics(tiling.tile))
        for plane in planes:
            statistics = np.concatenate(
                [_statistics_of_tiles(plane, tiling, rows) for rows in tile_row_blocks(tiling)]
            )
            found = smoothed_tiles(statistics, _SMOOTHED * tiling.tile / tiling.step)
            smooth.append(found[np.isfinite(found[..., 0])])
            for differences in _differences(found, tiling):
                within.add(differences)
        known = np.concatenate(smooth)
        check_enough(len(known))
        components = _discriminants(known, within)
        return cls(tiling.tile, stretch, known.mean(axis=0), components)

    @property
    def shape(self) -> tuple[int, int]:
        """One, in place of the number of networks, and the length of a latent."""
        return 1, len(self.components)

    @property
    def histories(self) -> list[Any]:
        """No losses, since nothing is trained."""
        return []

    @property
    def step(self) -> int:
        """Distance of neighbouring tiles in pixels where none is given."""
        return max(self.tile // 8, 1)

    def encode(self, stretched: Float32Array, tiling: Tiling, tile_rows: range) -> Float32Array:
        """Latents of tiles.

        Parameters
        ----------
        stretched : ndarray (h, w), float32
            A whole plane; masked pixels are NaN.
        tiling : Tiling
        tile_rows : range
            Rows of tiles.

        Returns
        -------
        ndarray (n_rows, n_tile_columns, 8), float32
            NaN for tiles that show nothing, see `usable`.
        """
        statistics = _statistics_of_tiles(stretched, tiling, tile_rows)
        latents: Float32Array = ((statistics - self.mean) @ self.components.T).astype(np.float32)
        return latents

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the combinations as JSON and safetensors.

        Parameters
        ----------
        folder : path-like
            Made when missing.
        """
        Path(folder).mkdir(parents=True, exist_ok=True)
        arrays = {"mean": self.mean, "components": self.components}
        write_arrays(Path(folder) / _ARRAYS, arrays)
        stretch = [self.stretch.level, self.stretch.scale]
        content = {"format": AXES_FORMAT, "tile": self.tile, "stretch": stretch}
        write_json(Path(folder) / _FILE, content)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Combinations that `save` wrote.

        Parameters
        ----------
        folder : path-like

        Raises
        ------
        InputError
            When the folder holds none, or damaged ones.
        """
        path = Path(folder) / _FILE
        content: dict[str, Any] = read_json(path)
        arrays = read_arrays(Path(folder) / _ARRAYS)
        try:
            if content["format"] != AXES_FORMAT:
                raise ValueError(f"format {content['format']!r}")
            level, scale = map(float, content["stretch"])
            tile = int(content["tile"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{str(path)!r} does not describe axes: {error}") from error
        check_ranks(arrays, {"mean": 1, "components": 2})
        mean, components = arrays["mean"], arrays["components"]
        known = len(mean) == n_statistics(tile) and components.shape[1] == len(mean)
        check_fits(known, "mean, components and tile")
        return cls(tile, Stretch(level, scale), mean, components)


def tile_row_blocks(tiling: Tiling, first: int = 0) -> Iterator[range]:
    """Rows of tiles whose statistics are computed together.

    Parameters
    ----------
    tiling : Tiling
    first : int, default 0
        First row of tiles.

    Yields
    ------
    range
    """
    at_once = max(_block_height(tiling) // tiling.step, 1)
    for start in range(first, len(tiling.rows), at_once):
        yield range(start, min(start + at_once, len(tiling.rows)))


def block_pixels(tiling: Tiling) -> int:
    """Pixels of the map that are worked on at once.

    Parameters
    ----------
    tiling : Tiling

    Returns
    -------
    int
    """
    margins = 2 * statistics_reach(tiling.tile) + tiling.tile
    return min(_block_height(tiling) + margins, tiling.shape[0]) * tiling.shape[1]


def _block_height(tiling: Tiling) -> int:
    # Margins are computed twice: they are to be a small part.
    return max(_BLOCK_PIXELS // tiling.shape[1], 2 * statistics_reach(tiling.tile))


def _statistics_of_tiles(stretched: Float32Array, tiling: Tiling, tile_rows: range) -> Float64Array:
    """Of tiles of some rows, `(n_rows, n_tile_columns, n_statistics)`; NaN for unusable ones."""
    reach = statistics_reach(tiling.tile)
    rows = tiling.rows[tile_rows.start : tile_rows.stop]
    top = max(int(rows[0]) - reach, 0)
    bottom = int(rows[-1]) + tiling.tile + reach
    found = texture_statistics(stretched[top:bottom], rows - top, tiling.columns, tile=tiling.tile)
    found[~usable_tiles(stretched, tiling, tile_rows)] = np.nan
    return found


def _differences(found: Float64Array, tiling: Tiling) -> Iterator[Float64Array]:
    """Of tiles side by side, in four directions one after the other."""
    straight = max(round(_APART * tiling.tile / tiling.step), 1)
    slanting = max(round(straight / np.sqrt(2.0)), 1)
    for down, across in ((straight, 0), (0, straight), (slanting, slanting)):
        yield found[down:, across:] - found[: len(found) - down, : found.shape[1] - across]
    yield found[slanting:, :-slanting] - found[:-slanting, slanting:]


class _Scatter:
    """Mean product of differences, which are added up."""

    def __init__(self, n: int) -> None:
        self._products, self._count = np.zeros((n, n)), 0

    def add(self, differences: Float64Array) -> None:
        seen = differences[np.isfinite(differences[..., 0])]
        self._products += seen.T @ seen
        self._count += len(seen)

    @property
    def mean(self) -> Float64Array:
        return self._products / max(self._count, 1)


def _discriminants(known: Float64Array, within: _Scatter) -> Float64Array:
    """Combinations with the largest variance in units of that within pairs, mixed, `(8, n)`."""
    spread = known.std(axis=0)
    spread[spread == 0.0] = 1.0
    scale = spread * spread[:, None]
    # A map no wider than a tile has no pairs: what is left are the principal components.
    near = 0.5 * within.mean / scale
    floor = _LEAST_WITHIN * max(float(np.trace(near)) / len(near), _LEAST_WITHIN)
    _, vectors = linalg.eigh(np.cov(known.T) / scale, near + floor * np.eye(len(near)))
    chosen: Float64Array = vectors[:, ::-1][:, :N_AXES].T / spread
    # Numbers are standardised before they are clustered: each gets an equal part of every
    # combination, so that this takes nothing from those that tell more.
    mixed: Float64Array = linalg.hadamard(N_AXES) / np.sqrt(N_AXES) @ chosen
    return mixed
