"""Mosaics of steel textures with truth: statistics of texture beside networks of the map."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.io import fits
from sklearn.metrics import adjusted_rand_score

from benchmarks.tables import Table
from data_adapters.sky.sky_map import open_sky_map
from equiclust.segmentation.options import SegmentOptions
from equiclust.segmentation.segment import segment_sky_map

__all__ = ["mosaics_table"]

_SIDE, _CELLS, _N_CLASSES = 200, 3, 4
_ENCODERS = ("statistics", "own")


def mosaics_table(*, seeds: Iterable[int] = range(4)) -> Table:
    """Pixel ARI on maps of 3 x 3 pictures of the NEU steel defects, of at most four classes.

    Every picture has mean 0 and variance 1 and is turned by a random quarter turn.

    Parameters
    ----------
    seeds : iterable of int, default range(4)
    """
    with np.load(Path(os.environ["EQUICLUST_DATA"]) / "neu_steel.npz") as stored:
        images, classes = stored["images"].astype(np.float32), stored["labels"]
    rows = []
    for seed in seeds:
        mosaic, truth = _mosaic(images, classes, seed)
        row: dict[str, Any] = {"seed": seed, "classes": len(np.unique(truth))}
        for encoder in _ENCODERS:
            row |= _scored(mosaic, truth, encoder)
        rows.append(row)
        print(row, flush=True)
    return Table("texture_mosaics", "Mosaics of steel textures, 600 x 600", rows)


def _mosaic(
    images: npt.NDArray[np.float32], classes: npt.NDArray[np.int64], seed: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    kinds = generator.permutation(classes.max() + 1)[:_N_CLASSES]
    mosaic = np.zeros((_CELLS * _SIDE,) * 2, dtype=np.float32)
    truth = np.zeros(mosaic.shape, dtype=np.int64)
    for y in range(_CELLS):
        for x in range(_CELLS):
            kind = generator.integers(_N_CLASSES)
            one = images[generator.choice(np.flatnonzero(classes == kinds[kind]))]
            one = np.rot90((one - one.mean()) / one.std(), generator.integers(4))
            cell = np.s_[y * _SIDE : (y + 1) * _SIDE, x * _SIDE : (x + 1) * _SIDE]
            mosaic[cell], truth[cell] = one, kind
    return mosaic, truth


def _scored(
    mosaic: npt.NDArray[np.float32], truth: npt.NDArray[np.int64], encoder: str
) -> dict[str, float]:
    options = SegmentOptions(n_clusters=len(np.unique(truth)), encoder=encoder)
    with TemporaryDirectory() as place:
        path, working = Path(place, "mosaic.fits"), Path(place, "working")
        fits.writeto(path, mosaic)
        working.mkdir()
        started = perf_counter()
        found = segment_sky_map(open_sky_map(str(path)), options, working).segment_map
        seconds = perf_counter() - started
    score = adjusted_rand_score(truth.ravel(), found.labels.ravel())
    return {f"{encoder}, pixel ARI": float(score), f"{encoder}, seconds": seconds}
