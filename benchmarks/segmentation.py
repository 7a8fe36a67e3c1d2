"""Simulated clouds of four textures: which method finds them, and what turning the sky changes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from sklearn.metrics import adjusted_rand_score

from benchmarks.sky_baselines import SKY_BASELINES
from benchmarks.tables import Table
from data_adapters.sky.sky_map import open_sky_map
from equiclust.segmentation.options import SegmentOptions
from equiclust.segmentation.segment import Segmentation, segment_sky_map
from equiclust.simulation.cloud_files import write_cloud_map

__all__ = ["boundary_error", "clouds_tables", "rotated_table"]

Labels = npt.NDArray[np.integer[Any]]

_SIDE, _N_CLASSES, _ANGLE = 512, 4, 37.0
_OURS = "equiclust segment"


def clouds_tables(*, seeds: Iterable[int] = range(5)) -> Iterable[Table]:
    """Two tables: every method on maps with truth, and ours on the same rotated sky."""
    seeds = list(seeds)
    scores: dict[str, list[tuple[float, float, float]]] = {
        name: [] for name in (_OURS, *SKY_BASELINES)
    }
    rotated: list[tuple[float, float]] = []
    for seed in seeds:
        with TemporaryDirectory() as place:
            folder = Path(place)
            truth = write_cloud_map(folder / "sky.fits", (_SIDE, _SIDE), random_state=seed)
            started = perf_counter()
            found = _segmented(folder / "sky.fits", folder / "ours")
            labels = found.segment_map.labels
            scores[_OURS].append(_scored(truth, labels, perf_counter() - started))
            rotated.append(_rotated(folder, found, seed))
            plane = open_sky_map(folder / "sky.fits").read()[0]
            for name, method in SKY_BASELINES.items():
                started = perf_counter()
                by_method = method(plane, _N_CLASSES, seed)
                scores[name].append(_scored(truth, by_method, perf_counter() - started))
        print(
            seed,
            {name: np.round(own[-1], 3).tolist() for name, own in scores.items()},
            rotated[-1],
            flush=True,
        )
    yield Table(
        "clouds",
        f"Simulated clouds of four textures, {len(seeds)} maps of 512 x 512",
        _rows(scores),
    )
    yield rotated_table(rotated)


def rotated_table(rotated: list[tuple[float, float]]) -> Table:
    """Share of the pixels that keep their label when the sky is rotated."""
    quarter, other = np.array(rotated).T
    row = {
        "maps": len(rotated),
        "by 90 degrees, least": float(quarter.min()),
        "by 37 degrees, mean": float(other.mean()),
        "by 37 degrees, least": float(other.min()),
    }
    return Table("clouds_rotated", "Labels that stay the same when the sky is rotated", [row])


def _rows(scores: dict[str, list[tuple[float, float, float]]]) -> list[dict[str, Any]]:
    rows = []
    for name, own in scores.items():
        ari, error, seconds = np.array(own).T
        rows.append(
            {
                "method": name,
                "pixel ARI": float(ari.mean()),
                "spread": float(ari.std()),
                "boundary error / px": float(error.mean()),
                "seconds, median": float(np.median(seconds)),
            }
        )
    return rows


def _segmented(path: Path, folder: Path, model: Path | None = None) -> Segmentation:
    folder.mkdir()
    options = SegmentOptions(n_clusters=_N_CLASSES)
    return segment_sky_map(open_sky_map(path), options, folder, model=model)


def _scored(truth: Labels, labels: Labels, seconds: float) -> tuple[float, float, float]:
    ari = adjusted_rand_score(truth.ravel(), labels.ravel())
    return float(ari), boundary_error(truth, labels), seconds


def boundary_error(truth: Labels, labels: Labels) -> float:
    """Mean distance in pixels from a boundary of one map to the nearest of the other.

    The mean of both directions, so that neither too many nor too few boundaries pay.
    """
    edges = [_edges(one) for one in (truth, labels)]
    if not all(edge.any() for edge in edges):
        return float("nan")
    distances = [ndimage.distance_transform_edt(~edge) for edge in edges]
    return 0.5 * float(distances[0][edges[1]].mean() + distances[1][edges[0]].mean())


def _edges(labels: Labels) -> npt.NDArray[np.bool_]:
    edges = np.zeros(labels.shape, dtype=bool)
    edges[:-1] |= labels[:-1] != labels[1:]
    edges[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    return edges


def _rotated(folder: Path, found: Segmentation, seed: int) -> tuple[float, float]:
    """Agreement by a quarter turn, on all pixels, and by 37 degrees, a tile from the edge."""
    labels = found.segment_map.labels
    agreement = []
    for angle in (90.0, _ANGLE):
        path = folder / f"rotated_{angle:.0f}.fits"
        write_cloud_map(path, (_SIDE, _SIDE), random_state=seed, angle=angle)
        again = _segmented(path, folder / path.stem, found.model).segment_map.labels
        if angle == 90.0:
            agreement.append(float(np.mean(np.rot90(labels) == again)))
            continue
        expected = ndimage.rotate(labels, angle, reshape=False, order=0, cval=-9)
        y, x = np.indices(labels.shape) - (_SIDE - 1) / 2
        inner = np.hypot(y, x) < _SIDE / 2 - 32
        agreement.append(float(np.mean((expected == again)[inner])))
    return agreement[0], agreement[1]
