"""Latents of all tiles of a map, on disk, where a stopped run finds them again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from data_adapters.sky.tiling import Tiling
from equiclust.typing import Float32Array, Float64Array

__all__ = ["SMOOTHING", "LatentGrid", "smoothed_tiles"]


SMOOTHING = 0.5
"""Standard deviation of the Gaussian over which latents of networks are averaged, in tiles."""

_REACH = 3.0


class LatentGrid:
    """`(n_planes, n_tile_rows, n_tile_columns, k)` numbers in a file; NaN for tiles left out.

    Parameters
    ----------
    path : path
        Made when missing.
    tiling : Tiling
    n_planes : int
    n_values : int
        Numbers of one tile.
    smoothing : float, default 0.5
        Standard deviation of the Gaussian over which latents are averaged, in tiles.

    Attributes
    ----------
    sigma : float
        The same in steps from tile to tile.
    """

    def __init__(
        self,
        path: Path,
        tiling: Tiling,
        *,
        n_planes: int,
        n_values: int,
        smoothing: float = SMOOTHING,
    ) -> None:
        self.tiling = tiling
        self.sigma = smoothing * tiling.tile / tiling.step
        self._shape = (n_planes, len(tiling.rows), len(tiling.columns), n_values)
        self._done_path = path.with_suffix(".done")
        if not path.exists():
            self._done_path.unlink(missing_ok=True)
        self._values: npt.NDArray[np.float32] = np.memmap(
            path, np.float32, mode="r+" if path.exists() else "w+", shape=self._shape
        )

    def todo(self) -> Iterator[tuple[int, int]]:
        """Planes and rows of tiles without latents yet, in order.

        Yields
        ------
        (int, int)
            Plane and row of tiles, from 0.
        """
        done = self._n_done
        for number in range(done, self._shape[0] * self._shape[1]):
            yield divmod(number, self._shape[1])

    @property
    def _n_done(self) -> int:
        try:
            return int(self._done_path.read_text())
        except (OSError, ValueError):
            return 0

    @property
    def n_tiles(self) -> int:
        """Tiles of all planes."""
        return int(np.prod(self._shape[:3]))

    @property
    def n_values(self) -> int:
        """Numbers of one tile."""
        return self._shape[3]

    @property
    def n_left_out(self) -> int:
        """Tiles without latents: too much of them is masked, or they are constant."""
        return sum(int(np.isnan(plane[..., 0]).sum()) for plane in self._values)

    def put(self, plane: int, tile_rows: range, values: Float32Array) -> None:
        """Write the latents of some rows of tiles, which follow those written last.

        Parameters
        ----------
        plane : int
            Plane, from 0.
        tile_rows : range
            Rows of tiles.
        values : ndarray (n_rows, n_tile_columns, k), float32
            Latents; NaN for tiles left out.
        """
        self._values[plane, tile_rows.start : tile_rows.stop] = values
        self._values.flush()  # type: ignore[attr-defined]
        self._done_path.write_text(str(plane * self._shape[1] + tile_rows.stop))

    def smoothed(self, plane: int, tile_rows: range) -> Float32Array:
        """Latents averaged over neighbouring tiles.

        Tiles that were left out stay so, and count for nothing in the average of their neighbours.

        Parameters
        ----------
        plane : int
            Plane, from 0.
        tile_rows : range
            Rows of tiles.

        Returns
        -------
        ndarray (n_rows, n_tile_columns, k), float32
            Latents; NaN for tiles left out.
        """
        reach = int(np.ceil(_REACH * self.sigma))
        first = max(tile_rows.start - reach, 0)
        last = min(tile_rows.stop + reach, self._shape[1])
        values = np.array(self._values[plane, first:last], dtype=np.float64)
        kept = slice(tile_rows.start - first, tile_rows.stop - first)
        return smoothed_tiles(values, self.sigma)[kept].astype(np.float32)

    def sample(self, n: int, *, seed: int, rows_at_once: int = 64) -> Float32Array:
        """Smoothed latents of tiles drawn at random.

        Parameters
        ----------
        n : int
            Number of tiles; all that have latents if these are fewer.
        seed : int
            Seed of the draw.
        rows_at_once : int, default 64
            Rows of tiles in memory at a time.

        Returns
        -------
        ndarray (n, k), float32
            Latents.
        """
        n_planes, n_rows, _, _ = self._shape
        generator = np.random.default_rng(seed)
        counts = np.array(
            [np.isfinite(self._values[plane, ..., 0]).sum() for plane in range(n_planes)]
        )
        wanted = _shares(counts, n)
        found = []
        for plane in np.flatnonzero(wanted):
            chosen = np.sort(generator.choice(counts[plane], wanted[plane], replace=False))
            passed = 0
            for first in range(0, n_rows, rows_at_once):
                block = self.smoothed(int(plane), range(first, min(first + rows_at_once, n_rows)))
                flat = block[np.isfinite(block[..., 0])]
                own = chosen[(chosen >= passed) & (chosen < passed + len(flat))] - passed
                found.append(flat[own])
                passed += len(flat)
        return np.concatenate(found) if found else np.empty((0, self._shape[3]), np.float32)


def smoothed_tiles(values: Float64Array, sigma: float) -> Float64Array:
    """Numbers of tiles averaged over neighbouring tiles, but for those left out.

    Parameters
    ----------
    values : ndarray (n_rows, n_columns, k), float64
        NaN for tiles left out, which stay so and count for nothing in the average of others.
    sigma : float
        Standard deviation of the Gaussian in tiles.

    Returns
    -------
    ndarray (n_rows, n_columns, k), float64
    """
    seen = np.isfinite(values[..., :1])
    total = _blurred(np.where(seen, values, 0.0), sigma)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / _blurred(seen.astype(np.float64), sigma)
    return np.where(seen, mean, np.nan)


def _blurred(values: Float64Array, sigma: float) -> Float64Array:
    for axis in (0, 1):
        values = ndimage.gaussian_filter1d(
            values, sigma, axis=axis, mode="constant", truncate=_REACH
        )
    return values


def _shares(counts: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.int64]:
    """How many to take of each, `n` in all and to each by its size."""
    total = int(counts.sum())
    if total <= n:
        return counts
    edges = np.floor(np.cumsum(counts) * (n / total) + 0.5).astype(np.int64)
    shares: npt.NDArray[np.int64] = np.diff(edges, prepend=0)
    return shares
