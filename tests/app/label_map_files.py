"""Label maps with their data, tables and records, as a segmentation leaves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from equiclust.io.atomic import write_json
from equiclust.io.catalogue import write_table
from equiclust.segmentation.label_maps import write_segment_map
from equiclust.segmentation.segment_map import SegmentMap
from equiclust.segmentation.segment_table import segments
from tests.segmentation.segment_maps import blobs, cube_sky, make_map, sky

Made = tuple[Path, SegmentMap, np.ndarray]

HEIGHT, WIDTH, CHANNELS = 41, 53, 7


def write_all(
    folder: Path, segment_map: SegmentMap, data: np.ndarray, header: fits.Header, **options: Any
) -> Path:
    """A label map with the table and record of a job, and the map that it is said to be of."""
    source, labels = folder / "sky.fits", folder / "kinds.fits"
    fits.writeto(source, data, header)
    write_segment_map(segment_map, labels)
    values = data if data.shape == segment_map.labels.shape else np.zeros(segment_map.labels.shape)
    write_table(segments(segment_map, values, min_pixels=4), folder / "kinds.segments.ecsv")
    stat = source.stat()
    known = {"path": str(source), "size": stat.st_size, "modified": stat.st_mtime_ns}
    job = {"files": {"map": {**known, "extension": ""}}, "options": options}
    write_json(folder / "kinds.json", {"job": job})
    return labels


def noise(*shape: int) -> np.ndarray:
    values = np.random.default_rng(3).normal(5.0, 2.0, shape).astype(np.float32)
    values[..., 10:14, 20:27] = np.nan
    return values


def flat_map(folder: Path) -> Made:
    header = sky(BUNIT="K")
    segment_map = make_map(blobs((HEIGHT, WIDTH)), sky(), unit="K")
    data = noise(HEIGHT, WIDTH)
    return write_all(folder, segment_map, data, header), segment_map, data


def cube_map(folder: Path) -> Made:
    """Labels of every two channels of seven."""
    header = cube_sky(BUNIT="K")
    planes = -(-CHANNELS // 2)
    segment_map = make_map(blobs((planes, HEIGHT, WIDTH)), cube_sky(), unit="K")
    data = noise(CHANNELS, HEIGHT, WIDTH)
    path = write_all(folder, segment_map, data, header, cube="channels", channel_group=2)
    return path, segment_map, data


def moment_map(folder: Path) -> Made:
    """Labels of two axes of a cube."""
    segment_map = make_map(blobs((HEIGHT, WIDTH)), sky(), unit="K m s-1")
    data = noise(CHANNELS, HEIGHT, WIDTH)
    path = write_all(folder, segment_map, data, cube_sky(BUNIT="K"), cube="integrated")
    return path, segment_map, data
