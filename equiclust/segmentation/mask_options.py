"""What of a map the user wants left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data_adapters.sky.masks import mask_from_file, region_mask, threshold_mask, weight_mask
from data_adapters.sky.moments import moment_maps
from data_adapters.sky.sky_map import SkyMap
from equiclust.exceptions import InputError

__all__ = ["MaskOptions", "read_mask"]

BoolArray = npt.NDArray[np.bool_]
Update = Callable[[int, int, str], None]


@dataclass(frozen=True)
class MaskOptions:
    """Masks that were asked for, which are joined; blank pixels are masked anyway.

    Parameters
    ----------
    mask : str, optional
        FITS image, or ``[EXT]`` in the map's file; what is not 0 is ignored.
    weights : str, optional
        FITS image of weights.
    min_weight : float, optional
        Where the weight is below, pixels are ignored.
    threshold : float, optional
        Pixels that are not brighter than the sky by so many sigma are ignored.
    region : str, optional
        DS9 region file; what is outside is ignored.
    """

    mask: str | None = None
    weights: str | None = None
    min_weight: float | None = None
    threshold: float | None = None
    region: str | None = None

    def __post_init__(self) -> None:
        if (self.weights is None) != (self.min_weight is None):
            raise InputError("--weights and --min-weight must be given together, got one")


def read_mask(sky: SkyMap, options: MaskOptions, on_progress: Update) -> BoolArray | None:
    """All masks joined, `(h, w)` with `True` = ignore; `None` when none was asked for.

    Raises
    ------
    InputError
        When a mask does not fit the map, or leaves nothing of it.
    UnreadableFileError
        When a file cannot be read.
    """
    found: list[BoolArray] = []
    if options.mask is not None:
        found.append(mask_from_file(sky, options.mask))
    if options.weights is not None and options.min_weight is not None:
        found.append(weight_mask(sky, options.weights, options.min_weight))
    if options.region is not None:
        found.append(region_mask(sky, options.region))
    if options.threshold is not None:
        found.append(_faint(sky, options.threshold, on_progress))
    if not found:
        return None
    concatenate_latents: BoolArray = np.logical_or.reduce(found)
    if concatenate_latents.all():
        raise InputError("the masks together leave no pixel of the map; mask less")
    return concatenate_latents


def _faint(sky: SkyMap, n_sigma: float, on_progress: Update) -> BoolArray:
    """Of a cube, pixels without a channel that is bright enough."""
    if sky.shape[0] == 1:
        return threshold_mask(sky.read()[0], n_sigma)
    return np.isnan(moment_maps(sky, n_sigma=n_sigma, on_progress=on_progress).low)
