"""The table of a segmentation without its training: the labels are given."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from benchmarks.given_labels import segment_by
from data_adapters.sky import open_sky_map
from equiclust.segmentation.label_maps import write_segment_map
from equiclust.segmentation.planes import open_planes
from equiclust.segmentation.regions import write_regions
from equiclust.segmentation.segment_map import SegmentMap
from equiclust.segmentation.segment_table import segments

__all__ = ["Segmented", "halves", "segmented"]


class Segmented(NamedTuple):
    """What `equiclust segment` writes."""

    table: Table
    map: SegmentMap
    labels: Path
    regions: Path


def halves(shape: tuple[int, ...]) -> npt.NDArray[np.int16]:
    """Two segments, left and right."""
    labels = np.zeros(shape, np.int16)
    labels[..., shape[-1] // 2 :] = 1
    return labels


def segmented(path: Path, folder: Path, *, cube: str = "integrated", stokes: str = "") -> Segmented:
    """Everything that follows from the labels, which are two halves."""
    sky = open_sky_map(path, stokes=stokes)
    planes = open_planes(sky, cube, group=1, folder=folder)
    found, data = segment_by(halves, planes, sky)
    written, outlines = folder / "kinds.fits", folder / "kinds.reg"
    write_segment_map(found, written)
    if sky.wcs is not None:
        write_regions(found, outlines, min_pixels=1)
    return Segmented(segments(found, data, min_pixels=1), found, written, outlines)
