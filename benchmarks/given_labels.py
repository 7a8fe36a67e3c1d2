"""A segmentation without its training: the labels are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from data_adapters.sky import SkyMap
from equiclust.segmentation.labelling import Labelled
from equiclust.segmentation.planes import Planes
from equiclust.segmentation.segment import _as_segment_map
from equiclust.segmentation.segment_map import MASKED, SegmentMap

__all__ = ["segment_by"]

Labelling = Callable[[tuple[int, ...]], npt.NDArray[np.int16]]


def segment_by(
    labelling: Labelling, planes: Planes, sky: SkyMap
) -> tuple[SegmentMap, npt.NDArray[Any]]:
    """Segmentation of planes by labels that a function makes, and the pixels that were labelled.

    Parameters
    ----------
    labelling : callable
        Labels, int16, for a shape `(n_planes, h, w)`; pixels that are not finite are masked.
    planes : Planes
    sky : SkyMap
        The map that the planes are of.

    Returns
    -------
    SegmentMap
        With membership 1 everywhere.
    ndarray
        `(h, w)` or, where every plane has its own labels, `(n_planes, h, w)`.
    """
    data = np.stack([planes.read(number) for number in range(planes.count)])
    labels = labelling(data.shape)
    labels[~np.isfinite(data)] = MASKED
    membership = np.where(labels == MASKED, np.nan, 1.0).astype(np.float32)
    labelled = Labelled(labels, membership, np.ones(labels.shape, np.int32))
    return _as_segment_map(labelled, planes, sky), data[0] if planes.flat else data
